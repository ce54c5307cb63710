//! May VFIO work without an IOMMU?

use virtfn_host::{Host, Seen};

use crate::evidence::{Running, iommus};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "unsafe-noiommu",
    label: "no-IOMMU mode",
    about: About::Host,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(judge),
    page: include_str!("unsafe_noiommu.md"),
};

const PATH: &str = "sys/module/vfio/parameters/enable_unsafe_noiommu_mode";

fn judge(host: &Host) -> Opinion {
    let loaded = host.kernel.loaded_modules.known().map(|modules| modules.contains("vfio"));
    match host.kernel.parameters.get("vfio.enable_unsafe_noiommu_mode") {
        Some(Seen::Known(value)) if value == "Y" => on(host),
        Some(Seen::Known(value)) => Opinion::pass("off").saw(PATH, value.as_str()),
        Some(Seen::Absent) if loaded == Some(true) => {
            Opinion::pass("this kernel has no such mode").saw(PATH, "not there, and vfio is loaded")
        }
        Some(Seen::Absent) if loaded == Some(false) => {
            Opinion::pass("off: VFIO is not loaded").saw("proc/modules", "no vfio")
        }
        seen => Opinion::unknown("whether VFIO may work without an IOMMU could not be seen")
            .missed(PATH, seen.unwrap_or(&Seen::Absent)),
    }
}

fn on(host: &Host) -> Opinion {
    let opinion = match iommus(host) {
        Running::Yes { path, value } => Opinion::warn(
            "VFIO may hand devices over without an IOMMU, although this machine has one",
        )
        .saw(path, value),
        Running::No | Running::NotSeen => Opinion::warn(
            "VFIO hands devices over without an IOMMU: whoever has one can write anywhere",
        ),
    };
    opinion
        .saw(PATH, "Y")
        .fix(format!("echo N > /{PATH}, and remove the option from /etc/modprobe.d"))
        .fix("switch the IOMMU on instead: virtfn doctor says how")
}

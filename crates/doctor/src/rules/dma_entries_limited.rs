//! May a program map as many pieces of memory as it needs?

use virtfn_host::{Host, Seen};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "dma-entries-limited",
    label: "DMA entries",
    about: About::Host,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Advice,
    follows: &["vfio-missing"],
    judge: Judge::Host(judge),
    page: include_str!("dma_entries_limited.md"),
};

const PATH: &str = "sys/module/vfio_iommu_type1/parameters/dma_entry_limit";
/// The kernel's own choice.
const USUAL: u64 = 65_535;

fn judge(host: &Host) -> Opinion {
    let seen = host.kernel.parameters.get("vfio_iommu_type1.dma_entry_limit");
    let Some(Seen::Known(value)) = seen else {
        return match seen {
            // Somebody who set less by an option shows once the module is there.
            Some(Seen::Absent) if is_loaded(host) == Some(false) => {
                Opinion::pass("VFIO is not loaded yet").saw("proc/modules", "no vfio_iommu_type1")
            }
            Some(seen) => Opinion::unknown("how many mappings VFIO allows could not be seen")
                .missed(PATH, seen),
            None => Opinion::unknown("how many mappings VFIO allows could not be seen")
                .saw(PATH, "not looked at"),
        };
    };
    match value.parse::<u64>() {
        Ok(limit) if limit >= USUAL => {
            Opinion::pass(format!("{limit} mappings")).saw(PATH, value.as_str())
        }
        _ => Opinion::warn(format!("VFIO allows {value} mappings, fewer than by default"))
            .saw(PATH, value.as_str())
            .fix(format!("echo {USUAL} > /{PATH}"))
            .fix("huge pages need fewer mappings"),
    }
}

fn is_loaded(host: &Host) -> Option<bool> {
    host.kernel.loaded_modules.known().map(|modules| modules.contains("vfio_iommu_type1"))
}

//! May a PF on vfio-pci make VFs?

use virtfn_host::{Function, Host, Seen, is_vfio_driver};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "vfio-pf-sriov-off",
    label: "PF on VFIO",
    about: About::EachPf,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Each(judge),
    page: include_str!("vfio_pf_sriov_off.md"),
};

const PATH: &str = "sys/module/vfio_pci/parameters/enable_sriov";

fn judge(host: &Host, function: &Function) -> Opinion {
    let Some(driver) = function.driver.as_deref().filter(|driver| is_vfio_driver(driver)) else {
        return Opinion::not_applicable("is not on VFIO");
    };
    match host.kernel.parameters.get("vfio_pci.enable_sriov") {
        Some(Seen::Known(value)) if value == "Y" => Opinion::pass("vfio-pci makes VFs of it")
            .saw(PATH, "Y")
            .saw(at(function, "driver"), driver),
        Some(Seen::Known(value)) => Opinion::warn("is on vfio-pci, which was not told to make VFs")
            .saw(PATH, value.as_str())
            .saw(at(function, "driver"), driver)
            .fix(format!("virtfn bind {} --default", function.address.short()))
            .fix(format!(
                "or echo Y > /{PATH}, if its holder shall make VFs and knows their token"
            )),
        seen => Opinion::unknown("whether vfio-pci may make VFs could not be seen")
            .missed(PATH, seen.unwrap_or(&Seen::Absent)),
    }
}

//! Does vfio-pci refuse this kind of device?

use virtfn_host::{Function, Host, Seen};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "vfio-denylisted",
    label: "VFIO list",
    about: About::EachGuest,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Requirement,
    follows: &[],
    judge: Judge::Each(judge),
    page: include_str!("vfio_denylisted.md"),
};

const PATH: &str = "sys/module/vfio_pci/parameters/disable_denylist";
/// drivers/vfio/pci/vfio_pci.c, `vfio_pci_dev_in_denylist`: QAT and DSA/IAX of Intel, whose
/// errata let a guest harm its host.
const DENIED: [(u16, u16); 8] = [
    (0x8086, 0x19e2),
    (0x8086, 0x19e3),
    (0x8086, 0x37c8),
    (0x8086, 0x37c9),
    (0x8086, 0x0435),
    (0x8086, 0x0443),
    (0x8086, 0x0b25),
    (0x8086, 0x0cfe),
];

fn judge(host: &Host, function: &Function) -> Opinion {
    let ids = (function.ids.vendor, function.ids.device);
    let told = format!("{:04x}:{:04x}", ids.0, ids.1);
    if !DENIED.contains(&ids) {
        return Opinion::pass("vfio-pci takes such devices").saw(at(function, "device"), told);
    }
    match host.kernel.parameters.get("vfio_pci.disable_denylist") {
        Some(Seen::Known(value)) if value == "Y" => {
            Opinion::warn("is known to harm its host, and vfio-pci was told not to mind")
                .saw(at(function, "device"), told)
                .saw(PATH, "Y")
                .fix("hand it over to guests that you trust alone")
        }
        _ => Opinion::fail("vfio-pci refuses such devices: their faults let a guest harm its host")
            .saw(at(function, "device"), told)
            .fix("use the device on the host")
            .fix(
                "for guests that you trust: options vfio-pci disable_denylist=1 in /etc/modprobe.d",
            ),
    }
}

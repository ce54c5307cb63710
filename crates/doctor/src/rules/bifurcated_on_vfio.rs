//! Is a card on VFIO whose DPDK driver wants the kernel's?

use virtfn_host::{Function, Host};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "bifurcated-on-vfio",
    label: "DPDK driver",
    about: About::EachGuest,
    matters_for: Uses::DPDK,
    weight: Weight::Preparation,
    follows: &[],
    judge: Judge::Each(judge),
    page: include_str!("bifurcated_on_vfio.md"),
};

/// NVIDIA (Mellanox) network cards and Microsoft's MANA: their DPDK drivers work beside the
/// kernel's own.
const BIFURCATED: [(u16, Option<u16>); 2] = [(0x15b3, None), (0x1414, Some(0x00ba))];

fn judge(_: &Host, function: &Function) -> Opinion {
    let is_one = BIFURCATED.iter().any(|(vendor, device)| {
        *vendor == function.ids.vendor && device.is_none_or(|device| device == function.ids.device)
    });
    let is_network = function.ids.class >> 16 == 0x02;
    let path = at(function, "driver");
    let driver = function.driver.as_deref().unwrap_or("not there");
    if !(is_one && is_network && function.is_passed_through()) {
        return Opinion::pass("on the driver that DPDK wants").saw(path, driver);
    }
    Opinion::warn(format!(
        "DPDK's driver for it works beside the kernel's own, and finds nothing on {driver}"
    ))
    .saw(path, driver)
    .fix(format!("virtfn bind {} --default", function.address.short()))
    .fix("a VM is another matter: it needs vfio-pci")
}

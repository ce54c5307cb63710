//! Is a VF on a driver that cannot work with it?

use virtfn_host::{Function, Host};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "uio-for-vf",
    label: "UIO",
    about: About::EachVf,
    matters_for: Uses::DPDK,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("uio_for_vf.md"),
};

fn judge(_: &Host, function: &Function) -> Opinion {
    let path = at(function, "driver");
    match function.driver.as_deref() {
        Some("uio_pci_generic") => {
            Opinion::warn("uio_pci_generic needs a kind of interrupt that no VF has")
                .saw(path, "uio_pci_generic")
                .fix(format!("virtfn bind {} vfio-pci", function.address.short()))
        }
        Some("igb_uio") => Opinion::warn("igb_uio lets a program write anywhere in memory")
            .saw(path, "igb_uio")
            .fix(format!("virtfn bind {} vfio-pci", function.address.short())),
        driver => Opinion::pass("not on a UIO driver").saw(path, driver.unwrap_or("not there")),
    }
}

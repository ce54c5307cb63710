//! Has the PF a driver that can make VFs?

use virtfn_host::{Function, Host, Seen, is_vfio_driver};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "pf-driver-missing",
    label: "PF driver",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Requirement,
    follows: &[],
    judge: Judge::Each(judge),
    page: include_str!("pf_driver_missing.md"),
};

/// Drivers that hand a function to user space and can make no VFs.
const HOLLOW: [&str; 3] = ["uio_pci_generic", "igb_uio", "pci-stub"];

fn judge(_: &Host, function: &Function) -> Opinion {
    let path = at(function, "driver");
    match function.driver.as_deref() {
        None => missing(function).saw(path, "not there"),
        Some(name) if HOLLOW.contains(&name) => {
            Opinion::fail(format!("its driver {name} makes no VFs"))
                .saw(path, name)
                .fix(format!("virtfn bind {} --default", function.address.short()))
        }
        Some(name) if is_vfio_driver(name) => {
            Opinion::warn(format!("is on {name} itself: its VFs need a token from its holder"))
                .saw(path, name)
                .fix(format!("virtfn bind {} --default", function.address.short()))
        }
        Some(name) => Opinion::pass(name).saw(path, name),
    }
}

fn missing(function: &Function) -> Opinion {
    let made = function.pf().map_or(0, |pf| pf.vfs.len());
    let opinion = match made {
        0 => Opinion::fail("has no driver, so it cannot make VFs"),
        _ => Opinion::fail(format!("has no driver any more: its {made} VFs are dead")),
    };
    match &function.modules {
        Seen::Known(modules) if modules.is_empty() => opinion
            .saw(at(function, "modalias"), "no module of this kernel fits")
            .fix("install its driver: the kernel's whole set of modules, or the maker's own"),
        Seen::Known(modules) => opinion
            .fix(format!("modprobe {}", modules[0]))
            .fix(format!("virtfn bind {} --default", function.address.short())),
        seen => opinion
            .missed(&at(function, "modalias"), seen)
            .fix(format!("virtfn bind {} --default", function.address.short())),
    }
}

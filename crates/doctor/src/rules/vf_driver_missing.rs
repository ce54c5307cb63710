//! Would this host know what to do with the PF's VFs itself?

use virtfn_host::{Function, Host, Pf, Seen, is_vfio_driver};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "vf-driver-missing",
    label: "VF driver",
    about: About::EachPf,
    // A VM brings its own.
    matters_for: Uses::DPDK.and(Uses::CONTAINER),
    weight: Weight::Advice,
    follows: &["pf-driver-missing", "sriov-missing"],
    judge: Judge::Each(judge),
    page: include_str!("vf_driver_missing.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let Some(pf) = function.pf() else {
        return Opinion::not_applicable("makes no VFs");
    };
    if let Some((vf, driver)) = bound(host, pf) {
        return Opinion::pass(driver).saw(at(vf, "driver"), driver);
    }
    match &pf.vf_modules {
        Seen::Known(modules) => match modules.iter().find(|name| !name.starts_with("vfio")) {
            Some(module) => {
                Opinion::pass(module.as_str()).saw("lib/modules/*/modules.alias", module.as_str())
            }
            None => missing(pf),
        },
        seen => Opinion::unknown("whether this host has a driver for its VFs could not be seen")
            .missed(&at(function, "modalias"), seen),
    }
}

/// A VF that a driver of this host has, which proves that there is one.
fn bound<'h>(host: &'h Host, pf: &Pf) -> Option<(&'h Function, &'h str)> {
    let vfs = pf.vfs.values().filter_map(|address| host.functions.get(address));
    vfs.filter_map(|vf| Some((vf, vf.driver.as_deref()?)))
        .find(|(vf, driver)| !is_vfio_driver(driver) && !vf.is_passed_through())
}

fn missing(pf: &Pf) -> Opinion {
    let device = match &pf.vf_device {
        Seen::Known(device) => format!("no driver of this kernel fits VFs of device {device:04x}"),
        Seen::Absent | Seen::Unreadable(_) => "no driver of this kernel fits its VFs".into(),
    };
    Opinion::warn("this host has no driver for its VFs: they get no network interface here")
        .saw("lib/modules/*/modules.alias", device)
        .fix("install the kernel's whole set of modules, or the maker's VF driver")
        .fix("VMs are not touched by this: a guest brings its own driver")
}

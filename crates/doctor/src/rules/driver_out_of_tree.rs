//! Do PF and VF driver come from the same hands?

use std::collections::BTreeSet;

use virtfn_host::{Function, Host, Seen, is_vfio_driver};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "driver-out-of-tree",
    label: "driver origin",
    about: About::EachPf,
    matters_for: Uses::DPDK.and(Uses::CONTAINER),
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("driver_out_of_tree.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let (Some(driver), Some(pf)) = (function.driver.as_deref(), function.pf()) else {
        return Opinion::not_applicable("has no driver");
    };
    let vfs = pf.vfs.values().filter_map(|address| host.functions.get(address));
    let of_vfs: BTreeSet<&str> = vfs
        .filter(|vf| !vf.is_passed_through())
        .filter_map(|vf| vf.driver.as_deref())
        .filter(|name| *name != driver && !is_vfio_driver(name))
        .collect();
    let Some(own) = is_foreign(host, driver) else {
        let unseen = Opinion::unknown(format!("where {driver} comes from could not be seen"));
        return match host.platform.taints.get(driver) {
            Some(seen) => unseen.missed(&path(driver), seen),
            None => unseen.saw(path(driver), "not looked at"),
        };
    };
    let word = |foreign: bool| if foreign { "O: not the kernel's own" } else { "the kernel's own" };
    let mixed =
        of_vfs.iter().find(|name| is_foreign(host, name).is_some_and(|foreign| foreign != own));
    match mixed {
        None => Opinion::pass(format!("{driver}: {}", word(own))).saw(path(driver), word(own)),
        Some(name) => Opinion::warn(format!(
            "{driver} and {name}, its VFs' driver, come from different hands and may not understand each other"
        ))
        .saw(path(driver), word(own))
        .saw(path(name), word(!own))
        .fix("take both from the kernel, or both from the maker, of releases that belong together"),
    }
}

fn path(driver: &str) -> String {
    format!("sys/bus/pci/drivers/{driver}/module/taint")
}

/// Is the driver's module from outside the kernel? A driver that is built in has no taint.
fn is_foreign(host: &Host, driver: &str) -> Option<bool> {
    match host.platform.taints.get(driver)? {
        Seen::Known(taint) => Some(taint.contains('O')),
        Seen::Absent => Some(false),
        Seen::Unreadable(_) => None,
    }
}

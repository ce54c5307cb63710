//! What a comparison should have told and could not.

use virtfn_host::{Function, Seen, VfId};
use virtfn_pci::{CapabilityId, Looked};

use super::facts::{Facts, MODULES, at, unrecorded, walk};
use crate::unseen::Unseen;

pub(super) fn of(facts: &Facts<'_>) -> Vec<Unseen> {
    let mut unseen = Vec::new();
    for function in std::iter::once(facts.device).chain(facts.made()) {
        of_function(function, &mut unseen);
    }
    of_settings(facts, &mut unseen);
    if facts.is_ethernet() {
        of_interface(facts, &mut unseen);
    }
    unseen
}

fn of_function(function: &Function, unseen: &mut Vec<Unseen>) {
    let address = Some(function.address);
    let mut note = |what, seen: Option<&virtfn_host::Unreadable>| {
        unseen.extend(seen.map(|seen| Unseen::new(address, what, seen)));
    };
    note("config", function.config.unreadable());
    note("resources", function.resources.unreadable());
    note("reset-methods", function.reset_methods.unreadable());
    note("holders", function.holders.unreadable());
    if matches!(function.holders, Seen::Absent) {
        unseen.push(Unseen::unrecorded(function.address, "holders", "virtfn/open-nodes.json"));
    }
    let cut =
        |walk: virtfn_pci::Walk| matches!(walk.first(CapabilityId::ACS), Looked::NotVisible(_));
    if walk(function).is_some_and(cut) {
        unseen.push(Unseen {
            address,
            what: "capabilities",
            path: at(function, "config"),
            why: "config space could not be read to its end (root can)".into(),
        });
    }
}

/// What the PF's driver says of its VFs, and which VFIO drivers fit.
fn of_settings(facts: &Facts<'_>, unseen: &mut Vec<Unseen>) {
    let Some(pf) = facts.pf() else { return };
    let address = facts.device.address;
    let path = format!("virtfn/vfs-{address}.json");
    match &pf.admin {
        Seen::Known(told) => {
            let untold = pf.vfs.iter().filter(|(index, _)| !told.contains_key(index));
            unseen.extend(
                untold.map(|(index, vf)| Unseen::untold(*vf, VfId { pf: address, index: *index })),
            );
        }
        Seen::Absent if pf.vfs.is_empty() || facts.netdev().is_none() => {}
        Seen::Absent => unseen.push(Unseen::unrecorded(address, "vf-settings", &path)),
        Seen::Unreadable(why) => unseen.push(Unseen::new(Some(address), "vf-settings", why)),
    }
    if let Some(why) = pf.eswitch.unreadable() {
        unseen.push(Unseen::new(Some(address), "eswitch", why));
    }
}

fn of_interface(facts: &Facts<'_>, unseen: &mut Vec<Unseen>) {
    let host = facts.host;
    let mut note = |what, path: &str, seen: Seen<()>| match seen {
        Seen::Known(()) => {}
        Seen::Unreadable(why) => unseen.push(Unseen::new(None, what, &why)),
        Seen::Absent => unseen.push(Unseen::new(None, what, &unrecorded(path))),
    };
    note("netdevs", "virtfn/links.json", host.netdevs.as_ref().map(|_| ()));
    note("default-routes", "proc/net/route", host.platform.default_routes.as_ref().map(|_| ()));
    note("modules", MODULES, host.kernel.sharing_modules.as_ref().map(|_| ()));
}

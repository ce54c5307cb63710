//! Can the host share its own interface, or its drive, among guests?

use virtfn_host::{MasterKind, Seen};

use super::Standing;
use super::interface::{Taken, judge, needs, taken, vhost};
use crate::compare::Mark;
use crate::compare::facts::{Facts, Module, at, list};
use crate::compare::reason::Reason;

pub(super) fn macvtap(facts: &Facts<'_>) -> Standing {
    if !facts.is_network() {
        return Standing::none("it is no network card");
    }
    if !facts.is_ethernet() {
        return Standing::none("macvtap takes Ethernet alone");
    }
    let mut reasons = judge(facts);
    reasons.extend(free(facts));
    reasons.extend(needs(facts, "macvtap"));
    reasons.extend(vhost(facts));
    Standing::of(reasons, format!("on {}", facts.name()))
}

/// Macvtap wants the interface's packets for itself.
fn free(facts: &Facts<'_>) -> Option<Reason> {
    let (object, name) = (facts.device.address.short(), facts.name());
    let path = format!("sys/class/net/{name}/master");
    match taken(facts) {
        Taken::Free => None,
        Taken::By(master, kind) => {
            let what = match kind {
                MasterKind::Bridge => "bridge",
                MasterKind::Bond => "bond",
                MasterKind::Other => "switch",
            };
            let summary = format!(
                "{name} is a port of {what} {master}: the kernel gives its packets to one taker (EBUSY)"
            );
            let reason = Reason::own(Mark::No, object, &format!("a port of {master}"), summary);
            Some(reason.saw(path, master).fix(match kind {
                MasterKind::Bond => format!("put the macvtap on {master} itself"),
                _ => format!("give the guest a port of {master} instead: the virtio way"),
            }))
        }
        Taken::NotSeen(master) => Some(master_unseen(facts, master)),
    }
}

fn master_unseen(facts: &Facts<'_>, master: &str) -> Reason {
    let (object, name) = (facts.device.address.short(), facts.name());
    let summary = format!("what {master} is, which has {name}, could not be seen");
    Reason::own(Mark::Unknown, object, "its master not seen", summary)
        .saw(format!("sys/class/net/{name}/master"), master)
}

pub(super) fn virtio(facts: &Facts<'_>) -> Standing {
    if facts.is_drive() {
        return drive(facts);
    }
    if !facts.is_network() {
        return Standing::none("neither network card nor NVMe drive");
    }
    if !facts.is_ethernet() {
        return Standing::none("a bridge takes Ethernet alone");
    }
    let mut reasons = judge(facts);
    reasons.extend(needs(facts, "tun"));
    reasons.extend(bridge(facts));
    reasons.dedup();
    reasons.extend(vhost(facts));
    let on = match facts.master() {
        Some((master, _)) => format!("on {master}"),
        None => format!("a bridge on {}", facts.name()),
    };
    Standing::of(reasons, on)
}

/// A bridge that is there, or one that can be made.
fn bridge(facts: &Facts<'_>) -> Vec<Reason> {
    match taken(facts) {
        Taken::Free => {}
        Taken::By(..) => return Vec::new(),
        Taken::NotSeen(master) => return vec![master_unseen(facts, master)],
    }
    let other = matches!(facts.module("openvswitch"), Module::There);
    let mut reasons: Vec<Reason> =
        if other { Vec::new() } else { needs(facts, "bridge").into_iter().collect() };
    reasons.extend(moves(facts));
    reasons
}

/// An interface with an address is cut off while the address moves to the bridge.
fn moves(facts: &Facts<'_>) -> Option<Reason> {
    let netdev = facts.netdev()?;
    let routes = facts.host.platform.default_routes.known();
    let route = routes.is_some_and(|routes| routes.contains(&netdev.name));
    if netdev.addresses.is_empty() && !route {
        return None;
    }
    let addresses = list(netdev.addresses.iter().map(ToString::to_string));
    let what = if addresses.is_empty() { "its routes".into() } else { addresses.clone() };
    let summary = format!(
        "no bridge has {} yet: {what} must move to it, and are away meanwhile",
        netdev.name
    );
    Some(
        Reason::own(Mark::Partly, facts.device.address.short(), "addresses move", summary)
            .saw(format!("netlink {}", netdev.name), what),
    )
}

/// QEMU opens the drive's block device: it needs the host's own driver, and nothing else.
fn drive(facts: &Facts<'_>) -> Standing {
    let device = facts.device;
    let object = device.address.short();
    let path = at(device, "driver");
    let reason = match device.driver.as_deref() {
        Some(_) if !device.is_passed_through() => None,
        Some(driver) => {
            let summary = format!("the host has no block device of it: its driver is {driver}");
            Some(
                Reason::own(Mark::No, object.clone(), "no block device", summary).saw(path, driver),
            )
        }
        None => {
            let summary = "the host has no block device of it: no driver has it";
            Some(
                Reason::own(Mark::No, object.clone(), "no block device", summary)
                    .saw(path, "not there"),
            )
        }
    };
    let held = match &device.holders {
        Seen::Known(all) => all.first().cloned(),
        Seen::Absent | Seen::Unreadable(_) => None,
    };
    let reason = reason.map(|reason| match held {
        Some(holder) => {
            Reason { summary: format!("{}; in use by {holder}", reason.summary), ..reason }
        }
        None => reason.fix(format!("virtfn bind {object} --default")),
    });
    Standing::of(reason.into_iter().collect(), "virtio-blk or virtio-scsi on its block device")
}

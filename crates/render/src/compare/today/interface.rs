//! What macvtap and a bridge need of the host's interface alike.

use virtfn_host::{HolderKind, MasterKind, Seen};

use crate::compare::Mark;
use crate::compare::facts::{Facts, MODULES, Module};
use crate::compare::reason::Reason;

/// Who takes an interface's packets, if somebody does. The kernel lets one alone (`rx_handler`,
/// net/core/dev.c): a bridge, a bond, Open vSwitch, macvtap.
pub(super) enum Taken<'h> {
    Free,
    By(&'h str, MasterKind),
    NotSeen(&'h str),
}

pub(super) fn taken<'h>(facts: &Facts<'h>) -> Taken<'h> {
    match facts.master() {
        None => Taken::Free,
        Some((master, Some(kind))) => Taken::By(master, kind),
        Some((master, None)) => Taken::NotSeen(master),
    }
}

/// What keeps every virtio card from the wire.
pub(super) fn judge(facts: &Facts<'_>) -> Vec<Reason> {
    let Some(netdev) = facts.netdev() else { return vec![missing(facts)] };
    let object = facts.device.address.short();
    let name = &netdev.name;
    let mut reasons = Vec::new();
    if !netdev.up {
        reasons.push(
            Reason::own(Mark::Partly, object, "interface down", format!("{name} is down"))
                .saw(format!("sys/class/net/{name}/flags"), "not IFF_UP")
                .fix(format!("ip link set {name} up")),
        );
    } else if netdev.carrier == Some(false) {
        let summary = format!("{name} has no link: nothing comes from outside");
        reasons.push(
            Reason::own(Mark::Partly, object, "no link", summary)
                .saw(format!("sys/class/net/{name}/carrier"), "0"),
        );
    }
    reasons
}

/// The host has no interface of the device: why?
fn missing(facts: &Facts<'_>) -> Reason {
    let device = facts.device;
    let (object, at) = (device.address.short(), device.address.short());
    if let Some(unseen) = facts.host.netdevs.unreadable() {
        return Reason::own(
            Mark::Unknown,
            object,
            "interface not seen",
            "its interface could not be seen",
        )
        .saw(unseen.path.clone(), unseen.why.to_string());
    }
    let moved = match &device.holders {
        Seen::Known(all) => all.iter().find(|holder| holder.kind == HolderKind::Netns),
        Seen::Absent | Seen::Unreadable(_) => None,
    };
    if let Some(holder) = moved {
        return Reason::own(
            Mark::No,
            object,
            "interface elsewhere",
            format!("its interface is with {holder}"),
        );
    }
    let (summary, value) = match device.driver.as_deref() {
        Some(driver) => {
            (format!("the host has no interface of it: its driver is {driver}"), driver)
        }
        None => ("the host has no interface of it: no driver has it".into(), "not there"),
    };
    Reason::own(Mark::No, object, "no interface", summary)
        .saw(super::super::facts::at(device, "driver"), value)
        .fix(format!("virtfn bind {at} --default"))
}

/// A module without which it does not go.
pub(super) fn needs(facts: &Facts<'_>, module: &str) -> Option<Reason> {
    let host = || "host".to_owned();
    match facts.module(module) {
        Module::There => None,
        Module::Missing => Some(
            Reason::own(
                Mark::No,
                host(),
                &format!("no {module}"),
                format!("this kernel has no {module}"),
            )
            .saw("lib/modules/*/modules.dep", format!("no {module}"))
            .fix("install the kernel's whole set of modules"),
        ),
        Module::NotSeen(unseen) => {
            let path = if unseen.path.is_empty() { MODULES.into() } else { unseen.path };
            let summary = "which modules this kernel has could not be seen";
            Some(
                Reason::own(Mark::Unknown, host(), "modules not seen", summary)
                    .saw(path, unseen.why.to_string())
                    .fix("modprobe -na macvtap tun bridge vhost_net says which are missing"),
            )
        }
    }
}

/// Without it QEMU itself copies every packet: it goes, slowly.
pub(super) fn vhost(facts: &Facts<'_>) -> Option<Reason> {
    let summary = "this kernel has no vhost_net: QEMU copies every packet itself";
    matches!(facts.module("vhost_net"), Module::Missing).then(|| {
        Reason::own(Mark::Partly, "host".into(), "no vhost_net", summary)
            .saw("lib/modules/*/modules.dep", "no vhost_net")
    })
}

//! What stands between a guest and the device, way by way: what the picture draws.

use virtfn_host::{EswitchMode, MasterKind, Seen};

use super::facts::{Column, Facts, Module};

/// Something on the way, from the guest down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) band: Band,
    pub(super) kind: Kind,
    /// What it is.
    pub(super) name: String,
    /// A word about it.
    pub(super) says: String,
}

/// Where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Band {
    Guest,
    Host,
    Card,
    Outside,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A part that the data passes.
    Part,
    /// The part that switches packets.
    Switch,
    /// Nothing that the data passes: a word beside the line.
    Note,
}

fn stop(band: Band, kind: Kind, name: impl Into<String>, says: &str) -> Stop {
    Stop { band, kind, name: name.into(), says: says.into() }
}

/// The stops of every way, in the order of [`super::Way::ALL`].
pub(super) fn of(facts: &Facts<'_>) -> [Vec<Stop>; 4] {
    [whole(facts), vf(facts), macvtap(facts), virtio(facts)]
}

fn outside(facts: &Facts<'_>) -> Option<Stop> {
    let name = match () {
        () if facts.is_network() => "network",
        () if facts.is_drive() => "flash",
        () => return None,
    };
    Some(stop(Band::Outside, Kind::Part, name, ""))
}

fn whole(facts: &Facts<'_>) -> Vec<Stop> {
    let address = facts.device.address.short();
    let mut stops = vec![
        stop(Band::Guest, Kind::Part, "guest", "the device's own driver"),
        stop(Band::Host, Kind::Note, "VFIO", "DMA, no copy"),
        stop(Band::Card, Kind::Part, address, "the guest's, whole"),
    ];
    stops.extend(outside(facts));
    stops
}

fn vf(facts: &Facts<'_>) -> Vec<Stop> {
    let (name, says) = match facts.vf {
        Column::Asked(index, vf) | Column::Made(index, vf) => {
            (format!("VF {index}"), vf.address.short())
        }
        Column::ToCome | Column::None => ("VF".into(), "to be made".into()),
    };
    let mut stops = vec![
        stop(Band::Guest, Kind::Part, "guest", "the VF's driver"),
        stop(Band::Host, Kind::Note, "VFIO", "DMA, no copy"),
        stop(Band::Card, Kind::Part, name, &says),
    ];
    if facts.is_network() {
        let eswitch = facts.pf().map(|pf| &pf.eswitch);
        let says = match eswitch {
            Some(Seen::Known(EswitchMode::Switchdev)) => "by the host's rules",
            Some(Seen::Known(EswitchMode::SwitchdevInactive)) => "forwards nothing yet",
            _ => "by MAC and VLAN",
        };
        stops.push(stop(Band::Card, Kind::Switch, "the card's switch", says));
    }
    stops.extend(outside(facts));
    stops
}

/// Who moves packets between the guest's memory and the host's kernel.
fn copier(facts: &Facts<'_>, with: &str) -> Stop {
    let (name, says) = match facts.module("vhost_net") {
        Module::There => (format!("vhost and {with}"), "copies each packet once"),
        Module::Missing => (format!("QEMU and {with}"), "copies each packet"),
        Module::NotSeen(_) => (format!("vhost or QEMU, {with}"), "copies each packet"),
    };
    stop(Band::Host, Kind::Part, name, says)
}

fn own_port(facts: &Facts<'_>) -> Stop {
    let name = format!("{} {}", facts.device.address.short(), facts.name());
    stop(Band::Card, Kind::Part, name, "the host's")
}

fn macvtap(facts: &Facts<'_>) -> Vec<Stop> {
    let name = format!("macvtap on {}", facts.name());
    let mut stops = vec![
        stop(Band::Guest, Kind::Part, "guest", "virtio driver"),
        copier(facts, "macvtap"),
        stop(Band::Host, Kind::Switch, name, "among its guests alone"),
        own_port(facts),
    ];
    stops.extend(outside(facts));
    stops
}

fn virtio(facts: &Facts<'_>) -> Vec<Stop> {
    let guest = stop(Band::Guest, Kind::Part, "guest", "virtio driver");
    if facts.is_drive() {
        let driver = facts.device.driver.as_deref().unwrap_or("no driver");
        let card = facts.device.address.short();
        return vec![
            guest,
            stop(Band::Host, Kind::Part, "QEMU", "virtio-blk or virtio-scsi"),
            stop(Band::Host, Kind::Part, "block layer", driver),
            stop(Band::Card, Kind::Part, card, "the host's"),
            stop(Band::Outside, Kind::Part, "flash", ""),
        ];
    }
    let (name, says) = match facts.master() {
        Some((bridge, Some(MasterKind::Bridge))) => (format!("bridge {bridge}"), "guests and host"),
        Some((bond, Some(MasterKind::Bond))) => (format!("a bridge on {bond}"), "to be made"),
        Some((master, _)) => (master.to_owned(), "guests and host"),
        None => ("a bridge".into(), "to be made"),
    };
    let mut stops = vec![
        guest,
        copier(facts, "tap"),
        stop(Band::Host, Kind::Switch, name, says),
        own_port(facts),
    ];
    stops.extend(outside(facts));
    stops
}

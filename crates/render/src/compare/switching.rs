//! Where packets are switched, and with which features.

use virtfn_host::{EswitchMode, MasterKind, Seen};

use super::cell::{Answer, Answers};
use super::facts::{Facts, at};

pub(super) fn place(facts: &Facts<'_>) -> Answers {
    if !facts.is_network() {
        return std::array::from_fn(|_| Answer::none());
    }
    let name = facts.name();
    [
        Answer::fact("not on this host"),
        in_card(facts),
        Answer::fact(format!("in the kernel, above {name}")),
        at_bridge(facts),
    ]
}

fn in_card(facts: &Facts<'_>) -> Answer {
    let Some(pf) = facts.pf() else { return Answer::none() };
    let path = format!("virtfn/eswitch-{}.json", facts.device.address);
    match &pf.eswitch {
        Seen::Known(EswitchMode::Switchdev) => {
            let representors = facts.host.representors_of(facts.device.address).count();
            let text = format!("in the card, by the host's rules at {representors} representors");
            Answer::fact(text).saw(path, "switchdev")
        }
        Seen::Known(EswitchMode::SwitchdevInactive) => {
            Answer::partly("in the card, and it forwards nothing yet")
                .saw(path, "switchdev_inactive")
        }
        Seen::Known(EswitchMode::Legacy) => {
            Answer::fact("in the card, by MAC and VLAN (legacy mode)").saw(path, "legacy")
        }
        Seen::Absent => Answer::fact("in the card, by MAC and VLAN")
            .saw(at(facts.device, "driver"), "its driver knows no modes of the switch"),
        Seen::Unreadable(unseen) => Answer::unknown("in the card; its mode was not seen")
            .saw(unseen.path.clone(), unseen.why.to_string()),
    }
}

fn at_bridge(facts: &Facts<'_>) -> Answer {
    let name = facts.name();
    let path = format!("sys/class/net/{name}/master");
    match facts.master() {
        Some((bridge, Some(MasterKind::Bridge))) => {
            Answer::fact(format!("in the kernel: bridge {bridge}")).saw(path, bridge)
        }
        Some((bond, Some(MasterKind::Bond))) => {
            Answer::fact(format!("in the kernel: a bridge to be made on {bond}")).saw(path, bond)
        }
        Some((master, _)) => Answer::fact(format!("in the kernel: {master}")).saw(path, master),
        None => Answer::fact(format!("in the kernel: a bridge to be made on {name}")),
    }
}

pub(super) fn features(facts: &Facts<'_>) -> Answers {
    if !facts.is_network() {
        return std::array::from_fn(|_| Answer::none());
    }
    [
        Answer::fact("the switch outside sees one port"),
        of_card(facts),
        Answer::fact("bridge, vepa, private, passthru; never to the host itself"),
        of_bridge(facts),
    ]
}

fn of_card(facts: &Facts<'_>) -> Answer {
    let Some(pf) = facts.pf() else { return Answer::none() };
    if matches!(pf.eswitch, Seen::Known(EswitchMode::Switchdev)) {
        return Answer::fact("tc rules, bridges and VLANs of the host, done by the card");
    }
    match facts.master() {
        Some((bridge, Some(MasterKind::Bridge))) => {
            Answer::partly(format!("a VLAN a VF, VF to VF in the card; not those behind {bridge}"))
                .saw(format!("sys/class/net/{}/master", facts.name()), bridge)
        }
        _ => Answer::fact("a VLAN a VF; VF to VF and to the PF in the card"),
    }
}

fn of_bridge(facts: &Facts<'_>) -> Answer {
    match facts.master() {
        Some((_, Some(MasterKind::Other))) => Answer::fact("its own; guests reach the host"),
        _ => Answer::fact("VLAN filter, nft rules, STP; guests reach the host"),
    }
}

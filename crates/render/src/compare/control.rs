//! What the host keeps a say in: MAC, VLAN, spoof check, trust, rate, link.
//!
//! Of a VF its PF's driver tells what it has; the kernel itself fills in a MAC, a VLAN, a rate and a
//! link for every VF of a driver that tells of VFs at all (`rtnl_fill_vfinfo`, net/core/rtnetlink.c),
//! and leaves out a switch that a driver does not have.

use virtfn_host::{EswitchMode, LinkState, Seen, Switch, Unreadable, VfAdmin, VfIndex};
use virtfn_predict::known;

use super::cell::{Answer, Answers};
use super::facts::{Column, Facts, at, unrecorded};
use crate::words::count;

/// What the driver tells of the VFs.
enum Told<'h> {
    /// These, each by its number.
    Of(Vec<(VfIndex, &'h VfAdmin)>),
    /// There are none yet.
    NoVfs,
    NotSeen(Unreadable),
    /// The card's switch is the host's (switchdev).
    ByPort,
    /// The device makes none.
    None,
}

fn told<'h>(facts: &Facts<'h>) -> Told<'h> {
    let Some(pf) = facts.pf() else { return Told::None };
    if matches!(pf.eswitch, Seen::Known(EswitchMode::Switchdev | EswitchMode::SwitchdevInactive)) {
        return Told::ByPort;
    }
    if pf.vfs.is_empty() {
        return Told::NoVfs;
    }
    let asked = match facts.vf {
        Column::Asked(index, _) => Some(index),
        _ => None,
    };
    let path = format!("virtfn/vfs-{}.json", facts.device.address);
    match &pf.admin {
        Seen::Known(all) => {
            let wanted = all.iter().filter(|(index, _)| asked.is_none_or(|one| one == **index));
            let all: Vec<_> = wanted.map(|(index, admin)| (*index, admin)).collect();
            if all.is_empty() { Told::NotSeen(unrecorded(&path)) } else { Told::Of(all) }
        }
        Seen::Absent => Told::NotSeen(unrecorded(&path)),
        Seen::Unreadable(unseen) => Told::NotSeen(unseen.clone()),
    }
}

/// One setting of the VFs: how many have it, or what the one in question has.
struct Setting<'a> {
    /// The value for people; `None`: the driver does not have this.
    value: &'a dyn Fn(&VfAdmin) -> Option<String>,
    /// Is it other than on a VF that nobody touched?
    is_set: &'a dyn Fn(&VfAdmin) -> bool,
    /// What the PF does to it.
    verb: &'static str,
    /// In switchdev mode.
    by_port: Answer,
}

impl Setting<'_> {
    fn judge(self, facts: &Facts<'_>) -> Answer {
        let netlink = format!("netlink {}", facts.name());
        let all = match told(facts) {
            Told::Of(all) => all,
            Told::ByPort => return self.by_port,
            Told::None => return Answer::none(),
            Told::NoVfs => return Answer::unknown("shows once a VF is there"),
            Told::NotSeen(unseen) => {
                return Answer::unknown("not seen").saw(unseen.path, unseen.why.to_string());
            }
        };
        let values: Vec<_> = all.iter().filter_map(|(_, admin)| (self.value)(admin)).collect();
        let Some(first) = values.first() else {
            let driver = facts.device.driver.as_deref().unwrap_or("its driver");
            return Answer::no(format!("{driver} does not tell it")).saw(netlink, "not reported");
        };
        let set = all.iter().filter(|(_, admin)| (self.is_set)(admin)).count();
        let text = match facts.vf {
            Column::Asked(..) => format!("{}: {first}", self.verb),
            _ => format!("{}: {set} of {}", self.verb, out_of(facts, all.len())),
        };
        all.iter().take(8).fold(Answer::yes(text), |answer, (index, admin)| {
            let value = (self.value)(admin).unwrap_or_else(|| "not reported".into());
            answer.saw(format!("{netlink} vf {index}"), value)
        })
    }
}

/// `3 VFs`; where the driver told of fewer than there are, `1 VF told`.
fn out_of(facts: &Facts<'_>, told: usize) -> String {
    let short = facts.pf().is_some_and(|pf| told < pf.vfs.len());
    format!("{}{}", count(told, "VF", "VFs"), if short { " told" } else { "" })
}

fn of_network(facts: &Facts<'_>, answers: impl FnOnce() -> Answers) -> Answers {
    if facts.is_network() { answers() } else { std::array::from_fn(|_| Answer::none()) }
}

pub(super) fn mac(facts: &Facts<'_>) -> Answers {
    of_network(facts, || {
        let vf = Setting {
            value: &|admin| {
                let mac = admin.mac?;
                Some(if mac.is_zero() { "none set".into() } else { mac.to_string() })
            },
            is_set: &|admin| admin.mac.is_some_and(|mac| !mac.is_zero()),
            verb: "PF sets it",
            by_port: Answer::yes("its port's (devlink)"),
        };
        [
            Answer::no("the guest's"),
            vf.judge(facts),
            Answer::partly("set by the host; the guest may send under others"),
            Answer::partly("set by the host; only a filter holds it"),
        ]
    })
}

pub(super) fn vlan(facts: &Facts<'_>) -> Answers {
    of_network(facts, || {
        let vf = Setting {
            value: &|admin| {
                let vlan = admin.vlan?.value();
                Some(if vlan == 0 { "none".into() } else { vlan.to_string() })
            },
            is_set: &|admin| admin.vlan.is_some_and(|vlan| vlan.value() != 0),
            verb: "PF tags it",
            by_port: Answer::yes("a bridge's, at its representor"),
        };
        [
            Answer::no("the guest's"),
            vf.judge(facts),
            Answer::yes(format!("by a VLAN interface on {}", facts.name())),
            Answer::yes("by the bridge, port by port"),
        ]
    })
}

pub(super) fn spoof_check(facts: &Facts<'_>) -> Answers {
    of_network(facts, || {
        let vf = Setting {
            value: &|admin| admin.spoofchk.map(|on| on.to_string()),
            is_set: &|admin| admin.spoofchk == Some(Switch::On),
            verb: "PF checks",
            by_port: Answer::yes("tc rules at its representor"),
        };
        [
            Answer::no("nobody checks"),
            vf.judge(facts),
            Answer::partly("none of its own; tc rules can"),
            Answer::yes("by filter: nft, libvirt, OVS"),
        ]
    })
}

pub(super) fn trust(facts: &Facts<'_>) -> Answers {
    of_network(facts, || {
        let vf = Setting {
            value: &|admin| admin.trust.map(|on| on.to_string()),
            is_set: &|admin| admin.trust == Some(Switch::On),
            verb: "PF grants it",
            by_port: Answer::yes("the host's rules decide"),
        };
        [
            Answer::no("the guest hears all"),
            vf.judge(facts),
            Answer::yes("off; libvirt can trust it"),
            Answer::yes("by the bridge: flooding, port by port"),
        ]
    })
}

pub(super) fn rate(facts: &Facts<'_>) -> Answers {
    of_network(facts, || {
        let vf = Setting {
            value: &|admin| {
                let most = admin.max_rate?.value();
                Some(if most == 0 { "no limit".into() } else { format!("{most} Mb/s") })
            },
            is_set: &|admin| admin.max_rate.is_some_and(|most| most.value() != 0),
            verb: "PF caps it",
            by_port: by_devlink(facts),
        };
        [
            Answer::no("only outside"),
            vf.judge(facts),
            Answer::yes("by tc on its interface"),
            Answer::yes("by tc on its port, or OVS"),
        ]
    })
}

/// In switchdev mode a VF's port has rates, where its driver has them.
fn by_devlink(facts: &Facts<'_>) -> Answer {
    let ports = facts.pf().and_then(|pf| pf.ports.known());
    let limits =
        ports.into_iter().flat_map(|ports| ports.vfs.values()).find_map(|port| port.limits);
    match limits {
        Some(limits) => Answer::yes("its port's (devlink)").saw("devlink port", limits.to_string()),
        None => Answer::unknown("its port's rates were not seen").saw("devlink port", "no rates"),
    }
}

pub(super) fn link(facts: &Facts<'_>) -> Answers {
    of_network(facts, || {
        [
            Answer::no("the guest's"),
            link_of_vfs(facts),
            Answer::yes("QEMU's set_link"),
            Answer::yes("QEMU's set_link, or its port's"),
        ]
    })
}

/// The kernel tells `auto` also where the driver cannot set another: what the driver is known for, or
/// another state on any VF, tells.
fn link_of_vfs(facts: &Facts<'_>) -> Answer {
    let driver = facts.device.driver.as_deref().unwrap_or_default();
    let set = |admin: &VfAdmin| admin.link.is_some_and(|link| link != LinkState::Auto);
    let proved = matches!(told(facts), Told::Of(all) if all.iter().any(|(_, admin)| set(admin)));
    let by_name = known(facts.device).map(|known| known.sets_link);
    let setting = Setting {
        value: &|admin| admin.link.map(|link| link.to_string()),
        is_set: &set,
        verb: "PF sets it",
        by_port: Answer::yes("its representor's, up or down"),
    };
    let judged = setting.judge(facts);
    match (proved, by_name) {
        (true, _) | (false, Some(true)) => judged,
        _ if judged.mark != Some(super::Mark::Yes) => judged,
        (false, Some(false)) => Answer::no(format!("{driver} sets none: it follows the PF's"))
            .saw(at(facts.device, "driver"), driver),
        (false, None) => Answer::unknown("auto; whether it can be set does not show"),
    }
}

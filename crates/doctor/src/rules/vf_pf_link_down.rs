//! Has the port a link, so that its VFs reach the outside?

use virtfn_host::{Function, Host, LinkState, Netdev, Seen};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::is_network;

pub(crate) const RULE: Rule = Rule {
    id: "vf-pf-link-down",
    label: "link",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("vf_pf_link_down.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    if !is_network(function) {
        return Opinion::not_applicable("is no network function");
    }
    if function.pf().is_none_or(|pf| pf.vfs.is_empty()) {
        return Opinion::not_applicable("has no VFs that need its link");
    }
    let Some(netdev) = host.netdevs_of(function.address).next() else {
        let opinion = Opinion::unknown("its link could not be seen");
        return opinion
            .missed(&at(function, "net"), &host.netdevs)
            .saw(at(function, "net"), "no interface");
    };
    let carrier = format!("sys/class/net/{}/carrier", netdev.name);
    match (netdev.up, netdev.carrier) {
        (false, _) => down(netdev),
        (true, Some(true)) => Opinion::pass("up, with a link").saw(carrier, "1"),
        (true, Some(false)) if all_enabled(function) => {
            Opinion::pass("no link, and its VFs are told to do without").saw(carrier, "0")
        }
        (true, Some(false)) => Opinion::warn("link down: VFs get no traffic from outside")
            .saw(carrier, "0")
            .fix("plug in the cable, or bring the switch's port up")
            .fix(format!(
                "for traffic among VFs alone: ip link set {} vf N state enable",
                netdev.name
            )),
        (true, None) => {
            Opinion::unknown("whether it has a link could not be seen").saw(carrier, "not told")
        }
    }
}

fn down(netdev: &Netdev) -> Opinion {
    Opinion::warn("the port was not brought up: VFs get no traffic")
        .saw(format!("sys/class/net/{}/flags", netdev.name), "not IFF_UP")
        .fix(format!("ip link set {} up", netdev.name))
        .fix("bring it up at boot, before guests start: libvirt refuses VFs of a port that is down")
}

/// Are the links of all its VFs held up whatever the port's own does?
fn all_enabled(function: &Function) -> bool {
    let Some(pf) = function.pf() else { return false };
    let Seen::Known(admin) = &pf.admin else { return false };
    let enabled = |index| admin.get(index).is_some_and(|one| one.link == Some(LinkState::Enable));
    pf.vfs.keys().all(enabled)
}

//! Does the host tag what the PF tags already?

use virtfn_host::{Function, Host, Seen};

use crate::evidence::list;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::{Interfaces, admin, ip_link, is_network, place, unseen};

pub(crate) const RULE: Rule = Rule {
    id: "vlan-tagged-twice",
    label: "VLAN",
    about: About::EachVf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Together(judge),
    page: include_str!("vlan_tagged_twice.md"),
};

fn judge(host: &Host, functions: &[&Function]) -> Vec<Opinion> {
    let interfaces = Interfaces::of(host);
    functions.iter().map(|function| judge_one(host, &interfaces, function)).collect()
}

fn judge_one(host: &Host, interfaces: &Interfaces<'_>, function: &Function) -> Opinion {
    const VLANS: &str = "proc/net/vlan/config";
    if !is_network(function) {
        return Opinion::not_applicable("is no network function");
    }
    let admin = admin(host, function);
    let vlan = match admin.known().and_then(|told| told.vlan) {
        Some(vlan) => vlan.value(),
        None => return unseen(host, function, &admin, "whether its PF put it into a VLAN"),
    };
    if vlan == 0 {
        return Opinion::pass("its PF tags nothing").saw(place(host, function), "vlan 0");
    }
    let said = format!("vlan {vlan}");
    if function.is_passed_through() {
        return Opinion::not_applicable(format!(
            "its PF puts it into VLAN {vlan}: its guest must not tag, and that shows there alone"
        ));
    }
    if host.netdevs.known().is_none() {
        return Opinion::unknown("whether the host tags its traffic too could not be seen")
            .missed("virtfn/links", &host.netdevs);
    }
    let vlans = match &host.platform.upkeep.vlans {
        Seen::Known(vlans) => vlans,
        seen => {
            return Opinion::unknown("whether the host tags its traffic too could not be seen")
                .saw(place(host, function), said)
                .missed(VLANS, seen);
        }
    };
    let above = interfaces.at(function.address).and_then(|own| vlans.get(&own.name));
    let Some(names) = above else {
        return Opinion::pass(format!("its PF puts it into VLAN {vlan}, and nobody tags besides"))
            .saw(place(host, function), said)
            .saw(VLANS, "none over its interface");
    };
    let names = list(names.iter().cloned());
    Opinion::warn(format!(
        "its PF puts it into VLAN {vlan}, and {names} tags the same frames again"
    ))
    .saw(place(host, function), said)
    .saw(VLANS, names)
    .fix(format!("to tag on the host alone: {} vlan 0", ip_link(host, function)))
    .fix("to tag by the PF alone: put the addresses on the VF's own interface")
    .fix("where two tags are meant, the outer one has to be 802.1ad, which few cards can")
}

//! Is a VF's interface a port of a bridge?

use virtfn_host::{Function, Host, MasterKind};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::{Interfaces, ip_link, is_network};

pub(crate) const RULE: Rule = Rule {
    id: "vf-on-bridge",
    label: "bridge",
    about: About::EachVf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Together(judge),
    page: include_str!("vf_on_bridge.md"),
};

fn judge(host: &Host, functions: &[&Function]) -> Vec<Opinion> {
    let interfaces = Interfaces::of(host);
    functions.iter().map(|function| judge_one(host, &interfaces, function)).collect()
}

fn judge_one(host: &Host, interfaces: &Interfaces<'_>, function: &Function) -> Opinion {
    if !is_network(function) {
        return Opinion::not_applicable("is no network function");
    }
    if host.netdevs.known().is_none() {
        return Opinion::unknown("whether a bridge has it could not be seen")
            .missed("virtfn/links", &host.netdevs);
    }
    let Some(netdev) = interfaces.at(function.address) else {
        return Opinion::not_applicable("has no interface on this host");
    };
    let path = format!("sys/class/net/{}/master", netdev.name);
    let master = netdev.master.as_deref();
    let kind = master.and_then(|name| host.platform.upkeep.masters.get(name));
    match (master, kind) {
        (Some(bridge), Some(MasterKind::Bridge)) => Opinion::warn(format!(
            "is a port of bridge {bridge}: the card gives it frames for its own address alone"
        ))
        .saw(path, bridge)
        .fix("give each guest a VF of its own, or a macvtap in passthru mode, in place of the bridge")
        .fix(format!("or let it have all frames: {} trust on spoofchk off, and promiscuous mode where the card has it", ip_link(host, function))),
        (Some(master), Some(_)) => {
            Opinion::pass("is no port of a bridge").saw(path, format!("{master}, no bridge"))
        }
        (Some(master), None) => {
            Opinion::unknown("whether its master is a bridge could not be seen").saw(path, master)
        }
        (None, _) => Opinion::pass("is no port of a bridge").saw(path, "not there"),
    }
}

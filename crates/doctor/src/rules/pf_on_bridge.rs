//! Is the PF of VFs a port of a bridge?

use virtfn_host::{Function, Host, MasterKind};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::{Interfaces, is_network};

pub(crate) const RULE: Rule = Rule {
    id: "pf-on-bridge",
    label: "bridge",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Together(judge),
    page: include_str!("pf_on_bridge.md"),
};

fn judge(host: &Host, functions: &[&Function]) -> Vec<Opinion> {
    let interfaces = Interfaces::of(host);
    functions.iter().map(|function| judge_one(host, &interfaces, function)).collect()
}

fn judge_one(host: &Host, interfaces: &Interfaces<'_>, function: &Function) -> Opinion {
    if !is_network(function) || function.pf().is_none_or(|pf| pf.vfs.is_empty()) {
        return Opinion::not_applicable("has no VFs beside a bridge");
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
            "is a port of bridge {bridge}: its VFs do not reach who is behind the bridge, the host's own address there too"
        ))
        .saw(path, bridge)
        .fix(format!("tell the card each address behind the bridge: bridge fdb add ADDRESS dev {} self", netdev.name))
        .fix("or give the bridge another port, and let this one carry VFs alone")
        .fix("or let the card's switch be seen by the host: switchdev mode, with the VFs' representors in the bridge"),
        (Some(master), Some(_)) => {
            Opinion::pass("is no port of a bridge").saw(path, format!("{master}, no bridge"))
        }
        (Some(master), None) => {
            Opinion::unknown("whether its master is a bridge could not be seen").saw(path, master)
        }
        (None, _) => Opinion::pass("is no port of a bridge").saw(path, "not there"),
    }
}

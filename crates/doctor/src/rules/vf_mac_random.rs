//! Will the VF have the same address after the next start?

use virtfn_host::{Function, Host, Seen};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::{Interfaces, admin, given_mac, ip_link, is_network, place, unseen};

pub(crate) const RULE: Rule = Rule {
    id: "vf-mac-random",
    label: "address",
    about: About::EachVf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Together(judge),
    page: include_str!("vf_mac_random.md"),
};

fn judge(host: &Host, functions: &[&Function]) -> Vec<Opinion> {
    let interfaces = Interfaces::of(host);
    functions.iter().map(|function| judge_one(host, &interfaces, function)).collect()
}

fn judge_one(host: &Host, interfaces: &Interfaces<'_>, function: &Function) -> Opinion {
    if !is_network(function) {
        return Opinion::not_applicable("is no network function");
    }
    let admin = admin(host, function);
    let given = admin.known().and_then(|admin| given_mac(admin));
    let own = interfaces.at(function.address);
    let is_random = own.and_then(|netdev| netdev.random_mac);
    match (is_random, given, own.and_then(|netdev| netdev.mac)) {
        // Drivers of VFs tell the PF the address that they made up: that it has one proves nothing.
        (Some(true), given, mac) if given.is_none() || given == mac => {
            let name = own.map_or("*", |netdev| netdev.name.as_str());
            random(host, function)
                .saw(at(function, &format!("net/{name}/addr_assign_type")), "1 (random)")
        }
        (_, Some(mac), _) => Opinion::pass("has an address of its own")
            .saw(place(host, function), format!("mac {mac}")),
        (Some(false), None, Some(mac)) => {
            let path = at(function, "net/*/addr_assign_type");
            Opinion::pass("has an address of its own").saw(path, format!("not random: {mac}"))
        }
        _ => match admin {
            Seen::Known(told) if told.mac.is_some() => {
                random(host, function).saw(place(host, function), "mac 00:00:00:00:00:00")
            }
            seen => unseen(host, function, &seen, "whether it was given an address"),
        },
    }
}

fn random(host: &Host, function: &Function) -> Opinion {
    let name =
        function.vf().map_or_else(String::new, |vf| format!("{}/{}", vf.pf.short(), vf.index));
    Opinion::warn("has no address of its own: another is made up at every start")
        .fix(format!("virtfn set {name} --mac auto"))
        .fix(format!(
            "by hand, before its driver is loaded: {} mac ADDRESS",
            ip_link(host, function)
        ))
}

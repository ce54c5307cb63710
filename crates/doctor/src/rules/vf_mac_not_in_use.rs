//! Does the VF use the address that it was given?

use virtfn_host::{Function, Host};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::{Interfaces, admin, given_mac, is_network, place, unseen};

pub(crate) const RULE: Rule = Rule {
    id: "vf-mac-not-in-use",
    label: "address in use",
    about: About::EachVf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Together(judge),
    page: include_str!("vf_mac_not_in_use.md"),
};

fn judge(host: &Host, functions: &[&Function]) -> Vec<Opinion> {
    let interfaces = Interfaces::of(host);
    functions.iter().map(|function| judge_one(host, &interfaces, function)).collect()
}

fn judge_one(host: &Host, interfaces: &Interfaces<'_>, function: &Function) -> Opinion {
    let Some(own) = interfaces.at(function.address).filter(|_| is_network(function)) else {
        return Opinion::not_applicable("has no interface on this host");
    };
    let admin = admin(host, function);
    let Some(told) = admin.known() else {
        return unseen(host, function, &admin, "which address it was given");
    };
    let path = at(function, &format!("net/{}/address", own.name));
    let (Some(given), Some(mac)) = (given_mac(told), own.mac) else {
        return Opinion::pass("was given no address").saw(place(host, function), "no mac");
    };
    if given == mac {
        return Opinion::pass("uses the address that it was given").saw(path, mac.to_string());
    }
    let address = function.address.short();
    let driver = function.driver.as_deref().unwrap_or("DRIVER");
    Opinion::warn("was given another address than it uses")
        .saw(place(host, function), format!("mac {given}"))
        .saw(path, mac.to_string())
        .fix(format!("virtfn bind {address} --none, then virtfn bind {address} {driver}"))
}

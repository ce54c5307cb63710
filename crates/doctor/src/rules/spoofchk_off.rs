//! May the VF send under any address?

use virtfn_host::{Function, Host, Switch};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::{admin, ip_link, is_network, place, unseen};

pub(crate) const RULE: Rule = Rule {
    id: "spoofchk-off",
    label: "spoof check",
    about: About::EachVf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("spoofchk_off.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    if !is_network(function) {
        return Opinion::not_applicable("is no network function");
    }
    let admin = admin(host, function);
    match admin.known().map(|told| told.spoofchk) {
        Some(Some(Switch::Off)) => Opinion::warn(
            "may send under any address: its spoof check is off",
        )
        .saw(place(host, function), "spoof checking off")
        .fix(format!("{} spoofchk on", ip_link(host, function)))
        .fix("leave it off only for a guest that bridges, or has addresses of guests of its own"),
        Some(Some(Switch::On)) => Opinion::pass("sends under its own address alone")
            .saw(place(host, function), "spoof checking on"),
        _ => unseen(host, function, &admin, "its spoof check"),
    }
}

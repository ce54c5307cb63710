//! Was the VF's link switched off?

use virtfn_host::{Function, Host, LinkState};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::{admin, ip_link, is_network, place, unseen};

pub(crate) const RULE: Rule = Rule {
    id: "vf-link-disabled",
    label: "link switch",
    about: About::EachVf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("vf_link_disabled.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    if !is_network(function) {
        return Opinion::not_applicable("is no network function");
    }
    let admin = admin(host, function);
    match admin.known().map(|told| told.link) {
        Some(Some(LinkState::Disable)) => {
            Opinion::warn("its link is switched off: it has no traffic")
                .saw(place(host, function), "link-state disable")
                .fix(format!("{} state auto", ip_link(host, function)))
        }
        Some(Some(state)) => Opinion::pass("its link is not switched off")
            .saw(place(host, function), format!("link-state {state}")),
        _ => unseen(host, function, &admin, "whether its link is switched off"),
    }
}

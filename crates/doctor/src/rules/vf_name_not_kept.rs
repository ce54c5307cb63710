//! Has the VF's interface a name that lasts?

use virtfn_host::{Function, Host};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::{Interfaces, is_network};

pub(crate) const RULE: Rule = Rule {
    id: "vf-name-not-kept",
    label: "name",
    about: About::EachVf,
    matters_for: Uses::CONTAINER,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Together(judge),
    page: include_str!("vf_name_not_kept.md"),
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
        return Opinion::unknown("its interface's name could not be seen")
            .missed("virtfn/links", &host.netdevs);
    }
    let own = interfaces.at(function.address);
    let pf = function.vf().and_then(|vf| interfaces.at(vf.pf));
    let (Some(own), Some(pf)) = (own, pf) else {
        return Opinion::not_applicable("has no interface on this host beside its port's");
    };
    let shown = |opinion: Opinion| {
        opinion
            .saw(format!("sys/class/net/{}", own.name), "the VF's")
            .saw(format!("sys/class/net/{}", pf.name), "its PF's")
    };
    if !is_of_kernel(&own.name) {
        return shown(Opinion::pass("its interface has a name of its own"));
    }
    if is_of_kernel(&pf.name) {
        return Opinion::not_applicable("nobody names interfaces on this host");
    }
    shown(Opinion::warn(format!(
        "its interface is called {} as it came, not after its port {}: another boot may call it otherwise",
        own.name, pf.name
    )))
    .fix("name VFs by their PF and index, or by PCI address, never by ethN, in whatever uses them")
    .fix("give the PF a shorter name in a .link file: with v and the VF's index behind it, a name has 15 letters at most")
    .fix("update systemd: 252 lost the names of VFs for a while")
}

/// A name that the kernel gives by itself, counted up in the order of probing.
fn is_of_kernel(name: &str) -> bool {
    ["eth", "ib"].iter().any(|kind| {
        name.strip_prefix(kind)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

//! Did the VF's interface come back from a network namespace that ended?

use virtfn_host::{Function, Host};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::{Interfaces, is_network};

pub(crate) const RULE: Rule = Rule {
    id: "vf-back-from-namespace",
    label: "namespace",
    about: About::EachVf,
    matters_for: Uses::CONTAINER,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Together(judge),
    page: include_str!("vf_back_from_namespace.md"),
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
    let Some(own) = interfaces.at(function.address) else {
        return Opinion::not_applicable("has no interface on this host");
    };
    let path = format!("sys/class/net/{}/ifindex", own.name);
    // net/core/dev.c, default_device_exit_net: "dev%d" of the index, where the name was taken.
    if own.name == format!("dev{}", own.ifindex) {
        return Opinion::warn(
            "its interface came back from a container that ended, nameless and with its settings",
        )
        .saw(path, own.ifindex.to_string())
        .fix("give it to its driver again: virtfn bind VF --none, then virtfn bind VF --default")
        .fix("see what is left of the container's settings: virtfn show VF")
        .fix("have the container's network plugin put a VF back before its namespace ends");
    }
    Opinion::pass("its interface came back from nowhere").saw(path, own.ifindex.to_string())
}

//! Does the VF send larger packets than its port?

use virtfn_host::{Function, Host};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::{Interfaces, is_network};

pub(crate) const RULE: Rule = Rule {
    id: "vf-mtu-above-pf",
    label: "largest packet",
    about: About::EachVf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Together(judge),
    page: include_str!("vf_mtu_above_pf.md"),
};

fn judge(host: &Host, functions: &[&Function]) -> Vec<Opinion> {
    let interfaces = Interfaces::of(host);
    functions.iter().map(|function| judge_one(&interfaces, function)).collect()
}

fn judge_one(interfaces: &Interfaces<'_>, function: &Function) -> Opinion {
    let vf = interfaces.at(function.address).filter(|_| is_network(function));
    let pf = function.vf().and_then(|vf| interfaces.at(vf.pf));
    let (Some(vf), Some(pf)) = (vf, pf) else {
        return Opinion::not_applicable("has no interface on this host beside its port's");
    };
    let (Some(own), Some(port)) = (vf.mtu, pf.mtu) else {
        return Opinion::unknown("its largest packet could not be seen")
            .saw(format!("sys/class/net/{}/mtu", vf.name), "not told");
    };
    let opinion = if own > port {
        Opinion::warn("sends larger packets than its port passes on")
            .fix(format!("ip link set {} mtu {own}", pf.name))
            .fix(format!("ip link set {} mtu {port}", vf.name))
    } else {
        Opinion::pass("its packets are no larger than its port's")
    };
    opinion
        .saw(format!("sys/class/net/{}/mtu", vf.name), own.to_string())
        .saw(format!("sys/class/net/{}/mtu", pf.name), port.to_string())
}

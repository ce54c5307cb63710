//! Were VFs promised more than the link has?

use virtfn_host::{Function, Host, Mbps, Seen};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::{Interfaces, is_network};

pub(crate) const RULE: Rule = Rule {
    id: "rates-oversubscribed",
    label: "rates",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Together(judge),
    page: include_str!("rates_oversubscribed.md"),
};

fn judge(host: &Host, functions: &[&Function]) -> Vec<Opinion> {
    let interfaces = Interfaces::of(host);
    functions.iter().map(|function| judge_one(host, &interfaces, function)).collect()
}

fn judge_one(_: &Host, interfaces: &Interfaces<'_>, function: &Function) -> Opinion {
    let Some(pf) = function.pf().filter(|pf| is_network(function) && !pf.vfs.is_empty()) else {
        return Opinion::not_applicable("has no VFs to promise anything to");
    };
    let netdev = interfaces.at(function.address);
    let path = format!("netlink {}", netdev.map_or("?", |netdev| netdev.name.as_str()));
    let all = match &pf.admin {
        Seen::Known(all) => all,
        seen => {
            return Opinion::unknown("what its VFs were promised could not be seen")
                .missed(&path, seen);
        }
    };
    let told: Option<Vec<u64>> =
        all.values().map(|vf| vf.min_rate.map(Mbps::value).map(u64::from)).collect();
    let Some(promised) = told.map(|rates| rates.iter().sum::<u64>()) else {
        return Opinion::unknown("what its VFs were promised could not be seen")
            .saw(path, "no rates reported");
    };
    if promised == 0 {
        return Opinion::pass("no VF was promised a rate").saw(path, "min_tx_rate 0 of each");
    }
    let said = format!("min_tx_rate {promised} Mbit/s in all");
    match netdev.and_then(|netdev| Some((netdev, netdev.speed_mbps?))) {
        Some((netdev, speed)) if promised > u64::from(speed) => Opinion::warn(format!(
            "its VFs were promised {promised} Mbit/s, and the link has {speed}"
        ))
        .saw(path, said)
        .saw(format!("sys/class/net/{}/speed", netdev.name), speed.to_string())
        .fix("promise less: virtfn set VF --min-rate M")
        .fix("see why the link is slower than it was: ethtool PF"),
        Some((netdev, speed)) => Opinion::pass("the link has what its VFs were promised")
            .saw(path, said)
            .saw(format!("sys/class/net/{}/speed", netdev.name), speed.to_string()),
        None => {
            Opinion::unknown("whether the link has what its VFs were promised could not be seen")
                .saw(path, said)
                .saw("sys/class/net/*/speed", "no link, or a speed that is not told")
        }
    }
}

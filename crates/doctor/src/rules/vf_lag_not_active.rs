//! Is the bond that shall carry VFs made by the card too?

use virtfn_host::{Function, Host, MasterKind, Seen};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::symptom::Symptom;
use crate::uses::Uses;
use crate::vfs::{Interfaces, is_network};

pub(crate) const RULE: Rule = Rule {
    id: "vf-lag-not-active",
    label: "bonded PF",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Together(judge),
    page: include_str!("vf_lag_not_active.md"),
};

/// What ice says when it gives up (drivers/net/ethernet/intel/ice/ice_lag.c).
const SYMPTOM: Symptom = Symptom {
    texts: &[&["VF LAG disabled"]],
    found: "the driver gave up to bond its VFs with it",
    clean: "the driver did not give up to bond its VFs",
    fixes: &[
        "put both ports into switchdev mode before they are bonded, two ports of one card and no other",
        "switch the firmware's LLDP agent off: ethtool --set-priv-flags PF fw-lldp-agent off",
    ],
};

fn judge(host: &Host, functions: &[&Function]) -> Vec<Opinion> {
    let interfaces = Interfaces::of(host);
    functions.iter().map(|function| judge_one(host, &interfaces, function)).collect()
}

fn judge_one(host: &Host, interfaces: &Interfaces<'_>, function: &Function) -> Opinion {
    let made = function.pf().map_or(0, |pf| pf.vfs.len());
    if !is_network(function) || made == 0 {
        return Opinion::not_applicable("has no VFs that a bond would pass by");
    }
    if host.netdevs.known().is_none() {
        return Opinion::unknown("whether it is bonded could not be seen")
            .missed("virtfn/links", &host.netdevs);
    }
    let Some(netdev) = interfaces.at(function.address) else {
        return Opinion::not_applicable("has no interface here that could be bonded");
    };
    let path = format!("sys/class/net/{}/master", netdev.name);
    let kind = |name: &String| host.platform.upkeep.masters.get(name);
    match netdev.master.as_ref().map(|name| (name, kind(name))) {
        Some((bond, Some(MasterKind::Bond))) => judge_bonded(host, function, path, bond),
        Some((master, Some(_))) => {
            Opinion::pass("is in no bond that its VFs would pass by").saw(path, master)
        }
        Some((master, None)) => {
            Opinion::unknown("whether its master is a bond could not be seen").saw(path, master)
        }
        None => Opinion::pass("is in no bond that its VFs would pass by").saw(path, "not there"),
    }
}

/// A port in a bond: does the card bond its VFs too?
fn judge_bonded(host: &Host, function: &Function, path: String, bond: &str) -> Opinion {
    let state_path = format!("sys/kernel/debug/mlx5/{}/lag/state", function.address);
    let warning = Opinion::warn(format!(
        "is in {bond}, and its VFs are not: they lose the network when this port does"
    ))
    .saw(path.as_str(), bond);
    let opinion = match host.platform.upkeep.lag_states.get(&function.address) {
        Some(Seen::Known(state)) if state == "active" => {
            return Opinion::pass("its VFs are bonded with it")
                .saw(path, bond)
                .saw(state_path, state);
        }
        Some(Seen::Unreadable(unreadable)) => {
            return Opinion::unknown("whether its VFs are bonded with it could not be seen")
                .saw(path, bond)
                .could_not_see(unreadable);
        }
        Some(Seen::Known(state)) => warning.saw(state_path, state),
        Some(Seen::Absent) | None => warning,
    };
    let address = function.address.to_string();
    let said = SYMPTOM.judge_lines(host, |line| line.contains(&address)).evidence;
    let told = said.into_iter().filter(|one| one.value.contains(&address));
    told.fold(opinion, |opinion, one| opinion.saw(one.path, one.value))
        .fix("give the guest a VF of each port, and bond them there (active-backup with fail_over_mac=active)")
        .fixes(SYMPTOM.fixes.iter().map(|fix| (*fix).to_owned()))
}

//! Has a VF on InfiniBand its GUID?

use virtfn_host::{Function, Host, Seen};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "ib-guid-missing",
    label: "GUID",
    about: About::EachVf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("ib_guid_missing.md"),
};

/// Subclass 07 of network controllers (PCI Code and ID Assignment 1.16).
const INFINIBAND: u32 = 0x0207;

fn judge(host: &Host, function: &Function) -> Opinion {
    if function.ids.class >> 8 != INFINIBAND {
        return Opinion::not_applicable("is not on InfiniBand");
    }
    let path = at(function, "infiniband/*/node_guid");
    let guid = match host.platform.upkeep.node_guids.get(&function.address) {
        Some(Seen::Known(guid)) => guid,
        Some(Seen::Unreadable(unreadable)) => {
            return Opinion::unknown("its GUID could not be seen").could_not_see(unreadable);
        }
        Some(Seen::Absent) | None if function.is_passed_through() => {
            return Opinion::not_applicable("its GUID shows in its guest alone");
        }
        Some(Seen::Absent) | None => {
            return Opinion::unknown("its GUID could not be seen").saw(path, "not there");
        }
    };
    let is_zero = guid.chars().all(|letter| matches!(letter, '0' | ':'));
    if !is_zero {
        return Opinion::pass("has a GUID").saw(path, guid.as_str());
    }
    let (pf, index) = function.vf().map_or_else(Default::default, |vf| {
        let name = host.functions.get(&vf.pf).and_then(|pf| pf.netdevs.first());
        (name.cloned().unwrap_or_else(|| "PF".into()), vf.index.to_string())
    });
    Opinion::warn("has no GUID: its port does not come up")
        .saw(path, guid.as_str())
        .fix(format!("ip link set {pf} vf {index} node_guid GUID"))
        .fix(format!("ip link set {pf} vf {index} port_guid GUID"))
        .fix(
            "give the VF to its driver again: virtfn bind VF --none, then virtfn bind VF --default",
        )
        .fix("and switch virtualization on in the subnet manager")
}

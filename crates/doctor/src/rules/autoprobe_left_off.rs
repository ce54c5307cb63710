//! Will new VFs get a driver?

use virtfn_host::{Function, Host, Seen};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "autoprobe-left-off",
    label: "autoprobe",
    about: About::EachPf,
    matters_for: Uses::DPDK.and(Uses::CONTAINER),
    weight: Weight::Advice,
    follows: &["pf-driver-missing", "sriov-missing"],
    judge: Judge::Each(judge),
    page: include_str!("autoprobe_left_off.md"),
};

fn judge(_: &Host, function: &Function) -> Opinion {
    let Some(pf) = function.pf() else {
        return Opinion::not_applicable("makes no VFs");
    };
    let path = at(function, "sriov_drivers_autoprobe");
    match &pf.autoprobe {
        Seen::Known(true) => Opinion::pass("new VFs get a driver").saw(path, "1"),
        Seen::Known(false) => {
            Opinion::warn("VFs get no driver by themselves: somebody left autoprobe off")
                .saw(path.as_str(), "0")
                .fix(format!("echo 1 > /{path}"))
                .fix("virtfn bind VF --default, for each VF that has no driver")
        }
        seen => Opinion::unknown("whether VFs get a driver by themselves could not be seen")
            .missed(&path, seen),
    }
}

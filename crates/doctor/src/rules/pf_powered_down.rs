//! Does the PF sleep under its VFs?

use virtfn_host::{Function, Host, Seen};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "pf-powered-down",
    label: "power",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("pf_powered_down.md"),
};

fn judge(_: &Host, function: &Function) -> Opinion {
    let path = at(function, "power_state");
    let made = function.pf().map_or(0, |pf| pf.vfs.len());
    match &function.power_state {
        Seen::Known(state) if state == "D0" || state == "unknown" => {
            Opinion::pass("awake").saw(path, state.as_str())
        }
        Seen::Known(state) if made == 0 => {
            Opinion::pass(format!("asleep ({state}), with no VF to mind")).saw(path, state.as_str())
        }
        Seen::Known(state) => Opinion::warn(format!("sleeps ({state}) while it has {made} VFs"))
            .saw(path, state.as_str())
            .fix(format!("echo on > /sys/bus/pci/devices/{}/power/control", function.address))
            .fix("if it does not wake up, a cold start of the machine brings it back"),
        seen => Opinion::unknown("whether it is awake could not be seen").missed(&path, seen),
    }
}

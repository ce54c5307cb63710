//! Is the VF on the driver that somebody ordered for it?

use virtfn_host::{Function, Host, Seen};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "vf-driver-override-stale",
    label: "override",
    about: About::EachVf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("vf_driver_override_stale.md"),
};

fn judge(_: &Host, function: &Function) -> Opinion {
    let path = at(function, "driver_override");
    let address = function.address.short();
    match (&function.driver_override, function.driver.as_deref()) {
        (Seen::Absent, _) => Opinion::pass("no driver is ordered").saw(path, "(null)"),
        (Seen::Known(ordered), Some(driver)) if ordered == driver => {
            Opinion::pass(format!("on {driver}, as ordered")).saw(path, ordered.as_str())
        }
        (Seen::Known(ordered), driver) => {
            let has = driver.unwrap_or("no driver");
            Opinion::warn(format!("{ordered} is ordered for it, and it has {has}"))
                .saw(path, ordered.as_str())
                .saw(at(function, "driver"), driver.unwrap_or("not there"))
                .fix(format!("virtfn bind {address} {ordered}"))
                .fix(format!("virtfn bind {address} --default"))
        }
        (seen, _) => Opinion::unknown("whether a driver is ordered for it could not be seen")
            .missed(&path, seen),
    }
}

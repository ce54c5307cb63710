//! Has nobody taken the VF?

use virtfn_host::{Function, Host, Seen};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "vf-without-driver",
    label: "VF driver",
    about: About::EachVf,
    matters_for: Uses::DPDK.and(Uses::CONTAINER),
    weight: Weight::Advice,
    follows: &["pf-driver-missing", "vf-driver-missing", "autoprobe-left-off", "bus-autoprobe-off"],
    judge: Judge::Each(judge),
    page: include_str!("vf_without_driver.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let path = at(function, "driver");
    if let Some(driver) = &function.driver {
        return Opinion::pass(driver.as_str()).saw(path, driver.as_str());
    }
    let pf = function.vf().and_then(|vf| host.functions.get(&vf.pf)).and_then(Function::pf);
    let by_switch = pf.is_some_and(|pf| pf.autoprobe == Seen::Known(false));
    if by_switch || host.platform.autoprobe == Seen::Known(false) {
        return Opinion::not_applicable("has no driver, as nobody asked for one");
    }
    let address = function.address.short();
    let opinion = Opinion::warn("has no driver, though the kernel looks for one")
        .saw(path, "not there")
        .fix(format!("virtfn bind {address} --default"))
        .fix(format!("dmesg | grep {address} says why a driver gave up"));
    match &function.modules {
        Seen::Known(modules) if !modules.is_empty() => {
            opinion.fix(format!("modprobe {}", modules[0]))
        }
        _ => opinion.fix("install the kernel's whole set of modules, or the maker's VF driver"),
    }
}

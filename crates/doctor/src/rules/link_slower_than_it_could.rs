//! Does the card run at its full width and speed?

use virtfn_host::{Function, Host};
use virtfn_pci::Looked;
use virtfn_pci::capability::Link;

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "link-slower-than-it-could",
    label: "PCIe link",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Each(judge),
    page: include_str!("link_slower_than_it_could.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let path = at(function, "config");
    let link = match link(function) {
        Ok(link) => link,
        Err(opinion) => return opinion,
    };
    let said = format!("{} x{} of {} x{}", link.speed, link.width, link.max_speed, link.max_width);
    // A virtual link has no width.
    if link.width == 0 {
        return Opinion::not_applicable("its link tells nothing");
    }
    if link.speed >= link.max_speed && link.width >= link.max_width {
        return Opinion::pass(format!("full speed: {} x{}", link.speed, link.width))
            .saw(path, said);
    }
    let slow = Opinion::warn(format!("its PCIe link runs at {said}")).saw(path, said);
    let above = function.parent.and_then(|parent| host.functions.get(&parent));
    match above.map(|above| (above, self::link(above))) {
        Some((above, Ok(port))) if port.max_speed <= link.speed && port.max_width <= link.width => slow
            .saw(at(above, "config"), format!("{} x{} at most", port.max_speed, port.max_width))
            .fix("the slot can do no more: put the card in a faster one"),
        _ => slow
            .fix("seat the card anew, and look for dirt in the slot")
            .fix("look in the firmware's setup for a limit of the slot's speed, or for lanes that are shared"),
    }
}

fn link(function: &Function) -> Result<Link, Opinion> {
    let path = at(function, "config");
    let unseen = || Opinion::unknown("how its PCIe link runs could not be seen");
    let Some(config) = function.config.known() else {
        return Err(unseen().missed(&path, &function.config));
    };
    let walk = config.capabilities();
    match walk.express() {
        Looked::Found(express) => {
            express.link.ok_or_else(|| Opinion::not_applicable("has no PCIe link of its own"))
        }
        Looked::Absent => Err(Opinion::not_applicable("has no PCIe link")),
        _ => Err(unseen()
            .saw(path, "not permitted (run as root to see it)")
            .fix("run virtfn doctor as root")),
    }
}

//! Does the kernel look for drivers at all?

use virtfn_host::{Host, Seen};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "bus-autoprobe-off",
    label: "bus autoprobe",
    about: About::Host,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(judge),
    page: include_str!("bus_autoprobe_off.md"),
};

const PATH: &str = "sys/bus/pci/drivers_autoprobe";

fn judge(host: &Host) -> Opinion {
    match &host.platform.autoprobe {
        Seen::Known(true) => Opinion::pass("the kernel looks for drivers").saw(PATH, "1"),
        Seen::Known(false) => Opinion::warn(
            "no PCI device gets a driver by itself: somebody left the bus's autoprobe off",
        )
        .saw(PATH, "0")
        .fix(format!("echo 1 > /{PATH}")),
        seen => Opinion::unknown("whether the kernel looks for drivers could not be seen")
            .missed(PATH, seen),
    }
}

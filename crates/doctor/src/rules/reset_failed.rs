//! Did a device not come back from a reset or from sleep?

use crate::rule::{About, Judge, Rule, Weight};
use crate::symptom::Symptom;
use crate::uses::Uses;

const SYMPTOM: Symptom = Symptom {
    texts: &[
        &["not ready", "after", "giving up"],
        &["Unable to change power state from D3", "device inaccessible"],
    ],
    found: "a device did not come back",
    clean: "every device came back from its resets",
    fixes: &[
        "keep idle devices awake: disable_idle_d3=1 for vfio-pci, and echo on > /sys/bus/pci/devices/ADDRESS/power/control",
        "update the card's firmware",
        "a cold start of the machine brings it back",
    ],
};

pub(crate) const RULE: Rule = Rule {
    id: "reset-failed",
    label: "resets",
    about: About::Host,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(|host| SYMPTOM.judge(host)),
    page: include_str!("reset_failed.md"),
};

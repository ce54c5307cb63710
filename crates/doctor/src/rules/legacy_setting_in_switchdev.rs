//! Was a setting refused that only the legacy mode of a switch has?

use crate::rule::{About, Judge, Rule, Weight};
use crate::symptom::Symptom;
use crate::uses::Uses;

const SYMPTOM: Symptom = Symptom {
    texts: &[
        &["Trusted VF is forbidden in switchdev mode"],
        &["Can't config promiscuous mode in switchdev mode"],
        &["Not supported in switchdev mode"],
    ],
    found: "a setting was refused that a switch in switchdev mode does not have",
    clean: "no setting was refused for the mode of a switch",
    fixes: &[
        "set it on the VF's representor: tc, bridge, or devlink port function",
        "rates: devlink port function rate set",
        "or go back to the legacy mode while there are no VFs: devlink dev eswitch set pci/PF mode legacy",
    ],
};

pub(crate) const RULE: Rule = Rule {
    id: "legacy-setting-in-switchdev",
    label: "switchdev",
    about: About::Host,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(|host| SYMPTOM.judge(host)),
    page: include_str!("legacy_setting_in_switchdev.md"),
};

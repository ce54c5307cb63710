//! Was a change of a card's switch mode refused?

use crate::rule::{About, Judge, Rule, Weight};
use crate::symptom::Symptom;
use crate::uses::Uses;

const SYMPTOM: Symptom = Symptom {
    texts: &[
        &["Changing eswitch mode is allowed only if there is no VFs created"],
        &["Changing eswitch mode", "ADQ"],
        &["Can't change mode, E-Switch is busy"],
        &["Can't change E-Switch mode"],
        &["netdev net namespace has diverged"],
        &["E-Switch: Failed to"],
    ],
    found: "a card refused to change the mode of its switch",
    clean: "no card refused to change the mode of its switch",
    fixes: &[
        "remove its VFs first: virtfn destroy PF, then devlink dev eswitch set pci/PF mode switchdev",
        "put its interfaces back into the host's network namespace, and take IPsec and ADQ off it",
        "mlx5 of the maker: set the flow steering mode to smfs before",
    ],
};

pub(crate) const RULE: Rule = Rule {
    id: "eswitch-change-refused",
    label: "switch mode",
    about: About::Host,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(|host| SYMPTOM.judge(host)),
    page: include_str!("eswitch_change_refused.md"),
};

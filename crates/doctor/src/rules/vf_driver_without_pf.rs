//! Does a VF's driver on this host get no answer from its PF?

use crate::rule::{About, Judge, Rule, Weight};
use crate::symptom::Symptom;
use crate::uses::Uses;

const SYMPTOM: Symptom = Symptom {
    texts: &[
        &["PF returned error", "to our request"],
        &["Failed to communicate with PF; waiting before retry"],
    ],
    found: "a VF's driver gets no answer, or an error, from its PF",
    clean: "every VF's driver is answered by its PF",
    fixes: &[
        "bring the PF's interface up: ip link set PF up",
        "use drivers of one origin for PF and VF: both of the kernel, or both of the maker",
        "give the VF to its driver again: virtfn bind VF --none, then virtfn bind VF --default",
    ],
};

pub(crate) const RULE: Rule = Rule {
    id: "vf-driver-without-pf",
    label: "VF drivers",
    about: About::Host,
    matters_for: Uses::DPDK.and(Uses::CONTAINER),
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(|host| SYMPTOM.judge(host)),
    page: include_str!("vf_driver_without_pf.md"),
};

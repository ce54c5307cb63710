//! Were fewer VFs made than somebody asked for?

use crate::rule::{About, Judge, Rule, Weight};
use crate::symptom::Symptom;
use crate::uses::Uses;

const SYMPTOM: Symptom = Symptom {
    texts: &[
        &["VFs requested; only", "enabled"],
        &["Reject SRIOV config request since if is down!"],
    ],
    found: "fewer VFs were made than were asked for, and no error was given",
    clean: "no request for VFs was cut short",
    fixes: &[
        "count them: virtfn list",
        "bring the PF up first, which bnxt_en needs: ip link set PF up",
        "ask for no more than the driver allows: virtfn show PF",
    ],
};

pub(crate) const RULE: Rule = Rule {
    id: "vf-fewer-than-asked",
    label: "VF count",
    about: About::Host,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(|host| SYMPTOM.judge(host)),
    page: include_str!("vf_fewer_than_asked.md"),
};

//! Did somebody come without the right VF token?

use crate::rule::{About, Judge, Rule, Weight};
use crate::symptom::Symptom;
use crate::uses::Uses;

const SYMPTOM: Symptom = Symptom {
    texts: &[
        &["VF token required to access device"],
        &["Incorrect VF token provided for device"],
        &["VF token incorrectly provided, PF not bound to vfio-pci"],
    ],
    found: "a VF was refused to somebody who did not have its token",
    clean: "nobody was refused for a VF token",
    fixes: &[
        "give the program the token that the PF's holder set (QEMU: vf-token=UUID; DPDK: --vfio-vf-token)",
        "or give the PF back to its own driver: virtfn bind PF --default",
    ],
};

pub(crate) const RULE: Rule = Rule {
    id: "vf-token-refused",
    label: "VF token",
    about: About::Host,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(|host| SYMPTOM.judge(host)),
    page: include_str!("vf_token_refused.md"),
};

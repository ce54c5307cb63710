//! Was a PF refused by vfio-pci because it has VFs?

use crate::rule::{About, Judge, Rule, Weight};
use crate::symptom::Symptom;
use crate::uses::Uses;

const SYMPTOM: Symptom = Symptom {
    texts: &[&["Cannot bind to PF with SR-IOV enabled"]],
    found: "vfio-pci refused a PF because its VFs were there",
    clean: "vfio-pci refused no PF for its VFs",
    fixes: &["remove its VFs first: virtfn destroy PF", "or hand over a VF in place of the PF"],
};

pub(crate) const RULE: Rule = Rule {
    id: "vfio-refused-pf",
    label: "PF to VFIO",
    about: About::Host,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(|host| SYMPTOM.judge(host)),
    page: include_str!("vfio_refused_pf.md"),
};

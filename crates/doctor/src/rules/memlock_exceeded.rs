//! Was somebody refused to lock memory?

use crate::rule::{About, Judge, Rule, Weight};
use crate::symptom::Symptom;
use crate::uses::Uses;

const SYMPTOM: Symptom = Symptom {
    texts: &[&["RLIMIT_MEMLOCK", "exceeded"]],
    found: "a program that uses VFIO was refused to lock its memory",
    clean: "nobody was refused to lock memory",
    fixes: &[
        "raise its limit to the VM's memory and 1 GiB: LimitMEMLOCK= in its unit, or /etc/security/limits.d",
        "with a virtual IOMMU in the VM: its memory once for every device, and 1 GiB",
        "libvirt sets it by itself; <hard_limit> in the domain overrides it",
    ],
};

pub(crate) const RULE: Rule = Rule {
    id: "memlock-exceeded",
    label: "memory lock",
    about: About::Host,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(|host| SYMPTOM.judge(host)),
    page: include_str!("memlock_exceeded.md"),
};

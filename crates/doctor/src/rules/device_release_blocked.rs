//! Does somebody wait for a device to be given back?

use crate::rule::{About, Judge, Rule, Weight};
use crate::symptom::Symptom;
use crate::uses::Uses;

const SYMPTOM: Symptom = Symptom {
    texts: &[
        &["Device is currently in use, task", "blocked until device is released"],
        &["No device request channel registered, blocked until released by user"],
    ],
    found: "somebody took away a device that was in use, and hangs until it is given back",
    clean: "nobody had to wait for a device",
    fixes: &[
        "detach it from its VM, or end the VM: virtfn list names the holder",
        "never write sriov_numvfs by hand while VFs are in use: virtfn destroy asks first",
    ],
};

pub(crate) const RULE: Rule = Rule {
    id: "device-release-blocked",
    label: "release",
    about: About::Host,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(|host| SYMPTOM.judge(host)),
    page: include_str!("device_release_blocked.md"),
};

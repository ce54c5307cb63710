//! Does a file of systemd's name a VF and set nothing?

use virtfn_host::{Claim, Function, Host, Quirk};

use crate::claimed::{Claimed, saw};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "sriov-section-empty",
    label: "empty sections",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Each(judge),
    page: include_str!("sriov_section_empty.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let empty = |claim: &Claim| claim.quirks.contains(&Quirk::EmptySection);
    let claimed = match Claimed::of(host, function, empty) {
        Ok(claimed) => claimed,
        Err(unseen) => return unseen,
    };
    let certain: Vec<&Claim> = claimed.certain().collect();
    if certain.is_empty() {
        return claimed
            .pass("no section without a setting")
            .saw("etc/systemd/network", "no empty [SR-IOV] section");
    }
    saw(
        Opinion::warn("an [SR-IOV] section sets nothing, and the kernel refuses it"),
        certain.iter().copied(),
    )
    .fix("give the section a setting, such as MACSpoofCheck=yes, or take it out")
    .fix(
        "to have a number of VFs made, SR-IOVVirtualFunctions= in [Link] of a .link file is enough",
    )
}

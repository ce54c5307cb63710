//! Are the VFs made before the guests that need them start?

use virtfn_host::{Claim, Function, Host, Quirk};

use crate::claimed::{Claimed, is_count, saw};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "vfs-made-late",
    label: "order at boot",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Each(judge),
    page: include_str!("vfs_made_late.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let late = |claim: &Claim| is_count(claim) && claim.quirks.contains(&Quirk::NotBeforeGuests);
    let claimed = match Claimed::of(host, function, late) {
        Ok(claimed) => claimed,
        Err(unseen) => return unseen,
    };
    let certain: Vec<&Claim> = claimed.certain().collect();
    if certain.is_empty() {
        return claimed
            .pass("no script makes its VFs behind the guests' backs")
            .saw("etc/systemd/system", "no script that makes its VFs late");
    }
    let summary = "a script makes its VFs, and guests may start before it has run";
    saw(Opinion::warn(summary), certain.iter().copied())
        .fix("run it from a unit with Before=network-pre.target libvirtd.service virtqemud.service")
        .fix("or have systemd make them: SR-IOVVirtualFunctions= in a .link file")
}

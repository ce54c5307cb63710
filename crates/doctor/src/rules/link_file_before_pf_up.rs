//! Does systemd make VFs of a card that makes none while it is down?

use virtfn_host::{Claim, Function, Host, Owner};

use crate::claimed::{Claimed, is_count, saw};
use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "link-file-before-pf-up",
    label: "made while down",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("link_file_before_pf_up.md"),
};

/// Drivers that make VFs only while their interface is up, and say that all went well if it is not.
const NEED_UP: [&str; 1] = ["bnxt_en"];

fn judge(host: &Host, function: &Function) -> Opinion {
    let driver = function.driver.as_deref().unwrap_or("no driver");
    if !NEED_UP.contains(&driver) {
        return Opinion::pass(format!("{driver} makes VFs whether it is up or down"))
            .saw(at(function, "driver"), driver);
    }
    let by_link = |claim: &Claim| is_count(claim) && claim.owner == Owner::Networkd;
    let claimed = match Claimed::of(host, function, by_link) {
        Ok(claimed) => claimed,
        Err(unseen) => return unseen,
    };
    let certain: Vec<&Claim> = claimed.certain().collect();
    if certain.is_empty() {
        return claimed
            .pass("no .link file makes its VFs")
            .saw("etc/systemd/network", "no word of its VFs");
    }
    let summary =
        format!("a .link file makes its VFs while it is down, and {driver} then makes none");
    saw(Opinion::warn(summary), certain.iter().copied())
        .saw(at(function, "driver"), driver)
        .fix("make them from a unit that brings the interface up first")
}

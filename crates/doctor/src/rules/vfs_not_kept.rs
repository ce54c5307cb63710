//! Will the VFs be there again after a reboot?

use virtfn_host::{Claim, Demand, Function, Host, Owner, VfCount};

use crate::claimed::{Claimed, is_count, owners, saw};
use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::rules::module_option_traces;
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "vfs-not-kept",
    label: "reboot",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("vfs_not_kept.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let made = function.pf().map_or(0, |pf| pf.vfs.len());
    if made == 0 {
        return Opinion::not_applicable("has no VFs to keep");
    }
    let claimed = match Claimed::of(host, function, is_count) {
        Ok(claimed) => claimed,
        Err(unseen) => return unseen,
    };
    let certain: Vec<&Claim> = claimed.certain().collect();
    let (keeping, others): (Vec<&Claim>, Vec<&Claim>) =
        certain.into_iter().partition(|claim| keeps(host, claim, made));
    if !keeping.is_empty() {
        let summary = format!("{} makes them again", owners(keeping.iter().copied()));
        return saw(Opinion::pass(summary), keeping);
    }
    if let Some((path, option)) = module_option_traces(host, function).into_iter().next() {
        return Opinion::pass("a module option makes VFs again").saw(path, option);
    }
    if let Some(policy) = others.iter().find(|claim| agrees(claim, made)) {
        return saw(
            Opinion::warn("its VFs are in virtfn's policy, and nothing applies that at boot"),
            [*policy],
        )
        .saw("etc/systemd/system", "no unit runs `virtfn apply`")
        .fix("virtfn install");
    }
    if !others.is_empty() {
        let summary = format!(
            "{} will make another number than the {made} there are",
            owners(others.iter().copied())
        );
        return saw(Opinion::warn(summary), others.iter().copied())
            .saw(at(function, "virtfn*"), format!("{made} links"))
            .fixes(others.iter().map(|claim| format!("change it in /{}", claim.place())));
    }
    let nobody = claimed.pass("nobody is known to make them again");
    if nobody.verdict != crate::finding::Verdict::Pass {
        return nobody;
    }
    Opinion::warn(format!("nobody makes its {made} VFs again after a reboot"))
        .saw(at(function, "virtfn*"), format!("{made} links"))
        .saw("etc", "no word of its VFs")
        .fix("virtfn import live > /etc/virtfn/policy.yaml && virtfn install")
        .fix(format!(
            "or have one owner make them at boot, as systemd: SR-IOVVirtualFunctions={made} in a .link \
             file (man systemd.link)"
        ))
        .fix(format!("or with netplan: virtual-function-count: {made}"))
}

/// A policy alone makes nothing: something has to apply it.
fn keeps(host: &Host, claim: &Claim, made: usize) -> bool {
    let claims = host.claims.known().map_or(&[][..], |claims| &claims.found);
    let is_applied = || claims.iter().any(|claim| claim.what == Demand::Apply);
    agrees(claim, made) && (claim.owner != Owner::Virtfn || is_applied())
}

fn agrees(claim: &Claim, made: usize) -> bool {
    let is = |count: u32| usize::try_from(count) == Ok(made);
    match claim.what {
        Demand::Vfs(VfCount::Exactly(count)) => is(count),
        Demand::Vfs(VfCount::AtLeast(count)) => usize::try_from(count).is_ok_and(|n| n <= made),
        Demand::Vfs(VfCount::Unclear) => true,
        Demand::Settings | Demand::Driver(_) | Demand::Guest(_) | Demand::Apply => false,
    }
}

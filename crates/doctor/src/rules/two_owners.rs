//! Does more than one owner lay down what the PF and its VFs shall be?

use std::collections::BTreeSet;

use virtfn_host::{Claim, Demand, Function, Host, Owner, VfCount};

use crate::claimed::{Claimed, is_count, owners, saw};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::rules::module_option_traces;
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "two-owners",
    label: "owners",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Each(judge),
    page: include_str!("two_owners.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let claimed = |wanted: fn(&Claim) -> bool| Claimed::of(host, function, wanted);
    let counts = match claimed(is_count) {
        Ok(counts) => counts,
        Err(unseen) => return unseen,
    };
    if let Some(opinion) = contested(&counts, "how many VFs it has") {
        return opinion;
    }
    if let Some(opinion) = with_command_line(host, function, &counts) {
        return opinion;
    }
    for (what, wanted) in [
        ("the settings of its VFs", (|claim| claim.what == Demand::Settings) as fn(&Claim) -> bool),
        ("its driver", |claim| matches!(claim.what, Demand::Driver(_))),
    ] {
        let opinion = claimed(wanted).ok().and_then(|claims| contested(&claims, what));
        if let Some(opinion) = opinion {
            return opinion;
        }
    }
    if let Some(opinion) = contested_vf(host, function) {
        return opinion;
    }
    let all: Vec<&Claim> = counts.certain().collect();
    match all.first() {
        Some(_) => saw(counts.pass(format!("{} alone", owners(all.iter().copied()))), all),
        None => counts.pass("no owner lays its VFs down").saw("etc", "no word of its VFs"),
    }
}

/// Two owners of one thing; or one that says two things.
fn contested(claims: &Claimed<'_>, what: &str) -> Option<Opinion> {
    let certain: Vec<&Claim> = claims.certain().collect();
    let doubtful: Vec<&Claim> = claims.doubtful().collect();
    let distinct: BTreeSet<Owner> = certain.iter().map(|claim| claim.owner).collect();
    let others = doubtful.iter().any(|claim| !distinct.contains(&claim.owner));
    let summary = if distinct.len() > 1 {
        format!("{} lay down {what}: the last one wins", owners(certain.iter().copied()))
    } else if !distinct.is_empty() && others {
        let rest = doubtful.iter().filter(|claim| !distinct.contains(&claim.owner)).copied();
        let (one, rest) = (owners(certain.iter().copied()), owners(rest));
        format!("{one} lays down {what}, and {rest} may do so too")
    } else if is_split(&certain) {
        format!("{} lays down {what} twice, and not alike", owners(certain.iter().copied()))
    } else {
        return None;
    };
    let opinion = saw(Opinion::warn(summary), certain.iter().chain(&doubtful).copied());
    let keep = "keep one owner, and take it out of the others' files";
    let remove = certain.iter().chain(&doubtful).skip(1);
    let remove = remove
        .take(4)
        .map(|claim| format!("to take it from {}: edit /{}", claim.owner, claim.place()));
    Some(opinion.fix(keep).fixes(remove))
}

/// Different numbers, or different drivers, of one owner.
fn is_split(claims: &[&Claim]) -> bool {
    let decided = |claim: &&Claim| {
        !matches!(
            claim.what,
            Demand::Settings | Demand::Vfs(VfCount::AtLeast(_) | VfCount::Unclear)
        )
    };
    let mut decided = claims.iter().copied().filter(decided);
    let first = decided.next();
    first.is_some_and(|first| decided.any(|claim| claim.what != first.what))
}

/// A module option on the command line is nobody's file.
fn with_command_line(host: &Host, function: &Function, counts: &Claimed<'_>) -> Option<Opinion> {
    let certain: Vec<&Claim> =
        counts.certain().filter(|claim| claim.owner != Owner::Modprobe).collect();
    certain.first()?;
    let traces = module_option_traces(host, function);
    let (path, option) = traces.into_iter().find(|(path, _)| path == "proc/cmdline")?;
    let summary = format!(
        "{} and a module option lay down how many VFs it has: the last one wins",
        owners(certain.iter().copied())
    );
    let fix = format!("take {option} off the kernel's command line");
    Some(saw(Opinion::warn(summary), certain).saw(path, option).fix(fix))
}

/// Two drivers for one of its VFs.
fn contested_vf(host: &Host, function: &Function) -> Option<Opinion> {
    let claims = host.claims.known()?;
    let drivers: Vec<&Claim> =
        claims.found.iter().filter(|claim| matches!(claim.what, Demand::Driver(_))).collect();
    if drivers.len() < 2 {
        return None;
    }
    let vfs = function.pf()?.vfs.iter();
    vfs.filter_map(|(index, address)| Some((index, host.functions.get(address)?))).find_map(
        |(index, vf)| {
            let claimed =
                Claimed::of(host, vf, |claim| matches!(claim.what, Demand::Driver(_))).ok()?;
            let certain: Vec<&Claim> = claimed.certain().collect();
            let split = is_split(&certain);
            split.then(|| contested(&claimed, &format!("the driver of its VF {index}"))).flatten()
        },
    )
}

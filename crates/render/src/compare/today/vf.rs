//! Can a VF of the device go to a guest?

use virtfn_doctor::{About, Object, Rule, Verdict, Weight};
use virtfn_host::{Function, Pf, VfIndex};

use super::{Standing, findings, of_guest, of_host};
use crate::compare::Mark;
use crate::compare::facts::{Column, Facts};
use crate::compare::reason::Reason;

/// Advice on a PF that its VFs' guests would feel at once.
const FELT: [&str; 4] =
    ["vf-pf-link-down", "pf-on-bridge", "device-lock-held", "vfio-pf-sriov-off"];

pub(super) fn judge(facts: &Facts<'_>) -> Standing {
    let Some(pf) = facts.pf().filter(|_| !matches!(facts.vf, Column::None)) else {
        return none(facts);
    };
    let mut reasons = of_host(facts);
    reasons.extend(of_pf(facts, pf));
    if let Some(vf) = facts.made() {
        reasons.extend(of_guest(facts, vf.address));
    }
    reasons.extend(users(facts, pf));
    Standing::of(reasons, ready(facts, pf))
}

/// The device makes none: it has no SR-IOV, or that could not be seen.
fn none(facts: &Facts<'_>) -> Standing {
    let finding = facts.found("sriov-missing", facts.device.address);
    match finding.map(|finding| (finding.verdict, Reason::found(finding))) {
        Some((Verdict::Unknown, reason)) => Standing::of(vec![reason], ""),
        // What the card has and does not offer can be mended.
        Some((Verdict::Fail, reason)) if reason.summary != "has no SR-IOV capability" => {
            Standing::of(vec![reason], "")
        }
        _ => Standing::none("it has no SR-IOV capability"),
    }
}

fn of_pf(facts: &Facts<'_>, pf: &Pf) -> Vec<Reason> {
    let wanted = |rule: &Rule| {
        let makes = matches!(
            rule.about,
            About::EachSriovDevice | About::EachPf | About::EachPfOrNamed | About::EachDevice
        );
        (makes && rule.weight == Weight::Requirement) || FELT.contains(&rule.id)
    };
    let found = findings(facts, Object::Function(facts.device.address), wanted).map(Reason::found);
    // What keeps more from being made is no matter to those that are there.
    let there = !pf.vfs.is_empty();
    let spared = |reason: &Reason| {
        matches!(reason.rule, Some("mmio-window-too-small" | "no-bus-numbers-for-vfs"))
    };
    found.filter(|reason| !(there && spared(reason))).collect()
}

/// Somebody has the VF in question, or all that there are.
fn users(facts: &Facts<'_>, pf: &Pf) -> Option<Reason> {
    if let Column::Asked(index, vf) = facts.vf {
        return user(index, vf);
    }
    let vfs = pf.vfs.values().filter_map(|at| facts.host.functions.get(at));
    let idle: Vec<_> = vfs.map(|vf| vf.holders.known().map(Vec::is_empty)).collect();
    let object = facts.device.address.short();
    if idle.is_empty() || idle.contains(&Some(true)) {
        return None;
    }
    if idle.contains(&None) {
        let summary = format!("who uses its {} VFs could not be seen", idle.len());
        return Some(unseen(object, summary));
    }
    let summary = format!("all of its {} VFs are in use", idle.len());
    let reason = Reason::own(Mark::No, object.clone(), "all in use", summary);
    Some(reason.fix(format!("virtfn list {object} says by whom")))
}

fn user(index: VfIndex, vf: &Function) -> Option<Reason> {
    let object = vf.address.short();
    match vf.holders.known().map(|holders| holders.first()) {
        None => Some(unseen(object, format!("who uses VF {index} could not be seen"))),
        Some(None) => None,
        Some(Some(holder)) => {
            let summary = format!("VF {index} is in use by {holder}");
            Some(Reason::own(Mark::No, object, "in use", summary))
        }
    }
}

fn unseen(object: String, summary: String) -> Reason {
    let reason = Reason::own(Mark::Unknown, object, "users not seen", summary);
    reason.saw("virtfn/open-nodes.json", "not seen")
}

fn ready(facts: &Facts<'_>, pf: &Pf) -> String {
    match facts.vf {
        Column::Asked(index, vf) => format!("VF {index}, {}", vf.address.short()),
        Column::Made(index, _) => format!("VF {index} is free"),
        Column::ToCome | Column::None => format!("{} to be made", pf.total_vfs),
    }
}

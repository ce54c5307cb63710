//! Can a VF of the device go to a guest?

use virtfn_doctor::{About, Object, Rule, Verdict, Weight};
use virtfn_host::{Function, Pf, Seen};

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
    let held = |vf: &Function| vf.holders.known().and_then(|all| all.first().cloned());
    if let Column::Asked(index, vf) = facts.vf {
        let holder = held(vf)?;
        let summary = format!("VF {index} is in use by {holder}");
        return Some(Reason::own(Mark::No, vf.address.short(), "in use", summary));
    }
    let vfs: Vec<&Function> =
        pf.vfs.values().filter_map(|at| facts.host.functions.get(at)).collect();
    let all = !vfs.is_empty() && vfs.iter().all(|vf| held(vf).is_some());
    let unseen = vfs.iter().all(|vf| !matches!(vf.holders, Seen::Known(_))) && !vfs.is_empty();
    let object = facts.device.address.short();
    if unseen {
        let summary = format!("who uses its {} VFs could not be seen", vfs.len());
        return Some(
            Reason::own(Mark::Unknown, object, "users not seen", summary)
                .saw("virtfn/open-nodes.json", "not seen"),
        );
    }
    all.then(|| {
        let summary = format!("all of its {} VFs are in use", vfs.len());
        Reason::own(Mark::No, object.clone(), "all in use", summary)
            .fix(format!("virtfn list {object} says by whom"))
    })
}

fn ready(facts: &Facts<'_>, pf: &Pf) -> String {
    match facts.vf {
        Column::Asked(index, vf) => format!("VF {index}, {}", vf.address.short()),
        Column::Made(index, _) => format!("VF {index} is free"),
        Column::ToCome | Column::None => format!("{} to be made", pf.total_vfs),
    }
}

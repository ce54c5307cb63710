//! Can anything on the way to the root send a request past the IOMMU?

use virtfn_host::{Function, Host, Seen};
use virtfn_predict::{
    Acs, Break, Ground, Isolation, Judgement, RULES, Step, Unseen, isolation, remedies,
};

use crate::evidence::{at, flags, group, is_power, list};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "acs-missing-on-path",
    label: "isolation",
    about: About::EachPfOrNamed,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Requirement,
    follows: &[],
    judge: Judge::Each(judge),
    page: include_str!("acs_missing_on_path.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    if is_power(host) {
        return by_endpoint(host, function);
    }
    let whole = isolation(host, function);
    // A VF never shares its device (the kernel clears its multifunction flag), so that only what
    // is above a PF matters to its VFs.
    let matters = if function.pf().is_some() { whole.above() } else { whole.clone() };
    let opinion = match matters.judgement() {
        Judgement::Isolated if whole.judgement() == Judgement::Isolated => {
            Opinion::pass(format!("path to the root isolated{}", top(&whole)))
        }
        Judgement::Isolated => beside(&whole),
        Judgement::Broken(at) if kernel_parts(host, function, &at) => Opinion::warn(format!(
            "{at}, by the rules of {RULES}; this kernel isolates it all the same"
        ))
        .fix("dmesg | grep -i acs may say why; newer kernels know more chips to isolate"),
        Judgement::Broken(at) => broken(host, &matters, &at),
        Judgement::Unknown(unseen) => unknown(&unseen),
    };
    whole.path.iter().fold(opinion, |opinion, step| {
        opinion.saw(format!("sys/bus/pci/devices/{}/config", step.address), said(step))
    })
}

/// On POWER the host bridge keeps partitionable endpoints (PEs) apart, whatever ACS says, and a group
/// is one or more of them.
fn by_endpoint(host: &Host, function: &Function) -> Opinion {
    let Some(group) = group(host, function) else {
        return Opinion::unknown("which partitionable endpoint (PE) it is in could not be seen")
            .saw(at(function, "iommu_group"), "not there")
            .fix("dmesg | grep -i -e 'PE#' -e iommu says what the kernel made of it");
    };
    let guests = group.members.iter().filter_map(|address| host.functions.get(address));
    let others: Vec<String> = guests
        .filter(|other| !other.is_bridge() && other.address != function.address)
        .map(|other| other.address.short())
        .collect();
    let path = format!("sys/kernel/iommu_groups/{}/devices", group.id);
    let members = list(group.members.iter().map(|address| address.short()));
    if others.is_empty() {
        return Opinion::pass("its host bridge keeps it apart: nothing else is in its PE")
            .saw(path, members);
    }
    Opinion::warn(format!("firmware put it into one PE with {}", list(others)))
        .saw(path, members)
        .fix("put the card in a slot of its own host bridge; or pass all of the group to one VM")
}

/// The root port by which the path is isolated.
fn top(isolation: &Isolation) -> String {
    let last = isolation.path.last().filter(|_| isolation.path.len() > 1);
    last.map(|step| format!(" ({})", named(step))).unwrap_or_default()
}

fn named(step: &Step) -> String {
    let kind = step.kind.map_or_else(|| "bridge".into(), |kind| kind.to_string());
    let what = match &step.acs {
        Acs::Isolates(Ground::On(flags)) if !flags.is_empty() => {
            flags.names().collect::<Vec<_>>().join(" ")
        }
        Acs::Isolates(ground) => ground.to_string(),
        Acs::Lacks { lack, .. } => lack.to_string(),
        Acs::Unseen(_) => "not seen".into(),
    };
    format!("{kind} {}: {what}", step.address.short())
}

/// What one element's registers said.
fn said(step: &Step) -> String {
    let kind = step.kind.map(|kind| format!("{kind}, ")).unwrap_or_default();
    match &step.acs {
        Acs::Isolates(ground) => format!("{kind}{ground}"),
        Acs::Lacks { lack, missing } if missing.is_empty() => format!("{kind}{lack}"),
        Acs::Lacks { lack, missing } => {
            format!("{kind}{lack}; missing {}", missing.names().collect::<Vec<_>>().join(" "))
        }
        Acs::Unseen(unseen) => format!("not seen: {}", unseen.unreadable.why),
    }
}

/// The path is well; the PF shares its group with the card's other functions.
fn beside(whole: &Isolation) -> Opinion {
    match whole.judgement() {
        Judgement::Unknown(unseen) => unknown(&unseen),
        Judgement::Isolated | Judgement::Broken(_) => Opinion::warn(
            "its VFs are isolated; itself it shares a group with the card's other functions",
        )
        .fix("nothing to do for VFs; to pass this function whole, pass the others with it"),
    }
}

/// Did the kernel that runs part them although its rules, as known here, would not? A patched one
/// that was told to pretend proves nothing.
fn kernel_parts(host: &Host, function: &Function, at: &Break) -> bool {
    let pretends = flags(host).iter().any(|flag| flag.starts_with("pcie_acs_override"));
    let joined = group(host, function).is_none_or(|group| group.members.contains(&at.address));
    let told = matches!(host.kernel.command_line, Seen::Known(_));
    told && !pretends && !joined && at.address != function.address
}

fn unknown(unseen: &Unseen) -> Opinion {
    Opinion::unknown(format!("whether {} isolates could not be seen", unseen.address.short()))
        .could_not_see(&unseen.unreadable)
}

/// Isolation ends at `at`, the highest place; what does not isolate below it is told too, since
/// mending one alone would not do.
fn broken(host: &Host, path: &Isolation, at: &Break) -> Opinion {
    let lower = path.breaks().filter(|one| one.address != at.address);
    let lower = list(lower.map(|one| one.address.short()));
    let also = if lower.is_empty() { lower } else { format!(", nor does {lower} isolate") };
    let opinion = Opinion::fail(format!(
        "{at}{also}, so what is below it can reach its neighbours past the IOMMU"
    ));
    opinion.fixes(remedies(host, at).into_iter().map(|remedy| {
        let warning = if remedy.lowers_security { "not advised: " } else { "" };
        format!("{warning}{}", remedy.text)
    }))
}

//! What all findings come to, in one line.

use std::collections::BTreeSet;

use virtfn_host::{Function, Host};
use virtfn_pci::Address;

use crate::evidence::list;
use crate::finding::{Finding, Object, Verdict};
use crate::rule::Weight;
use crate::uses::Uses;

/// No line names more devices than this.
const MAX_NAMED: usize = 4;

/// Is the machine ready?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Nothing failed, and all that matters was seen.
    Ready,
    /// Something failed.
    NotReady,
    /// Nothing failed, but something that matters could not be seen.
    Unsure,
}

/// What all findings come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Is the machine ready?
    pub readiness: Readiness,
    /// The first line that a person reads.
    pub line: String,
    /// How many findings failed.
    pub failures: usize,
    /// How many warnings there are; one rule's of all VFs of a PF are one.
    pub warnings: usize,
    /// How many requirements could not be seen.
    pub unknowns: usize,
    /// How many rules that only advise could not be judged.
    pub unjudged: usize,
}

/// Sums up the findings of one run.
#[must_use]
pub fn summary(host: &Host, findings: &[Finding], uses: Uses) -> Summary {
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let failures = count(Verdict::Fail);
    let warnings = warnings(host, findings);
    let unknowns = findings.iter().filter(|finding| is_open_requirement(finding)).count();
    let unjudged = unjudged(findings);
    let readiness = match (failures, unknowns) {
        (1.., _) => Readiness::NotReady,
        (0, 1..) => Readiness::Unsure,
        (0, 0) => Readiness::Ready,
    };
    let mut line = match readiness {
        Readiness::Ready => format!("Ready: {}.", ready(host, findings, uses)),
        Readiness::NotReady => not_ready(findings, failures),
        Readiness::Unsure => unsure(findings, unknowns),
    };
    if warnings > 0 {
        line.push_str(&format!(" {}.", number(warnings, "warning")));
    }
    Summary { readiness, line, failures, warnings, unknowns, unjudged }
}

/// What a rule says of a PF's VFs is one warning, however many they are.
fn warnings(host: &Host, findings: &[Finding]) -> usize {
    let warns = findings.iter().filter(|finding| finding.verdict == Verdict::Warn);
    let of = |finding: &Finding| {
        let function = finding.object.address().and_then(|address| host.functions.get(&address));
        let pf = function.and_then(Function::vf).map(|vf| (vf.pf, true));
        (finding.rule, pf.or(finding.object.address().map(|address| (address, false))))
    };
    warns.map(of).collect::<BTreeSet<_>>().len()
}

/// The rules that advise and had something that they could not judge.
fn unjudged(findings: &[Finding]) -> usize {
    let open = findings.iter().filter(|finding| finding.verdict == Verdict::Unknown);
    let advice = open.filter(|finding| finding.weight() == Weight::Advice);
    advice.map(|finding| finding.rule).collect::<BTreeSet<_>>().len()
}

/// Who can go where.
fn ready(host: &Host, findings: &[Finding], uses: Uses) -> String {
    let objects = findings.iter().filter_map(|finding| finding.object.address());
    let objects: BTreeSet<Address> = objects.collect();
    let is_pf = |address: &&Address| host.functions.get(*address).is_some_and(makes_vfs);
    let pfs: Vec<Address> = objects.iter().filter(is_pf).copied().collect();
    let to = destination(uses);
    if pfs.is_empty() {
        return format!("{} can go to {to}", named(&objects.into_iter().collect::<Vec<_>>()));
    }
    let alone = findings.iter().all(|finding| {
        !matches!(finding.rule, "acs-missing-on-path" | "group-not-viable")
            || matches!(finding.verdict, Verdict::Pass)
    });
    let alone = alone && uses.overlaps(Uses::VM.and(Uses::DPDK));
    format!("VFs of {} can go to {to}{}", named(&pfs), if alone { ", each on its own" } else { "" })
}

fn makes_vfs(function: &Function) -> bool {
    function.pf().is_some_and(|pf| pf.total_vfs > 0)
}

fn destination(uses: Uses) -> &'static str {
    if uses.overlaps(Uses::VM) {
        "VMs"
    } else if uses.overlaps(Uses::DPDK) {
        "DPDK programs"
    } else {
        "containers"
    }
}

fn named(addresses: &[Address]) -> String {
    let short = addresses.iter().take(MAX_NAMED).map(|address| address.short());
    let more = addresses.len().saturating_sub(MAX_NAMED);
    let rest = (more > 0).then(|| format!("{more} more"));
    list(short.chain(rest))
}

fn not_ready(findings: &[Finding], failures: usize) -> String {
    let first = findings.iter().find(|finding| finding.verdict == Verdict::Fail);
    let said = first.map(sentence).unwrap_or_default();
    match failures - 1 {
        0 => format!("Not ready: {said}."),
        more => format!("Not ready: {said}. {}.", number(more, "more failure")),
    }
}

fn unsure(findings: &[Finding], unknowns: usize) -> String {
    let first = findings.iter().find(|finding| is_open_requirement(finding));
    let said = first.map(sentence).unwrap_or_default();
    let things = match unknowns {
        1 => "1 thing that matters".to_owned(),
        many => format!("{many} things that matter"),
    };
    format!("Not sure: nothing failed, but {things} could not be seen: {said}.")
}

fn is_open_requirement(finding: &Finding) -> bool {
    finding.verdict == Verdict::Unknown && finding.weight() == Weight::Requirement
}

fn sentence(finding: &Finding) -> String {
    match finding.object {
        Object::Host => finding.summary.clone(),
        Object::Function(address) => format!("{}: {}", address.short(), finding.summary),
    }
}

fn number(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

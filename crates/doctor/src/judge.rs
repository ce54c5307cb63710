//! Lays the rules over a machine.

use std::collections::{BTreeMap, BTreeSet};

use virtfn_host::{Function, Host, Role};
use virtfn_pci::{Address, Looked};

use crate::finding::{Finding, Object, Verdict};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::rules::RULES;
use crate::uses::Uses;

/// Judges a machine for some uses, by every rule that matters to them: the host, and each device,
/// or with `devices` these, their VFs and their PFs alone. In the order of the rules, then of the
/// addresses. A device that is not there is passed over: resolve names first.
#[must_use]
pub fn judge(host: &Host, uses: Uses, devices: &[Address]) -> Vec<Finding> {
    let scope = Scope::of(host, devices);
    let mut findings = Vec::new();
    let mut failed = Failed::default();
    for rule in RULES.iter().filter(|rule| is_asked(rule, uses)) {
        for (object, opinion) in scope.lay(rule) {
            let finding = failed.explain(host, rule, object, opinion);
            failed.remember(&finding);
            findings.push(finding);
        }
    }
    findings
}

/// Does the rule matter to these uses? Nobody who names no use wants all of them prepared.
fn is_asked(rule: &Rule, uses: Uses) -> bool {
    let by_name = uses != Uses::ALL || rule.weight != Weight::Preparation;
    by_name && rule.matters_for.overlaps(uses)
}

/// Which functions a run is about.
struct Scope<'h> {
    host: &'h Host,
    named: BTreeSet<Address>,
    /// `None`: all.
    covered: Option<BTreeSet<Address>>,
}

impl<'h> Scope<'h> {
    fn of(host: &'h Host, devices: &[Address]) -> Self {
        let named: BTreeSet<Address> = devices.iter().copied().collect();
        let with_relatives = |address: &Address| {
            let function = host.functions.get(address);
            let pf = function.and_then(Function::vf).map(|vf| vf.pf);
            let vfs = function.and_then(Function::pf).map(|pf| pf.vfs.values().copied());
            std::iter::once(*address).chain(pf).chain(vfs.into_iter().flatten()).collect::<Vec<_>>()
        };
        let covered = (!named.is_empty()).then(|| named.iter().flat_map(with_relatives).collect());
        Self { host, named, covered }
    }

    /// What a rule says of each of its objects.
    fn lay(&self, rule: &Rule) -> Vec<(Object, Opinion)> {
        let each = |judge: fn(&Host, &Function) -> Opinion| -> Vec<(Object, Opinion)> {
            let functions = self.host.functions.values();
            functions
                .filter(|function| self.holds(rule.about, function))
                .map(|function| (Object::Function(function.address), judge(self.host, function)))
                .collect()
        };
        match rule.judge {
            Judge::Host(judge) => vec![(Object::Host, judge(self.host))],
            Judge::Each(judge) => each(judge),
            Judge::Together(judge) => {
                let functions = self.host.functions.values();
                let about: Vec<&Function> =
                    functions.filter(|function| self.holds(rule.about, function)).collect();
                let objects = about.iter().map(|function| Object::Function(function.address));
                objects.zip(judge(self.host, &about)).collect()
            }
            Judge::EachOrNone(judge, none) => {
                let all = each(judge);
                if all.is_empty() { vec![(Object::Host, none(self.host))] } else { self.ease(all) }
            }
        }
    }

    /// Lets failures only warn where another device passes and nobody asked for those that fail.
    fn ease(&self, mut all: Vec<(Object, Opinion)>) -> Vec<(Object, Opinion)> {
        if self.named.is_empty() && all.iter().any(|(_, one)| one.verdict == Verdict::Pass) {
            for (_, one) in all.iter_mut().filter(|(_, one)| one.verdict == Verdict::Fail) {
                one.verdict = Verdict::Warn;
            }
        }
        all
    }

    fn holds(&self, about: About, function: &Function) -> bool {
        let named = self.named.contains(&function.address);
        let covered =
            self.covered.as_ref().is_none_or(|covered| covered.contains(&function.address));
        let is_pf = function.pf().is_some_and(|pf| pf.total_vfs > 0);
        let is_vf = function.vf().is_some();
        let fits = match about {
            About::Host => false,
            About::EachSriovDevice => {
                function.pf().is_some() || has_sriov(function) || (named && !is_vf)
            }
            About::EachPf => is_pf,
            About::EachPfOrNamed => is_pf || (named && !is_vf),
            About::EachVf => is_vf,
            About::EachGuest => is_vf || named,
            About::EachDevice => is_pf || is_vf || named,
        };
        fits && covered
    }
}

/// Has it the capability, whether or not the kernel made anything of it?
fn has_sriov(function: &Function) -> bool {
    let is_plain = matches!(function.role, Role::Plain);
    let walk = function.config.known().filter(|_| is_plain).map(|config| config.capabilities());
    walk.is_some_and(|walk| matches!(walk.sriov(), Looked::Found(_)))
}

/// The rules that failed, by object.
#[derive(Default)]
struct Failed(BTreeMap<Object, BTreeSet<&'static str>>);

impl Failed {
    fn remember(&mut self, finding: &Finding) {
        if finding.verdict == Verdict::Fail {
            self.0.entry(finding.object).or_default().insert(finding.rule);
        }
    }

    /// Makes a finding of an opinion. What is wrong, or not to be known, only because another rule
    /// failed is not counted again.
    fn explain(&self, host: &Host, rule: &Rule, object: Object, opinion: Opinion) -> Finding {
        let is_open = opinion.verdict != Verdict::Pass;
        let because = is_open.then(|| self.cause(host, rule, object)).flatten();
        let explained = because.is_some();
        Finding {
            rule: rule.id,
            verdict: if explained { Verdict::NotApplicable } else { opinion.verdict },
            because,
            object,
            summary: opinion.summary,
            evidence: opinion.evidence,
            fixes: if explained { Vec::new() } else { opinion.fixes },
        }
    }

    /// The first rule that this one follows and that failed for the object, its PF or the host.
    fn cause(&self, host: &Host, rule: &Rule, object: Object) -> Option<&'static str> {
        let function = object.address().and_then(|address| host.functions.get(&address));
        let pf = function.and_then(Function::vf).map(|vf| Object::Function(vf.pf));
        let related: Vec<Object> =
            [Some(object), pf, Some(Object::Host)].into_iter().flatten().collect();
        let failed = |id: &&&'static str| {
            related.iter().any(|one| self.0.get(one).is_some_and(|rules| rules.contains(**id)))
        };
        rule.follows.iter().find(failed).copied()
    }
}

//! Whether this host can go each way today, and what stands in it.

mod interface;
mod software;
mod vf;
mod whole;

use virtfn_doctor::{About, Finding, Object, RULES, Rule, Verdict, Weight};

use super::facts::Facts;
use super::reason::Reason;
use super::{Mark, Way};

/// How a way stands today.
pub(super) struct Standing {
    pub(super) mark: Mark,
    /// The gravest first.
    pub(super) reasons: Vec<Reason>,
    /// In a few words, where nothing stands in it.
    pub(super) brief: String,
}

/// How every way stands, in the order of [`Way::ALL`].
pub(super) fn standings(facts: &Facts<'_>) -> [Standing; 4] {
    Way::ALL.map(|way| match way {
        Way::Whole => whole::judge(facts),
        Way::Vf => vf::judge(facts),
        Way::Macvtap => software::macvtap(facts),
        Way::Virtio => software::virtio(facts),
    })
}

impl Standing {
    /// What all reasons come to.
    fn of(mut reasons: Vec<Reason>, brief: impl Into<String>) -> Self {
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.mark));
        let mark = reasons.first().map_or(Mark::Yes, |reason| reason.mark);
        Self { mark, reasons, brief: brief.into() }
    }

    /// The device has nothing to go this way with.
    fn none(why: &str) -> Self {
        Self { mark: Mark::DoesNotApply, reasons: Vec::new(), brief: why.into() }
    }
}

/// Those of doctor's findings that speak of handing a function over: about the host, and about the
/// function itself by rules of such kinds.
fn findings<'h>(
    facts: &Facts<'h>,
    object: Object,
    wanted: impl Fn(&Rule) -> bool,
) -> impl Iterator<Item = &'h Finding> {
    facts.findings.iter().filter(move |finding| {
        // Advice that nobody could judge stands in no way.
        let open = match finding.verdict {
            Verdict::Warn | Verdict::Fail => true,
            Verdict::Unknown => finding.weight() == Weight::Requirement,
            Verdict::Pass | Verdict::NotApplicable => false,
        };
        let rule = RULES.iter().find(|rule| rule.id == finding.rule);
        open && finding.object == object && rule.is_some_and(&wanted)
    })
}

/// What the host lacks to hand any function over.
fn of_host(facts: &Facts<'_>) -> Vec<Reason> {
    let required = |rule: &Rule| rule.weight == Weight::Requirement && rule.about == About::Host;
    findings(facts, Object::Host, required).map(Reason::found).collect()
}

/// What is wrong with a function that shall be handed over.
fn of_guest(facts: &Facts<'_>, function: virtfn_pci::Address) -> Vec<Reason> {
    let required = |rule: &Rule| {
        let about = matches!(rule.about, About::EachGuest | About::EachDevice);
        rule.weight == Weight::Requirement && about
    };
    findings(facts, Object::Function(function), required).map(Reason::found).collect()
}

//! What a rule thinks of one object, before it is known whether another rule explains it.

use virtfn_host::{Reason, Seen, Unreadable};

use crate::finding::{Evidence, Verdict};

/// A verdict with its words, its evidence and its remedies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    pub(crate) verdict: Verdict,
    pub(crate) summary: String,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) fixes: Vec<String>,
}

impl Opinion {
    /// All is well; what proves it must follow ([`Opinion::saw`]).
    pub(crate) fn pass(summary: impl Into<String>) -> Self {
        Self::new(Verdict::Pass, summary)
    }

    /// It works, and could be better.
    pub(crate) fn warn(summary: impl Into<String>) -> Self {
        Self::new(Verdict::Warn, summary)
    }

    /// It does not work.
    pub(crate) fn fail(summary: impl Into<String>) -> Self {
        Self::new(Verdict::Fail, summary)
    }

    /// The rule has nothing to say of such an object.
    pub(crate) fn not_applicable(summary: impl Into<String>) -> Self {
        Self::new(Verdict::NotApplicable, summary)
    }

    /// What would prove it was not to be seen.
    pub(crate) fn unknown(summary: impl Into<String>) -> Self {
        Self::new(Verdict::Unknown, summary)
    }

    fn new(verdict: Verdict, summary: impl Into<String>) -> Self {
        Self { verdict, summary: summary.into(), evidence: Vec::new(), fixes: Vec::new() }
    }

    /// This is what was at `path`.
    pub(crate) fn saw(mut self, path: impl Into<String>, value: impl Into<String>) -> Self {
        self.evidence.push(Evidence { path: path.into(), value: value.into() });
        self
    }

    /// This could not be read. Whoever may not read it is told how.
    pub(crate) fn could_not_see(mut self, unreadable: &Unreadable) -> Self {
        if unreadable.why == Reason::NotPermitted {
            self = self.fix("run virtfn doctor as root");
        }
        self.saw(unreadable.path.clone(), unreadable.why.to_string())
    }

    /// `seen` was looked at in vain: it is not to be read, or not there.
    pub(crate) fn missed<T>(self, path: &str, seen: &Seen<T>) -> Self {
        match seen {
            Seen::Unreadable(unreadable) => self.could_not_see(unreadable),
            Seen::Absent => self.saw(path, "not there"),
            Seen::Known(_) => self,
        }
    }

    /// This mends it, if what was said before did not.
    pub(crate) fn fix(mut self, what: impl Into<String>) -> Self {
        let what = what.into();
        if !self.fixes.contains(&what) {
            self.fixes.push(what);
        }
        self
    }

    /// Several remedies, in the order to try.
    pub(crate) fn fixes(self, all: impl IntoIterator<Item = String>) -> Self {
        all.into_iter().fold(self, Self::fix)
    }
}

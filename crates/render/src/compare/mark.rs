//! What a cell says at a glance.

use serde::Serialize;
use virtfn_doctor::Verdict;

use crate::Symbols;
use crate::paint::Tone;

/// What a cell says at a glance. Ordered from harmless to grave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// The question makes no sense here.
    DoesNotApply,
    /// Yes.
    Yes,
    /// Yes, with a catch that the text names.
    Partly,
    /// What would tell could not be seen.
    Unknown,
    /// No.
    No,
}

impl Mark {
    /// What a rule's verdict says of a way.
    #[must_use]
    pub(super) const fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::NotApplicable => Self::DoesNotApply,
            Verdict::Pass => Self::Yes,
            Verdict::Warn => Self::Partly,
            Verdict::Unknown => Self::Unknown,
            Verdict::Fail => Self::No,
        }
    }

    /// Its sign, and how it is painted.
    pub(super) const fn sign(self, symbols: Symbols) -> (&'static str, Tone) {
        match self {
            Self::DoesNotApply => (symbols.pick("–", "-"), Tone::Faint),
            Self::Yes => (symbols.pick("✓", "ok"), Tone::Good),
            Self::Partly => (symbols.pick("!", "warn"), Tone::Warn),
            Self::Unknown => (symbols.pick("?", "unknown"), Tone::Unknown),
            Self::No => (symbols.pick("✗", "no"), Tone::Bad),
        }
    }

    /// Its word, where a sign alone would not do.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::DoesNotApply => "does not apply",
            Self::Yes => "yes",
            Self::Partly => "with a catch",
            Self::Unknown => "unknown",
            Self::No => "no",
        }
    }
}

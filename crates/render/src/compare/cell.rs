//! One answer: of one way, to one question.

use serde::Serialize;

use super::{Mark, Way};
use crate::show::Evidence;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cell {
    /// Of which way.
    pub way: Way,
    /// At a glance; `null`: a fact that is neither good nor bad.
    pub mark: Option<Mark>,
    /// In a few words.
    pub text: String,
    /// What proves it; empty where it lies in the way itself.
    pub evidence: Vec<Evidence>,
}

/// An answer whose column is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) mark: Option<Mark>,
    pub(super) text: String,
    evidence: Vec<Evidence>,
}

/// The answers of all ways to one question, in the order of [`Way::ALL`].
pub(super) type Answers = [Answer; 4];

impl Answer {
    fn new(mark: Option<Mark>, text: impl Into<String>) -> Self {
        Self { mark, text: text.into(), evidence: Vec::new() }
    }

    /// Neither good nor bad.
    pub(super) fn fact(text: impl Into<String>) -> Self {
        Self::new(None, text)
    }

    pub(super) fn yes(text: impl Into<String>) -> Self {
        Self::new(Some(Mark::Yes), text)
    }

    pub(super) fn partly(text: impl Into<String>) -> Self {
        Self::new(Some(Mark::Partly), text)
    }

    pub(super) fn no(text: impl Into<String>) -> Self {
        Self::new(Some(Mark::No), text)
    }

    pub(super) fn unknown(text: impl Into<String>) -> Self {
        Self::new(Some(Mark::Unknown), text)
    }

    pub(super) fn marked(mark: Mark, text: impl Into<String>) -> Self {
        Self::new(Some(mark), text)
    }

    /// The question makes no sense for this way.
    pub(super) fn none() -> Self {
        Self::new(Some(Mark::DoesNotApply), "")
    }

    /// The same in other words.
    pub(super) fn reworded(self, text: String) -> Self {
        Self { text, ..self }
    }

    /// The same, with one more place that proves it.
    pub(super) fn saw(mut self, path: impl Into<String>, value: impl Into<String>) -> Self {
        self.evidence.push(Evidence { path: path.into(), value: value.into() });
        self
    }

    pub(super) fn of(self, way: Way) -> Cell {
        Cell { way, mark: self.mark, text: self.text, evidence: self.evidence }
    }
}

//! Why a way cannot be gone today, or not without a catch.

use serde::Serialize;
use virtfn_doctor::Finding;

use super::Mark;
use crate::show::Evidence;

/// One thing that stands in a way, or should be minded on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reason {
    /// How much it weighs: `no`, `unknown` or `partly`.
    pub mark: Mark,
    /// Doctor's rule that found it; `null`: no rule of doctor's speaks of this way.
    pub rule: Option<&'static str>,
    /// `host`, or a function's address.
    pub object: String,
    /// In one line.
    pub summary: String,
    /// What proves it.
    pub evidence: Vec<Evidence>,
    /// What mends it, in the order to try.
    pub fixes: Vec<String>,
    /// What a narrow column says of it.
    #[serde(skip)]
    pub(super) brief: String,
}

impl Reason {
    /// What doctor found.
    pub(super) fn found(finding: &Finding) -> Self {
        let evidence = finding
            .evidence
            .iter()
            .map(|one| Evidence { path: one.path.clone(), value: one.value.clone() });
        Self {
            mark: Mark::of(finding.verdict),
            rule: Some(finding.rule),
            object: finding.object.short(),
            summary: finding.summary.clone(),
            evidence: evidence.collect(),
            fixes: finding.fixes.clone(),
            brief: finding.rule.to_owned(),
        }
    }

    /// What no rule speaks of: in a few words, and in a sentence about `object`.
    pub(super) fn own(mark: Mark, object: String, brief: &str, summary: impl Into<String>) -> Self {
        Self {
            mark,
            rule: None,
            object,
            summary: summary.into(),
            evidence: Vec::new(),
            fixes: Vec::new(),
            brief: brief.to_owned(),
        }
    }

    pub(super) fn saw(mut self, path: impl Into<String>, value: impl Into<String>) -> Self {
        self.evidence.push(Evidence { path: path.into(), value: value.into() });
        self
    }

    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fixes.push(fix.into());
        self
    }
}

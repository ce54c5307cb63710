//! `virtfn apply --json`: each step, and how it ended.

use serde::Serialize;
use virtfn_plan::Step;
use virtfn_plan::Subject;

use crate::Document;
use crate::plan::PlannedStep;

/// `virtfn.apply/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApplyView {
    schema: &'static str,
    /// The steps, in the order in which they ran.
    pub steps: Vec<RunStep>,
    /// Devices that were put back to what they were, because a step of theirs failed.
    pub rolled_back: Vec<RolledBack>,
    /// What of the policy is not so now, and why: a sentence each; empty when all is as declared.
    pub problems: Vec<String>,
}

impl Document for ApplyView {
    const SCHEMA: &'static str = "virtfn.apply/1";
}

/// One step that was to be run.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunStep {
    /// The step.
    #[serde(flatten)]
    pub step: PlannedStep,
    /// `done`: and read back; `failed`; `skipped`: it needed one that failed.
    pub result: StepResult,
    /// Why it failed; `null` where it did not.
    pub error: Option<String>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StepResult {
    /// It is done, and was read back.
    Done,
    /// It failed.
    Failed,
    /// It needed one that failed, and was not tried.
    Skipped,
}

/// A device that was put back.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RolledBack {
    /// Its full address.
    pub device: String,
    /// What could not be put back; `null` when all was.
    pub left: Option<String>,
}

impl Default for ApplyView {
    fn default() -> Self {
        let (steps, rolled_back, problems) = (Vec::new(), Vec::new(), Vec::new());
        Self { schema: Self::SCHEMA, steps, rolled_back, problems }
    }
}

impl ApplyView {
    /// Notes how a step ended; `error` says why it failed.
    pub fn ended(&mut self, step: &Step, result: StepResult, error: Option<String>) {
        self.steps.push(RunStep { step: PlannedStep::of(step), result, error });
    }

    /// Notes that a device was put back.
    pub fn rolled_back(&mut self, subject: Subject, left: Option<String>) {
        self.rolled_back.push(RolledBack { device: subject.to_string(), left });
    }
}

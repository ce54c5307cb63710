//! Decides: from a machine and a policy to the steps between them.
//!
//! [`diff()`] is pure and total: the same input gives the same plan, and a machine that is what the
//! policy says gives none. A [`Step`] is one kernel write, and knows whom it interrupts. Nothing
//! here acts.

mod diff;
mod driver;
mod error;
mod step;

pub use diff::diff;
pub use error::PlanError;
pub use step::{Action, Interrupted, Plan, Step, Target, Use};

use virtfn_host::{Host, Policy};

/// What still stands between a machine and a policy, after the steps ran: one sentence each. A
/// setting that the VF's driver does not report cannot be read back, and is not counted.
///
/// # Errors
/// As [`diff()`].
pub fn verify(host: &Host, policy: &Policy) -> Result<Vec<String>, PlanError> {
    let told = |action: &Action| !matches!(action, Action::SetVf { from: None, .. });
    let left = diff(host, policy)?.steps.into_iter().map(|step| step.action).filter(told);
    Ok(left.map(|action| action.to_string()).collect())
}

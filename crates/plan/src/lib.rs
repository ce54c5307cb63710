//! Decides: from a machine and a policy to the steps between them.
//!
//! [`diff()`] is pure and total: the same input gives the same plan, and a machine that is what the
//! policy says gives none. A [`Step`] is one kernel write, and knows whom it interrupts. Nothing
//! here acts.

mod diff;
mod driver;
mod error;
mod eswitch;
mod matched;
mod parts;
mod room;
mod step;

pub use diff::diff;
pub use error::PlanError;
pub use matched::{Matched, Misfit, Unmatched};
pub use parts::{Part, parts};
pub use step::{Action, Interrupted, Plan, Step, Target, Use};

use virtfn_host::{Host, Policy, VfId};

/// What still stands between a machine and a policy after `plan` ran: one sentence each.
///
/// A setting that the VF's driver does not report cannot be read back, and is not counted; nor is
/// one that the plan did not touch: a VF's own driver picks another address when it takes the VF.
///
/// # Errors
/// As [`diff()`].
pub fn verify(host: &Host, policy: &Policy, plan: &Plan) -> Result<Vec<String>, PlanError> {
    let set_by_plan = |vf: VfId, setting: &str| {
        plan.steps.iter().any(|step| {
            matches!(&step.action, Action::SetVf { vf: at, to, .. } if *at == vf && to.name() == setting)
        })
    };
    let counts = |action: &Action| match action {
        Action::SetVf { vf, from, to } => from.is_some() && set_by_plan(*vf, to.name()),
        _ => true,
    };
    let left = diff(host, policy)?.steps.into_iter().map(|step| step.action).filter(counts);
    Ok(left.map(|action| action.to_string()).collect())
}

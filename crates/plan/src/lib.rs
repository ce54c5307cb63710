//! Decides: from a machine and a policy to the steps between them.
//!
//! [`diff()`] is pure and total: the same input gives the same plan, and a machine that is what the
//! policy says gives none. A [`Step`] is one kernel write, and knows whom it interrupts. Nothing
//! here acts.

mod diff;
mod driver;
mod error;
mod eswitch;
mod firmware;
mod guests;
mod matched;
mod msix;
mod netdev;
mod parts;
mod port;
mod readiness;
mod room;
mod step;
mod subject;

pub use diff::diff;
pub use error::PlanError;
pub use matched::{Matched, Misfit, Unmatched};
pub use parts::{Part, parts};
pub use step::{Action, Interrupted, Plan, Step, Target, Use};
pub use subject::Subject;

use virtfn_host::{Host, Policy, VfId};

/// What still stands between a machine and a policy after `plan` ran: one sentence each.
///
/// A setting that the VF's driver does not report cannot be read back, and is not counted; nor is
/// what the plan did not touch: a VF's own driver picks another address when it takes the VF, and a
/// driver of the kernel's choice may come late to a VF of which nothing was said.
///
/// # Errors
/// As [`diff()`].
pub fn verify(host: &Host, policy: &Policy, plan: &Plan) -> Result<Vec<String>, PlanError> {
    let set_by_plan = |vf: VfId, setting: &str| {
        plan.steps.iter().any(|step| {
            matches!(&step.action, Action::SetVf { vf: at, to, .. } if *at == vf && to.name() == setting)
        })
    };
    let freed_by_plan = |target: Target| {
        let frees = |step: &Step| matches!(&step.action, Action::Unbind { target: at, .. } if *at == target);
        plan.steps.iter().any(frees)
    };
    let counts = |action: &Action| match action {
        Action::SetVf { vf, from, to } => from.is_some() && set_by_plan(*vf, to.name()),
        Action::Unbind { target, .. } => freed_by_plan(*target),
        _ => true,
    };
    let left = diff(host, policy)?.steps.into_iter().map(|step| step.action).filter(counts);
    Ok(left.map(|action| action.to_string()).collect())
}

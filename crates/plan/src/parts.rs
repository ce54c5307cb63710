//! A policy, device by device: what one device cannot have keeps no other from what it shall have.

use virtfn_host::{Host, HostPolicy, Policy};

use crate::diff::diff;
use crate::error::PlanError;
use crate::step::{Action, Plan};
use crate::subject::Subject;

/// What shall be of one device, and the steps to it.
#[derive(Clone, Debug)]
pub struct Part {
    /// The PF with its VFs, the whole function, or the host beside them.
    pub about: Subject,
    /// What shall be of it alone.
    pub policy: Policy,
    /// The steps, or why there are none.
    pub plan: Result<Plan, PlanError>,
}

/// One plan for what the host has ready, if anything is said of it, then one a device: PFs before whole
/// functions, each in the order of addresses.
#[must_use]
pub fn parts(host: &Host, policy: &Policy) -> Vec<Part> {
    let pfs = policy.pfs.iter().map(|(device, pf)| {
        (
            Subject::from(*device),
            Policy { pfs: [(*device, pf.clone())].into(), ..Policy::default() },
        )
    });
    let devices = policy.devices.iter().map(|(device, whole)| {
        (
            Subject::from(*device),
            Policy { devices: [(*device, whole.clone())].into(), ..Policy::default() },
        )
    });
    let mut loaded: Vec<Action> = Vec::new();
    let host_policy = Policy { host: policy.host.clone(), ..Policy::default() };
    let whole = (policy.host != HostPolicy::default()).then_some((Subject::Host, host_policy));
    let part = |(about, policy): (Subject, Policy)| {
        let plan = diff(host, &policy).map(|plan| once(plan, &mut loaded));
        Part { about, policy, plan }
    };
    whole.into_iter().chain(pfs).chain(devices).map(part).collect()
}

/// What one part loads, no other has to.
fn once(mut plan: Plan, loaded: &mut Vec<Action>) -> Plan {
    plan.steps.retain(|step| {
        let load = matches!(step.action, Action::LoadModule { .. });
        let again = load && loaded.contains(&step.action);
        if load && !again {
            loaded.push(step.action.clone());
        }
        !again
    });
    plan
}

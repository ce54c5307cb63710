//! A policy, device by device: what one device cannot have keeps no other from what it shall have.

use virtfn_host::{Host, Policy};
use virtfn_pci::Address;

use crate::diff::diff;
use crate::error::PlanError;
use crate::step::{Action, Plan};

/// What shall be of one device, and the steps to it.
#[derive(Clone, Debug)]
pub struct Part {
    /// The PF with its VFs, or the whole function.
    pub device: Address,
    /// What shall be of it: this device alone.
    pub policy: Policy,
    /// The steps, or why there are none.
    pub plan: Result<Plan, PlanError>,
}

/// One plan a device, PFs before whole functions, each in the order of addresses.
#[must_use]
pub fn parts(host: &Host, policy: &Policy) -> Vec<Part> {
    let pfs = policy.pfs.iter().map(|(device, pf)| {
        (*device, Policy { pfs: [(*device, pf.clone())].into(), ..Policy::default() })
    });
    let devices = policy.devices.iter().map(|(device, whole)| {
        (*device, Policy { devices: [(*device, whole.clone())].into(), ..Policy::default() })
    });
    let mut loaded: Vec<Action> = Vec::new();
    let part = |(device, policy): (Address, Policy)| {
        let plan = diff(host, &policy).map(|plan| once(plan, &mut loaded));
        Part { device, policy, plan }
    };
    pfs.chain(devices).map(part).collect()
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

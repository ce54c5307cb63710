//! The steps that give a VF another number of interrupt vectors. The kernel takes the number of a VF
//! that no driver has (`sriov_vf_msix_count`), and the VF's own capability tells it back.

use virtfn_host::{DriverChoice, Function, Seen, VfId};
use virtfn_pci::Looked;

use crate::error::PlanError;
use crate::step::{Action, Target};

/// The action for a VF that is made in this plan.
pub(crate) fn action_for_new(vf: VfId, wanted: Option<u16>) -> Option<Action> {
    // 0 is what a new VF has.
    wanted.filter(|to| *to > 0).map(|to| Action::SetMsix { vf, from: None, to })
}

/// The driver's actions, with those in their midst that set the number of vectors.
pub(crate) fn among(
    function: &Function,
    vf: VfId,
    wanted: Option<u16>,
    choice: Option<&DriverChoice>,
    mut driver: Vec<Action>,
) -> Result<Vec<Action>, PlanError> {
    // What the device gives by itself is not to be told from what somebody gave it.
    let Some(to) = wanted.filter(|to| *to > 0) else { return Ok(driver) };
    let from = count(function)?;
    if from == Some(to) {
        return Ok(driver);
    }
    let set = Action::SetMsix { vf, from, to };
    let frees = driver.iter().any(|action| matches!(action, Action::Unbind { .. }));
    match &function.driver {
        Some(has_it) if !frees => {
            let target = Target::Vf(vf);
            let named = match choice {
                Some(DriverChoice::Named(name)) => Some(name.clone()),
                _ => None,
            };
            driver.push(Action::Unbind { target, driver: has_it.clone() });
            driver.push(set);
            driver.push(Action::Probe { target, driver: named });
        }
        _ => {
            let probes = |action: &Action| matches!(action, Action::Probe { .. });
            let at = driver.iter().position(probes).unwrap_or(driver.len());
            driver.insert(at, set);
        }
    }
    Ok(driver)
}

/// How many vectors a VF has; `None` where it has no such capability.
fn count(function: &Function) -> Result<Option<u16>, PlanError> {
    let config = match &function.config {
        Seen::Known(config) => config,
        Seen::Absent => return Ok(None),
        Seen::Unreadable(unreadable) => {
            let unreadable = unreadable.clone();
            return Err(PlanError::Unseen { device: function.address, unreadable });
        }
    };
    match config.capabilities().msi_x() {
        Looked::Found(msi_x) => Ok(Some(msi_x.count)),
        Looked::Absent | Looked::NotVisible(_) => Ok(None),
    }
}

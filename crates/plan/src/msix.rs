//! The steps that give a VF another number of interrupt vectors. The kernel takes the number of a VF
//! that no driver has (`sriov_vf_msix_count`), and the VF's own capability tells it back.

use virtfn_host::{Function, Seen, VfId};
use virtfn_pci::Looked;

use crate::error::PlanError;
use crate::step::Action;

/// The action for a VF that is made in this plan.
pub(crate) fn action_for_new(vf: VfId, wanted: Option<u16>) -> Option<Action> {
    // 0 is what a new VF has.
    wanted.filter(|to| *to > 0).map(|to| Action::SetMsix { vf, from: None, to })
}

/// The action for a VF that is there, if it has another number.
pub(crate) fn action(
    function: &Function,
    vf: VfId,
    wanted: Option<u16>,
) -> Result<Option<Action>, PlanError> {
    // What the device gives by itself is not to be told from what somebody gave it.
    let Some(to) = wanted.filter(|to| *to > 0) else { return Ok(None) };
    let from = count(function)?;
    Ok((from != Some(to)).then_some(Action::SetMsix { vf, from, to }))
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

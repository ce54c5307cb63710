//! The mode of a card's switch: drivers change it without VFs alone, and what does not say is wrong
//! before VFs are made is hard to mend after.

use virtfn_host::{Pf, PfPolicy, Seen};
use virtfn_pci::Address;

use crate::error::PlanError;
use crate::step::Action;

/// The action that gives the PF at `address` the mode that it shall have, if it has another.
///
/// # Errors
/// When there is no mode to change, or it could not be seen.
pub(crate) fn action(
    address: Address,
    pf: &Pf,
    wanted: &PfPolicy,
) -> Result<Option<Action>, PlanError> {
    let Some(to) = wanted.eswitch else { return Ok(None) };
    match &pf.eswitch {
        Seen::Known(from) if *from == to => Ok(None),
        Seen::Known(from) => Ok(Some(Action::SetEswitch { pf: address, from: *from, to })),
        Seen::Absent => Err(PlanError::NoEswitch { pf: address }),
        Seen::Unreadable(unreadable) => {
            Err(PlanError::Unseen { device: address, unreadable: unreadable.clone() })
        }
    }
}

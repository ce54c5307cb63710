//! The mode of a card's switch. Drivers change it only while there are no VFs, so it comes before them.

use std::collections::BTreeSet;

use virtfn_host::{EswitchMode, Pf, PfPolicy, Seen, VfChange};
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

/// What is to be noted of settings that `actions` make on a PF whose switch is, or will be, in
/// switchdev mode: most drivers refuse all but the address there.
pub(crate) fn note(
    address: Address,
    pf: &Pf,
    wanted: &PfPolicy,
    actions: &[Action],
) -> Option<String> {
    let mode = wanted.eswitch.or(pf.eswitch.known().copied())?;
    if mode == EswitchMode::Legacy {
        return None;
    }
    let set = actions.iter().filter_map(|action| match action {
        Action::SetVf { to: VfChange::Mac(_), .. } => None,
        Action::SetVf { vf, to, .. } => Some((vf.index, to.name())),
        _ => None,
    });
    let (vfs, names): (BTreeSet<_>, BTreeSet<_>) = set.unzip();
    if names.is_empty() {
        return None;
    }
    let names: Vec<_> = names.into_iter().collect();
    Some(format!(
        "{}: {} of {} VFs: most drivers refuse this in {mode} mode, where the VF's representor has it",
        address.short(),
        names.join(", "),
        vfs.len(),
    ))
}

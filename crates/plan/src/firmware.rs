//! How many VFs a card's firmware offers: kept by the card, and in force from its next reset on.

use virtfn_host::{FirmwareChange, Pf, PfPolicy, Seen};
use virtfn_pci::Address;

use crate::error::PlanError;
use crate::step::Action;

/// The actions that make the firmware of the PF at `address` offer as many as it shall.
///
/// # Errors
/// When its driver has no word for that, or what it says could not be seen.
pub(crate) fn actions(
    address: Address,
    pf: &Pf,
    wanted: &PfPolicy,
) -> Result<Vec<Action>, PlanError> {
    let Some(vfs) = wanted.firmware_vfs else { return Ok(Vec::new()) };
    let now = match &pf.firmware {
        Seen::Known(now) => now,
        Seen::Absent => return Err(PlanError::NoFirmwareLimit { pf: address }),
        Seen::Unreadable(unreadable) => {
            return Err(PlanError::Unseen { device: address, unreadable: unreadable.clone() });
        }
    };
    let change = |from: String, to| Action::SetFirmware { pf: address, from, to };
    let enabled =
        (now.enabled == Some(false)).then(|| change("off".into(), FirmwareChange::Enable));
    let total = (now.total != u32::from(vfs))
        .then(|| change(now.total.to_string(), FirmwareChange::Total(vfs)));
    Ok(enabled.into_iter().chain(total).collect())
}

/// Will there be room for as many VFs as are wanted once the device was reset, and not before?
pub(crate) fn awaits_reset(pf: &Pf, wanted: &PfPolicy) -> bool {
    wanted.vfs > pf.total_vfs && offered(pf, wanted).is_some_and(|most| most >= wanted.vfs.into())
}

/// What is to be noted of a limit that `actions` set.
pub(crate) fn note(address: Address, pf: &Pf, actions: &[Action]) -> Option<String> {
    let (short, now) = (address.short(), pf.total_vfs);
    (!actions.is_empty()).then(|| {
        format!(
            "{short}: what its firmware offers is in force from the device's next reset on, which a restart of the host is; until then its driver allows {now} VFs"
        )
    })
}

fn offered(pf: &Pf, wanted: &PfPolicy) -> Option<u32> {
    wanted.firmware_vfs.map(u32::from).or(pf.firmware.known().map(|firmware| firmware.total))
}

//! The mode of a card's internal switch.

use virtfn_host::EswitchMode;

use super::{Devlink, Handle, about, body, bytes};
use crate::netlink::NetlinkError;

const DEVLINK_CMD_ESWITCH_GET: u8 = 29;
const DEVLINK_CMD_ESWITCH_SET: u8 = 30;
const DEVLINK_ATTR_ESWITCH_MODE: u16 = 25;

impl Devlink {
    /// The mode of a device's switch. The kernel tells only who may change it.
    ///
    /// # Errors
    /// When the device is not known to devlink (`ENODEV`), its driver has no modes (`EOPNOTSUPP`),
    /// or as for every exchange.
    pub fn eswitch(&mut self, device: &Handle) -> Result<EswitchMode, NetlinkError> {
        let answers = self.ask(DEVLINK_CMD_ESWITCH_GET, &about(device))?;
        let mode = answers.iter().find_map(|message| parse(message));
        mode.ok_or_else(|| NetlinkError::Malformed(format!("no mode of {device}'s switch")))
    }

    /// Changes the mode.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn set_eswitch(
        &mut self,
        device: &Handle,
        mode: EswitchMode,
    ) -> Result<(), NetlinkError> {
        let request = about(device).bytes(DEVLINK_ATTR_ESWITCH_MODE, &number(mode).to_ne_bytes());
        self.ask(DEVLINK_CMD_ESWITCH_SET, &request).map(|_| ())
    }
}

const fn number(mode: EswitchMode) -> u16 {
    match mode {
        EswitchMode::Legacy => 0,
        EswitchMode::Switchdev => 1,
        EswitchMode::SwitchdevInactive => 2,
    }
}

pub(super) fn parse(message: &[u8]) -> Option<EswitchMode> {
    let (_, value) = body(message).find(|(kind, _)| *kind == DEVLINK_ATTR_ESWITCH_MODE)?;
    match bytes::u16_of(value)? {
        0 => Some(EswitchMode::Legacy),
        1 => Some(EswitchMode::Switchdev),
        2 => Some(EswitchMode::SwitchdevInactive),
        _ => None,
    }
}

//! Power management (PCI Bus Power Management 1.2 §3.2).

use crate::bits::{field8, flags};
use crate::config::Registers;

/// The power management capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PowerManagement {
    /// Version of the specification it follows.
    pub version: u8,
    /// What it can do.
    pub capabilities: PmCapabilities,
    /// Auxiliary current it draws in D3cold, in mA.
    pub aux_current_ma: u16,
    /// Power state it is in: 0–3 for D0–D3hot. A function in D3hot answers config reads alone.
    pub state: u8,
    /// What is switched on, and status.
    pub control: PmControl,
    /// Which value the data register shows.
    pub data_select: u8,
    /// Scale of the data register.
    pub data_scale: u8,
    /// What a bridge adds.
    pub bridge: PmBridge,
    /// Data register.
    pub data: u8,
}

flags! {
    /// Power management capabilities, less version and current.
    PmCapabilities: u16 {
        PME_CLOCK = 3, "PMEClk", "Needs the clock to wake the system.";
        DEVICE_SPECIFIC_INIT = 5, "DSI", "Needs its driver after D0 is entered.";
        D1 = 9, "D1", "Has state D1.";
        D2 = 10, "D2", "Has state D2.";
        PME_D0 = 11, "D0-PME", "Can wake from D0.";
        PME_D1 = 12, "D1-PME", "Can wake from D1.";
        PME_D2 = 13, "D2-PME", "Can wake from D2.";
        PME_D3_HOT = 14, "D3hot-PME", "Can wake from D3hot.";
        PME_D3_COLD = 15, "D3cold-PME", "Can wake from D3cold.";
    }
}

flags! {
    /// Power management control and status, less its numbers.
    PmControl: u16 {
        NO_SOFT_RESET = 3, "NoSoftRst", "Keeps its state from D3hot to D0: power is no reset.";
        PME_ENABLE = 8, "PME-Enable", "May wake the system.";
        PME_STATUS = 15, "PME", "Wants to wake the system.";
    }
}

flags! {
    /// Bridge extensions.
    PmBridge: u8 {
        B2_IN_D3_HOT = 6, "B2", "In D3hot the bus below loses its clock (B2) rather than its power (B3).";
        BUS_POWER = 7, "PM", "The bus below follows the bridge's power state.";
    }
}

impl PowerManagement {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        const AUX_CURRENT_MA: [u16; 8] = [0, 55, 100, 160, 220, 270, 320, 375];
        let (capabilities, control) = (at.u16(0x02)?, at.u16(0x04)?);
        Some(Self {
            version: field8(capabilities.into(), 0, 3),
            capabilities: PmCapabilities::of(capabilities),
            aux_current_ma: AUX_CURRENT_MA[usize::from(field8(capabilities.into(), 6, 3))],
            state: field8(control.into(), 0, 2),
            control: PmControl::of(control),
            data_select: field8(control.into(), 9, 4),
            data_scale: field8(control.into(), 13, 2),
            bridge: PmBridge::of(at.u8(0x06)?),
            data: at.u8(0x07)?,
        })
    }
}

//! What ports have: slots, and root control.

use super::device::slot_power_mw;
use crate::bits::{field8, field16, flags};
use crate::config::Registers;

/// Slot capabilities, control and status (PCIe 6.0 §7.5.3.9–11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Slot {
    /// What it can do.
    pub capabilities: SlotCapabilities,
    /// Power it gives, in mW.
    pub power_limit_mw: u32,
    /// Number on the chassis.
    pub number: u16,
    /// What is switched on.
    pub control: SlotControl,
    /// Attention light: 1 on, 2 blinking, 3 off.
    pub attention_indicator: u8,
    /// Power light: 1 on, 2 blinking, 3 off.
    pub power_indicator: u8,
    /// Status.
    pub status: SlotStatus,
}

flags! {
    /// Slot capabilities, less its numbers.
    SlotCapabilities: u32 {
        ATTENTION_BUTTON = 0, "AttnBtn", "Has an attention button.";
        POWER_CONTROLLER = 1, "PwrCtrl", "Its power can be switched.";
        MRL = 2, "MRL", "Has a retention latch with a sensor.";
        ATTENTION_INDICATOR = 3, "AttnInd", "Has an attention light.";
        POWER_INDICATOR = 4, "PwrInd", "Has a power light.";
        SURPRISE = 5, "Surprise", "A card may vanish unasked.";
        HOT_PLUG = 6, "HotPlug", "Cards can be changed while it runs.";
        INTERLOCK = 17, "Interlock", "Has an electromechanical interlock.";
        NO_COMPLETION = 18, "NoCompl", "Does not report that a command is done.";
    }
}

flags! {
    /// Slot control, less its lights.
    SlotControl: u16 {
        ATTENTION_BUTTON = 0, "AttnBtn", "Its button raises an interrupt.";
        POWER_FAULT = 1, "PwrFlt", "A power fault raises an interrupt.";
        MRL = 2, "MRL", "Its latch raises an interrupt.";
        PRESENCE = 3, "PresDet", "A card that comes or goes raises an interrupt.";
        COMMAND_COMPLETED = 4, "CmdCplt", "A command that is done raises an interrupt.";
        HOT_PLUG = 5, "HPIrq", "Interrupts are on at all.";
        POWER_OFF = 10, "Power", "The slot's power is off.";
        INTERLOCK = 11, "Interlock", "Moves the interlock.";
        LINK_STATE = 12, "LinkChg", "A link that comes or goes raises an interrupt.";
    }
}

flags! {
    /// Slot status.
    SlotStatus: u16 {
        ATTENTION_BUTTON = 0, "AttnBtn", "The button was pressed.";
        POWER_FAULT = 1, "PowerFlt", "Power failed.";
        MRL_CHANGED = 2, "MRL-Changed", "The latch was moved.";
        PRESENCE_CHANGED = 3, "PresDet-Changed", "A card came or went.";
        COMMAND_COMPLETED = 4, "CmdCplt", "A command is done.";
        MRL = 5, "MRL", "The latch is open.";
        PRESENCE = 6, "PresDet", "There is a card.";
        INTERLOCK = 7, "Interlock", "The interlock is engaged.";
        LINK_CHANGED = 8, "LinkState-Changed", "The link came or went.";
    }
}

impl Slot {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let (capabilities, control) = (at.u32(0x14)?, at.u16(0x18)?);
        Some(Self {
            capabilities: SlotCapabilities::of(capabilities),
            power_limit_mw: slot_power_mw(field8(capabilities, 7, 8), field8(capabilities, 15, 2)),
            number: field16(capabilities, 19, 13),
            control: SlotControl::of(control),
            attention_indicator: field8(control.into(), 6, 2),
            power_indicator: field8(control.into(), 8, 2),
            status: SlotStatus::of(at.u16(0x1a)?),
        })
    }
}

/// Root capabilities, control and status (PCIe 6.0 §7.5.3.12–14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Root {
    /// What it can do.
    pub capabilities: RootCapabilities,
    /// What is switched on.
    pub control: RootControl,
    /// Routing ID that wants to wake the system.
    pub pme_requester: u16,
    /// Status.
    pub status: RootStatusFlags,
}

flags! {
    /// Root capabilities.
    RootCapabilities: u16 {
        RETRY_VISIBLE = 0, "CRSVisible", "Can tell software that a function is not ready yet.";
    }
}

flags! {
    /// Root control.
    RootControl: u16 {
        CORRECTABLE = 0, "ErrCorrectable", "Correctable errors become system errors.";
        NON_FATAL = 1, "ErrNon-Fatal", "Errors that are not fatal become system errors.";
        FATAL = 2, "ErrFatal", "Fatal errors become system errors.";
        PME_INTERRUPT = 3, "PMEIntEna", "A wake-up raises an interrupt.";
        RETRY_VISIBLE = 4, "CRSVisible", "Tells software that a function is not ready yet.";
    }
}

flags! {
    /// Root status.
    RootStatusFlags: u32 {
        PME = 16, "PMEStatus", "Somebody wants to wake the system.";
        PME_PENDING = 17, "PMEPending", "Another one does too.";
    }
}

impl Root {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let status = at.u32(0x20)?;
        Some(Self {
            capabilities: RootCapabilities::of(at.u16(0x1e)?),
            control: RootControl::of(at.u16(0x1c)?),
            pme_requester: field16(status, 0, 16),
            status: RootStatusFlags::of(status),
        })
    }
}

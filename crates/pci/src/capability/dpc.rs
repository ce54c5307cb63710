//! Downstream port containment: a port that cuts off what misbehaves (PCIe 6.0 §7.9.14).

use crate::bits::{field8, flags};
use crate::config::Registers;

/// The DPC capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Dpc {
    /// What it can do.
    pub capabilities: DpcCapabilities,
    /// Message of its interrupt.
    pub interrupt_message: u8,
    /// Double words its log of programmed I/O takes.
    pub pio_log_size: u8,
    /// What triggers it: 0 nothing, 1 fatal errors, 2 all uncorrectable errors.
    pub trigger: u8,
    /// What is switched on besides.
    pub control: DpcControl,
    /// What happened.
    pub status: DpcStatus,
    /// Why it triggered last: 0 an uncorrectable error, 1 or 2 a message, 3 see `extension`.
    pub reason: u8,
    /// Why, if `reason` is 3: 0 programmed I/O, 1 software.
    pub extension: u8,
    /// Routing ID whose message triggered it.
    pub source: u16,
}

flags! {
    /// DPC capability register, less its numbers.
    DpcCapabilities: u16 {
        ROOT_PORT_EXTENSIONS = 5, "RPExt", "Has the registers of a root port.";
        POISONED_BLOCKING = 6, "PoisonedTLP", "Can block poisoned packets.";
        SOFTWARE_TRIGGER = 7, "SwTrigger", "Software can trigger it.";
        LINK_ACTIVE = 12, "DL_ActiveErr", "Can report that the link came up.";
    }
}

flags! {
    /// DPC control register, less its trigger.
    DpcControl: u16 {
        COMPLETION = 2, "Cmpl", "Completes requests below with completer abort.";
        INTERRUPT = 3, "INT", "Raises an interrupt.";
        CORRECTABLE = 4, "ErrCor", "Sends a correctable error message.";
        POISONED_BLOCKING = 5, "PoisonedTLP", "Blocks poisoned packets.";
        SOFTWARE_TRIGGER = 6, "SwTrigger", "Software triggers it.";
        LINK_ACTIVE = 7, "DL_ActiveErr", "Reports that the link came up.";
    }
}

flags! {
    /// DPC status register, less its numbers.
    DpcStatus: u16 {
        TRIGGERED = 0, "Trigger", "The link is held down.";
        INTERRUPT = 3, "INT", "An interrupt waits.";
        BUSY = 4, "RPBusy", "The root port still deals with it.";
    }
}

impl Dpc {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let (capability, control, status) = (at.u16(0x04)?, at.u16(0x06)?, at.u16(0x08)?);
        Some(Self {
            capabilities: DpcCapabilities::of(capability),
            interrupt_message: field8(capability.into(), 0, 5),
            pio_log_size: field8(capability.into(), 8, 4),
            trigger: field8(control.into(), 0, 2),
            control: DpcControl::of(control),
            status: DpcStatus::of(status),
            reason: field8(status.into(), 1, 2),
            extension: field8(status.into(), 5, 2),
            source: at.u16(0x0a)?,
        })
    }
}

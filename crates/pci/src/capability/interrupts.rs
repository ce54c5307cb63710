//! MSI and MSI-X (PCI 3.0 §6.8).

use crate::bits::{field8, field16, flags};
use crate::config::Registers;

/// Message signalled interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Msi {
    /// Its flags.
    pub control: MsiControl,
    /// Messages it can send. 64 and 128 are reserved encodings.
    pub messages_capable: u8,
    /// Messages it was given.
    pub messages_enabled: u8,
    /// Where a message is written.
    pub address: u64,
    /// What is written.
    pub data: u16,
    /// Messages that are masked, where it can mask.
    pub mask: Option<u32>,
    /// Masked messages that wait, where it can mask.
    pub pending: Option<u32>,
}

flags! {
    /// MSI message control register, less its counts.
    MsiControl: u16 {
        ENABLE = 0, "Enable", "Sends messages instead of raising INTx.";
        ADDRESS_64 = 7, "64bit", "The address has 64 bits.";
        MASKABLE = 8, "Maskable", "Each message can be masked.";
    }
}

impl Msi {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let register = at.u16(0x02)?;
        let control = MsiControl::of(register);
        let wide = control.has(MsiControl::ADDRESS_64);
        let high = if wide { at.u32(0x08)? } else { 0 };
        let data_at = if wide { 0x0c } else { 0x08 };
        let (mut mask, mut pending) = (None, None);
        if control.has(MsiControl::MASKABLE) {
            (mask, pending) = (Some(at.u32(data_at + 4)?), Some(at.u32(data_at + 8)?));
        }
        Some(Self {
            control,
            messages_capable: 1 << field8(register.into(), 1, 3),
            messages_enabled: 1 << field8(register.into(), 4, 3),
            address: u64::from(high) << 32 | u64::from(at.u32(0x04)?),
            data: at.u16(data_at)?,
            mask,
            pending,
        })
    }

    pub(crate) const fn len(&self) -> u16 {
        let wide = if self.control.has(MsiControl::ADDRESS_64) { 4 } else { 0 };
        let maskable = if self.control.has(MsiControl::MASKABLE) { 10 } else { 0 };
        10 + wide + maskable
    }
}

/// Message signalled interrupts with a table in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MsiX {
    /// Whether it is in use.
    pub enabled: bool,
    /// Whether all messages are masked at once.
    pub masked: bool,
    /// Messages in the table, 1–2048.
    pub count: u16,
    /// Where the table is.
    pub table: TableAt,
    /// Where the pending bits are.
    pub pending: TableAt,
}

/// A place in a base address register's range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TableAt {
    /// Which register; 6 and 7 are reserved.
    pub bar: u8,
    /// Bytes from its start.
    pub offset: u32,
}

impl MsiX {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let control = at.u16(0x02)?;
        Some(Self {
            enabled: control & 1 << 15 != 0,
            masked: control & 1 << 14 != 0,
            count: field16(control.into(), 0, 11) + 1,
            table: TableAt::of(at.u32(0x04)?),
            pending: TableAt::of(at.u32(0x08)?),
        })
    }
}

impl TableAt {
    const fn of(register: u32) -> Self {
        Self { bar: field8(register, 0, 3), offset: register & !7 }
    }
}

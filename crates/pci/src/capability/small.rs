//! Capabilities of a register or two.

use crate::bits::{field8, field16, flags};
use crate::config::Registers;
use crate::header::Subsystem;

/// Alternative routing-ID interpretation: functions beyond 7 (PCIe 6.0 §7.8.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Ari {
    /// Which function groups there are.
    pub capability: AriFlags,
    /// Next function of the device, 0 after the last.
    pub next_function: u8,
    /// Which function groups are in use.
    pub control: AriFlags,
    /// Group this function is in.
    pub function_group: u8,
}

flags! {
    /// What function groups are for.
    AriFlags: u16 {
        MFVC = 0, "MFVC", "Arbitration.";
        ACS = 1, "ACS", "Egress control.";
    }
}

impl Ari {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let (capability, control) = (at.u16(0x04)?, at.u16(0x06)?);
        Some(Self {
            capability: AriFlags::of(capability),
            next_function: field8(capability.into(), 8, 8),
            control: AriFlags::of(control),
            function_group: field8(control.into(), 4, 3),
        })
    }
}

/// Device serial number (PCIe 6.0 §7.9.3), the same on every function of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(into = "String")]
pub struct SerialNumber(pub u64);

impl SerialNumber {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let (low, high) = (at.u32(0x04)?, at.u32(0x08)?);
        Some(Self(u64::from(high) << 32 | u64::from(low)))
    }
}

impl std::fmt::Display for SerialNumber {
    /// As `lspci` and the kernel's `serial_number` write it: `00-1b-21-ff-ff-7f-c3-10`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = self.0.to_be_bytes().map(|byte| format!("{byte:02x}"));
        f.write_str(&bytes.join("-"))
    }
}

impl From<SerialNumber> for String {
    fn from(serial: SerialNumber) -> Self {
        serial.to_string()
    }
}

/// Subsystem ids of a bridge (PCI-to-PCI Bridge 1.2 §3.2.5.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct BridgeSubsystem {
    /// The ids.
    pub subsystem: Subsystem,
}

impl BridgeSubsystem {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        Some(Self { subsystem: Subsystem { vendor: at.u16(0x04)?, device: at.u16(0x06)? } })
    }
}

/// Function level reset of a conventional function (PCI Advanced Features ECN).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AdvancedFeatures {
    /// What it can do.
    pub capabilities: AfFlags,
    /// Whether transactions are pending.
    pub pending: bool,
}

flags! {
    /// What advanced features there are.
    AfFlags: u8 {
        TRANSACTIONS_PENDING = 0, "TP", "Tells whether transactions are pending.";
        FUNCTION_LEVEL_RESET = 1, "FLR", "Can be reset on its own.";
    }
}

impl AdvancedFeatures {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        Some(Self { capabilities: AfFlags::of(at.u8(0x03)?), pending: at.u8(0x05)? & 1 != 0 })
    }
}

/// A vendor's own extended capability (PCIe 6.0 §7.9.5): named, not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct VendorExtended {
    /// Vendor's id for it.
    pub id: u16,
    /// Vendor's revision.
    pub revision: u8,
    /// Bytes, headers included.
    pub len: u16,
}

impl VendorExtended {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let header = at.u32(0x04)?;
        Some(Self {
            id: field16(header, 0, 16),
            revision: field8(header, 16, 4),
            len: field16(header, 20, 12),
        })
    }
}

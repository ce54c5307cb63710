//! Devices that translate addresses themselves: ATS, PRI and PASID (PCIe 6.0 §10.5).

use crate::bits::{field8, flags};
use crate::config::Registers;

/// Address translation services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Ats {
    /// Invalidations it can queue; the register's 0 stands for 32.
    pub queue_depth: u8,
    /// What it can do.
    pub capabilities: AtsCapabilities,
    /// Whether it translates.
    pub enabled: bool,
    /// Smallest range it asks for: 2ⁿ⁺¹² bytes.
    pub smallest_unit: u8,
}

flags! {
    /// ATS capability bits.
    AtsCapabilities: u16 {
        PAGE_ALIGNED = 5, "PageAligned", "Asks for translations at page boundaries only.";
        GLOBAL_INVALIDATE = 6, "GlobalInvalidate", "Understands invalidations of all PASIDs.";
        RELAXED_ORDERING = 7, "RelaxedOrdering", "May relax the order of its requests.";
    }
}

impl Ats {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let (capability, control) = (at.u16(0x04)?, at.u16(0x06)?);
        let depth = field8(capability.into(), 0, 5);
        Some(Self {
            queue_depth: if depth == 0 { 32 } else { depth },
            capabilities: AtsCapabilities::of(capability),
            enabled: control & 1 << 15 != 0,
            smallest_unit: field8(control.into(), 0, 5),
        })
    }
}

/// Page request interface: the device may ask for pages that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PageRequests {
    /// What is switched on.
    pub control: PriControl,
    /// Status.
    pub status: PriStatus,
    /// Requests it can have outstanding.
    pub capacity: u32,
    /// Requests it may have outstanding.
    pub allocation: u32,
}

flags! {
    /// PRI control register.
    PriControl: u16 {
        ENABLE = 0, "Enable", "May send page requests.";
        RESET = 1, "Reset", "Clears its counters.";
    }
}

flags! {
    /// PRI status register.
    PriStatus: u16 {
        RESPONSE_FAILURE = 0, "RF", "Got a response that said failure.";
        UNEXPECTED_GROUP = 1, "UPRGI", "Got a response nobody asked for.";
        STOPPED = 8, "Stopped", "Has no request outstanding after it was switched off.";
        PASID_REQUIRED = 15, "PASID", "Expects the PASID in responses.";
    }
}

impl PageRequests {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        Some(Self {
            control: PriControl::of(at.u16(0x04)?),
            status: PriStatus::of(at.u16(0x06)?),
            capacity: at.u32(0x08)?,
            allocation: at.u32(0x0c)?,
        })
    }
}

/// Process address spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Pasid {
    /// What it can do; `ENABLE` is never among it.
    pub capability: PasidFlags,
    /// Bits a PASID may have.
    pub width: u8,
    /// What is switched on.
    pub control: PasidFlags,
}

flags! {
    /// PASID bits of both registers.
    PasidFlags: u16 {
        ENABLE = 0, "Enable", "Sends PASIDs.";
        EXECUTE = 1, "Exec", "Asks for permission to execute.";
        PRIVILEGED = 2, "Priv", "Asks in privileged mode.";
    }
}

impl Pasid {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let capability = at.u16(0x04)?;
        Some(Self {
            capability: PasidFlags::of(capability).without(PasidFlags::ENABLE),
            width: field8(capability.into(), 8, 5),
            control: PasidFlags::of(at.u16(0x06)?),
        })
    }
}

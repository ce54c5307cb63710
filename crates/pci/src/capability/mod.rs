//! Capabilities: one type a capability that virtfn judges by, and a name for every other.
//!
//! Where a register is a set of bits, it is a set of named flags here; the names are the ones
//! that `lspci` prints, so that both can be read side by side.

mod access;
mod aer;
mod dpc;
mod express;
mod interrupts;
mod names;
mod power;
mod resize;
mod small;
mod sriov;
mod translation;

pub use access::{Acs, AcsFlags, AcsLayout, has_double_word_acs};
pub use aer::{Aer, AerControl, Correctable, RootCommand, RootErrors, RootStatus, Uncorrectable};
pub use dpc::{Dpc, DpcCapabilities, DpcControl, DpcStatus};
pub use express::{
    Aspm, Device, Device2, DeviceCapabilities, DeviceCapabilities2, DeviceControl, DeviceControl2,
    DeviceStatus, Express, Link, Link2, LinkCapabilities, LinkCapabilities2, LinkControl,
    LinkControl2, LinkStatus, LinkStatus2, PortType, Root, RootCapabilities, RootControl,
    RootStatusFlags, Slot, SlotCapabilities, SlotControl, SlotStatus, Speed,
};
pub use interrupts::{Msi, MsiControl, MsiX, TableAt};
pub use names::CapabilityId;
pub use power::{PmBridge, PmCapabilities, PmControl, PowerManagement};
pub use resize::{ResizableBar, ResizableBars};
pub use small::{
    AdvancedFeatures, AfFlags, Ari, AriFlags, BridgeSubsystem, SerialNumber, VendorExtended,
};
pub use sriov::{Sriov, SriovCapabilities, SriovControl, SriovStatus};
pub use translation::{
    Ats, AtsCapabilities, PageRequests, Pasid, PasidFlags, PriControl, PriStatus,
};

use crate::config::Registers;

/// What a capability says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Capability {
    /// Power management.
    PowerManagement(PowerManagement),
    /// Message signalled interrupts.
    Msi(Msi),
    /// Message signalled interrupts with a table.
    MsiX(MsiX),
    /// PCI Express.
    Express(Box<Express>),
    /// Subsystem ids of a bridge.
    BridgeSubsystem(BridgeSubsystem),
    /// Function level reset of a conventional function.
    AdvancedFeatures(AdvancedFeatures),
    /// Advanced error reporting.
    Aer(Box<Aer>),
    /// Device serial number.
    SerialNumber(SerialNumber),
    /// Vendor specific extended capability.
    VendorExtended(VendorExtended),
    /// Alternative routing-ID interpretation.
    Ari(Ari),
    /// Access control services.
    Acs(Acs),
    /// Address translation services.
    Ats(Ats),
    /// Single root I/O virtualization.
    Sriov(Box<Sriov>),
    /// Page request interface.
    PageRequests(PageRequests),
    /// Process address spaces.
    Pasid(Pasid),
    /// Resizable base address registers, of a function or (id 0024) of its VFs.
    ResizableBars(ResizableBars),
    /// Downstream port containment.
    Dpc(Dpc),
    /// Known by its id alone: virtfn decides nothing by its registers.
    Named,
    /// Its id could be read, its registers not: they lie past the bytes that were read.
    Cut,
}

/// What was read before and that a later capability is read by.
#[derive(Clone, Copy, Default)]
pub(crate) struct Context {
    pub(crate) port: Option<PortType>,
    pub(crate) vendor: u16,
    pub(crate) device: u16,
}

impl Capability {
    pub(crate) fn read(id: CapabilityId, at: Registers<'_>, context: Context) -> Self {
        let read = match id {
            CapabilityId::Standard(id) => standard(id, at),
            CapabilityId::Extended(id) => extended(id, at, context),
        };
        read.unwrap_or(Self::Cut)
    }

    /// How many bytes its registers take, where they were decoded.
    #[must_use]
    pub fn span(&self) -> Option<u16> {
        Some(match self {
            Self::PowerManagement(_) | Self::AdvancedFeatures(_) | Self::BridgeSubsystem(_) => 8,
            Self::Msi(msi) => msi.len(),
            Self::MsiX(_) | Self::SerialNumber(_) => 12,
            Self::Express(express) => express.len(),
            Self::Aer(aer) => aer.len(),
            Self::VendorExtended(vendor) => vendor.len,
            Self::Ari(_) | Self::Ats(_) | Self::Pasid(_) => 8,
            Self::Acs(acs) => acs.len(),
            Self::Sriov(_) => 0x40,
            Self::PageRequests(_) => 16,
            Self::ResizableBars(bars) => bars.len(),
            Self::Dpc(_) => 12,
            Self::Named | Self::Cut => return None,
        })
    }
}

/// Ids of the PCI Code and ID Assignment Specification, §2.
fn standard(id: u8, at: Registers<'_>) -> Option<Capability> {
    Some(match id {
        0x01 => Capability::PowerManagement(PowerManagement::read(at)?),
        0x05 => Capability::Msi(Msi::read(at)?),
        0x0d => Capability::BridgeSubsystem(BridgeSubsystem::read(at)?),
        0x10 => Capability::Express(Box::new(Express::read(at)?)),
        0x11 => Capability::MsiX(MsiX::read(at)?),
        0x13 => Capability::AdvancedFeatures(AdvancedFeatures::read(at)?),
        _ => Capability::Named,
    })
}

/// Ids of the PCI Code and ID Assignment Specification, §3.
fn extended(id: u16, at: Registers<'_>, context: Context) -> Option<Capability> {
    Some(match id {
        0x01 => Capability::Aer(Box::new(Aer::read(at, context.port)?)),
        0x03 => Capability::SerialNumber(SerialNumber::read(at)?),
        0x0b => Capability::VendorExtended(VendorExtended::read(at)?),
        0x0d => Capability::Acs(Acs::read(at, context)?),
        0x0e => Capability::Ari(Ari::read(at)?),
        0x0f => Capability::Ats(Ats::read(at)?),
        0x10 => Capability::Sriov(Box::new(Sriov::read(at)?)),
        0x13 => Capability::PageRequests(PageRequests::read(at)?),
        0x15 | 0x24 => Capability::ResizableBars(ResizableBars::read(at)?),
        0x1b => Capability::Pasid(Pasid::read(at)?),
        0x1d => Capability::Dpc(Dpc::read(at)?),
        _ => Capability::Named,
    })
}

//! The PCI Express capability (PCIe 6.0 §7.5.3): what a function is on the fabric.

mod device;
mod link;
mod port;

pub use device::{
    Device, Device2, DeviceCapabilities, DeviceCapabilities2, DeviceControl, DeviceControl2,
    DeviceStatus,
};
pub use link::{
    Aspm, Link, Link2, LinkCapabilities, LinkCapabilities2, LinkControl, LinkControl2, LinkStatus,
    LinkStatus2, Speed,
};
pub use port::{
    Root, RootCapabilities, RootControl, RootStatusFlags, Slot, SlotCapabilities, SlotControl,
    SlotStatus,
};

use crate::bits::field8;
use crate::config::Registers;

/// The PCI Express capability.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Express {
    /// Version of the capability: 1 lacks the second set of registers.
    pub version: u8,
    /// What the function is.
    pub port: PortType,
    /// Whether a slot hangs on this port.
    pub slot_implemented: bool,
    /// Message of its interrupts.
    pub interrupt_message: u8,
    /// The function itself.
    pub device: Device,
    /// Its link; an integrated function has none.
    pub link: Option<Link>,
    /// Its slot, where a port has one.
    pub slot: Option<Slot>,
    /// What only a root port or event collector has.
    pub root: Option<Root>,
    /// The function itself, second part.
    pub device2: Option<Device2>,
    /// Its link, second part.
    pub link2: Option<Link2>,
}

/// The device/port type field (PCIe 6.0 §7.5.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PortType {
    /// An endpoint.
    Endpoint,
    /// An endpoint with I/O ports or other things of old.
    LegacyEndpoint,
    /// A root port: the top of a link.
    RootPort,
    /// A switch's port towards the root.
    UpstreamPort,
    /// A switch's port away from the root.
    DownstreamPort,
    /// A bridge from PCI Express to PCI.
    ExpressToPci,
    /// A bridge from PCI to PCI Express.
    PciToExpress,
    /// An endpoint inside the root complex, without a link.
    IntegratedEndpoint,
    /// An event collector inside the root complex.
    EventCollector,
    /// A type that no specification defines.
    Unknown(u8),
}

impl Express {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let register = at.u16(0x02)?;
        let (version, port) = (field8(register.into(), 0, 4), PortType::of(register));
        let slot_implemented = register & 1 << 8 != 0;
        let second = version >= 2;
        Some(Self {
            version,
            port,
            slot_implemented,
            interrupt_message: field8(register.into(), 9, 5),
            device: Device::read(at)?,
            link: read_if(port.has_link(), || Link::read(at))?,
            slot: read_if(slot_implemented && port.may_have_slot(), || Slot::read(at))?,
            root: read_if(port.has_root_registers(), || Root::read(at))?,
            device2: read_if(second, || Device2::read(at))?,
            link2: read_if(second && port.has_link(), || Link2::read(at))?,
        })
    }

    /// Whether it can be reset on its own, by a function level reset.
    #[must_use]
    pub const fn has_function_level_reset(&self) -> bool {
        self.device.capabilities.has(DeviceCapabilities::FUNCTION_LEVEL_RESET)
    }

    /// Whether functions beyond 7 below this port can be reached now: only a root or downstream
    /// port that forwards ARI lets a VF be at a device other than 0.
    #[must_use]
    pub fn forwards_ari(&self) -> bool {
        self.device2.is_some_and(|device| device.control.has(DeviceControl2::ARI_FORWARDING))
    }

    pub(crate) const fn len(&self) -> u16 {
        if self.version >= 2 {
            0x3c
        } else if self.root.is_some() {
            0x24
        } else if self.slot.is_some() {
            0x1c
        } else if self.link.is_some() {
            0x14
        } else {
            0x0c
        }
    }
}

/// `Some(None)` when the part does not belong to this function, `None` when its bytes are missing.
fn read_if<T>(belongs: bool, read: impl FnOnce() -> Option<T>) -> Option<Option<T>> {
    if belongs { read().map(Some) } else { Some(None) }
}

impl PortType {
    /// Of the capabilities register, at +2.
    pub(crate) const fn of(register: u16) -> Self {
        match register.to_le_bytes()[0] >> 4 {
            0x0 => Self::Endpoint,
            0x1 => Self::LegacyEndpoint,
            0x4 => Self::RootPort,
            0x5 => Self::UpstreamPort,
            0x6 => Self::DownstreamPort,
            0x7 => Self::ExpressToPci,
            0x8 => Self::PciToExpress,
            0x9 => Self::IntegratedEndpoint,
            0xa => Self::EventCollector,
            other => Self::Unknown(other),
        }
    }

    /// Whether it is the upper end of a link: a root port or a switch's downstream port.
    #[must_use]
    pub const fn is_downstream(self) -> bool {
        matches!(self, Self::RootPort | Self::DownstreamPort)
    }

    const fn has_link(self) -> bool {
        !matches!(self, Self::IntegratedEndpoint | Self::EventCollector)
    }

    const fn may_have_slot(self) -> bool {
        matches!(self, Self::RootPort | Self::DownstreamPort | Self::PciToExpress)
    }

    const fn has_root_registers(self) -> bool {
        matches!(self, Self::RootPort | Self::EventCollector)
    }
}

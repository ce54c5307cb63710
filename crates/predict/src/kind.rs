//! What a function is to the tree it hangs in.

use std::fmt;

use virtfn_host::{Function, Role, Seen};
use virtfn_pci::{Looked, PortType, Walk};

use crate::acs::Unseen;

/// What a function is to the tree it hangs in, by its PCI Express capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An endpoint on a link.
    Endpoint,
    /// An endpoint inside the root complex.
    IntegratedEndpoint,
    /// A root port.
    RootPort,
    /// A switch's port towards the root.
    UpstreamPort,
    /// A switch's port away from the root.
    DownstreamPort,
    /// A bridge to or from conventional PCI, or between two such buses.
    PciBridge,
    /// An event collector inside the root complex.
    EventCollector,
    /// A conventional PCI function, or one without a PCI Express capability.
    Conventional,
    /// A type that no specification defines.
    Undefined,
}

impl Kind {
    /// Reads a function's kind from its capabilities; a VF is an endpoint whatever they say.
    pub(crate) fn of(function: &Function, walk: &Walk) -> Result<Self, Unseen> {
        if matches!(function.role, Role::Vf(_) | Role::Leaving { .. }) {
            return Ok(Self::Endpoint);
        }
        match walk.express() {
            Looked::Found(express) => Ok(Self::of_port(express.port)),
            Looked::Absent if function.is_bridge() => Ok(Self::PciBridge),
            Looked::Absent => Ok(Self::Conventional),
            Looked::NotVisible(_) => Err(Unseen::config(function)),
        }
    }

    const fn of_port(port: PortType) -> Self {
        match port {
            PortType::Endpoint | PortType::LegacyEndpoint => Self::Endpoint,
            PortType::RootPort => Self::RootPort,
            PortType::UpstreamPort => Self::UpstreamPort,
            PortType::DownstreamPort => Self::DownstreamPort,
            PortType::ExpressToPci | PortType::PciToExpress => Self::PciBridge,
            PortType::IntegratedEndpoint => Self::IntegratedEndpoint,
            PortType::EventCollector => Self::EventCollector,
            PortType::Unknown(_) => Self::Undefined,
        }
    }

    /// Does the kernel leave it in peace while it is the only function of its device?
    pub(crate) const fn may_stand_alone(self) -> bool {
        matches!(self, Self::Endpoint | Self::IntegratedEndpoint | Self::UpstreamPort)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Endpoint => "endpoint",
            Self::IntegratedEndpoint => "integrated endpoint",
            Self::RootPort => "root port",
            Self::UpstreamPort => "switch upstream port",
            Self::DownstreamPort => "switch downstream port",
            Self::PciBridge => "PCI bridge",
            Self::EventCollector => "event collector",
            Self::Conventional => "conventional PCI function",
            Self::Undefined => "function of an undefined type",
        })
    }
}

/// Is the function one of several of its device, as the kernel takes it?
///
/// A VF never is (`drivers/pci/iov.c`, `pci_iov_add_virtfn`); a function number above 0 always is
/// (`drivers/pci/probe.c`, `pci_scan_slot`); else the header says it.
pub(crate) fn is_multifunction(function: &Function) -> Result<bool, Unseen> {
    if matches!(function.role, Role::Vf(_) | Role::Leaving { .. }) {
        return Ok(false);
    }
    if function.address.function() > 0 {
        return Ok(true);
    }
    let header = match &function.config {
        Seen::Known(config) if !config.is_silent() => config.header(),
        _ => None,
    };
    header.map(|header| header.multifunction).ok_or_else(|| Unseen::config(function))
}

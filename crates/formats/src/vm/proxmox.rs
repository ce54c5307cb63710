//! Proxmox VE's words: a guest's `hostpciN`, and the cluster's mappings of devices.

use std::fmt;

use virtfn_pci::{Address, Subsystem};

/// A device of one node, in a mapping.
///
/// Proxmox compares ids, subsystem and group with the device before a guest starts, and refuses when
/// they are not those that are said; what is not said makes a mapping incomplete to it
/// (`PVE::Mapping::PCI::assert_valid`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// Vendor and device.
    pub ids: (u16, u16),
    /// Its subsystem, where it is known.
    pub subsystem: Option<Subsystem>,
    /// Its IOMMU group.
    pub group: Option<u32>,
    /// The node's name.
    pub node: String,
    /// Where it is.
    pub path: Address,
}

impl fmt::Display for Mapped {
    /// A `map` of `/etc/pve/mapping/pci.cfg`, and of `pvesh create /cluster/mapping/pci`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "id={:04x}:{:04x}", self.ids.0, self.ids.1)?;
        if let Some(group) = self.group {
            write!(f, ",iommugroup={group}")?;
        }
        write!(f, ",node={},path={}", self.node, self.path)?;
        match self.subsystem {
            Some(sub) => write!(f, ",subsystem-id={:04x}:{:04x}", sub.vendor, sub.device),
            None => Ok(()),
        }
    }
}

/// A mapping as a section of `/etc/pve/mapping/pci.cfg`; nothing where it maps nothing.
#[must_use]
pub fn mapping_section(name: &str, devices: &[Mapped]) -> String {
    if devices.is_empty() {
        return String::new();
    }
    let lines: String = devices.iter().map(|device| format!("\tmap {device}\n")).collect();
    format!("{name}\n{lines}\n")
}

/// The command that makes a mapping on a running cluster.
#[must_use]
pub fn mapping_command(name: &str, devices: &[Mapped]) -> String {
    let maps: String = devices.iter().map(|device| format!(" --map {device}")).collect();
    format!("pvesh create /cluster/mapping/pci --id {name}{maps}")
}

/// The line of a guest's configuration that gives it a function: with `pcie=1`, on the PCI Express bus
/// that machine q35 has.
#[must_use]
pub fn hostpci_line(number: u8, device: Address) -> String {
    format!("hostpci{number}: {device},pcie=1")
}

/// The command that writes this line.
#[must_use]
pub fn hostpci_command(guest: u32, number: u8, device: Address) -> String {
    format!("qm set {guest} --hostpci{number} {device},pcie=1")
}

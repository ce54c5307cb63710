//! Ids of capabilities and what they are called (PCI Code and ID Assignment, §2 and §3).

use std::fmt;

/// Which capability it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CapabilityId {
    /// One of the list that starts in the header.
    Standard(u8),
    /// One of the list that starts at offset 0x100.
    Extended(u16),
}

impl CapabilityId {
    /// Power management.
    pub const POWER_MANAGEMENT: Self = Self::Standard(0x01);
    /// Vital product data.
    pub const VITAL_PRODUCT_DATA: Self = Self::Standard(0x03);
    /// MSI.
    pub const MSI: Self = Self::Standard(0x05);
    /// PCI Express.
    pub const EXPRESS: Self = Self::Standard(0x10);
    /// MSI-X.
    pub const MSI_X: Self = Self::Standard(0x11);
    /// Advanced error reporting.
    pub const AER: Self = Self::Extended(0x01);
    /// Device serial number.
    pub const SERIAL_NUMBER: Self = Self::Extended(0x03);
    /// Access control services.
    pub const ACS: Self = Self::Extended(0x0d);
    /// Alternative routing-ID interpretation.
    pub const ARI: Self = Self::Extended(0x0e);
    /// Address translation services.
    pub const ATS: Self = Self::Extended(0x0f);
    /// SR-IOV.
    pub const SRIOV: Self = Self::Extended(0x10);

    /// What the specification calls it; `None` for an id that it does not assign.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let (table, id) = match self {
            Self::Standard(id) => (STANDARD, usize::from(id)),
            Self::Extended(id) => (EXTENDED, usize::from(id)),
        };
        table.get(id).copied()
    }
}

impl fmt::Display for CapabilityId {
    /// Its name, or `capability 16` and `extended capability 0036` where it has none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self) {
            (Some(name), _) => f.write_str(name),
            (None, Self::Standard(id)) => write!(f, "capability {id:02x}"),
            (None, Self::Extended(id)) => write!(f, "extended capability {id:04x}"),
        }
    }
}

/// By id, from 00 on.
const STANDARD: &[&str] = &[
    "Null",
    "Power Management",
    "AGP",
    "Vital Product Data",
    "Slot Identification",
    "MSI",
    "CompactPCI Hot Swap",
    "PCI-X",
    "HyperTransport",
    "Vendor Specific",
    "Debug Port",
    "CompactPCI Central Resource Control",
    "PCI Hot-Plug",
    "Bridge Subsystem ID",
    "AGP 8x",
    "Secure Device",
    "PCI Express",
    "MSI-X",
    "SATA Data/Index Configuration",
    "Advanced Features",
    "Enhanced Allocation",
    "Flattening Portal Bridge",
];

/// By id, from 0000 on.
const EXTENDED: &[&str] = &[
    "Null",
    "Advanced Error Reporting",
    "Virtual Channel",
    "Device Serial Number",
    "Power Budgeting",
    "Root Complex Link Declaration",
    "Root Complex Internal Link Control",
    "Root Complex Event Collector Endpoint Association",
    "Multi-Function Virtual Channel",
    "Virtual Channel (with MFVC)",
    "Root Complex Register Block",
    "Vendor Specific Extended",
    "Configuration Access Correlation",
    "Access Control Services",
    "Alternative Routing-ID Interpretation",
    "Address Translation Services",
    "SR-IOV",
    "MR-IOV",
    "Multicast",
    "Page Request Interface",
    "Reserved for AMD",
    "Resizable BAR",
    "Dynamic Power Allocation",
    "TPH Requester",
    "Latency Tolerance Reporting",
    "Secondary PCI Express",
    "Protocol Multiplexing",
    "Process Address Space ID",
    "LN Requester",
    "Downstream Port Containment",
    "L1 PM Substates",
    "Precision Time Measurement",
    "PCI Express over M-PHY",
    "FRS Queueing",
    "Readiness Time Reporting",
    "Designated Vendor Specific",
    "VF Resizable BAR",
    "Data Link Feature",
    "Physical Layer 16.0 GT/s",
    "Lane Margining at the Receiver",
    "Hierarchy ID",
    "Native PCIe Enclosure Management",
    "Physical Layer 32.0 GT/s",
    "Alternate Protocol",
    "System Firmware Intermediary",
    "Shadow Functions",
    "Data Object Exchange",
    "Device 3",
    "Integrity and Data Encryption",
    "Physical Layer 64.0 GT/s",
    "Flit Logging",
    "Flit Performance Measurement",
    "Flit Error Injection",
    "Streamlined Virtual Channel",
    "MMIO Register Block Locator",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_both_tables_carry_their_names() {
        for (id, name) in [
            (CapabilityId::Standard(0x10), "PCI Express"),
            (CapabilityId::Standard(0x15), "Flattening Portal Bridge"),
            (CapabilityId::Standard(0x16), "capability 16"),
            (CapabilityId::SRIOV, "SR-IOV"),
            (CapabilityId::Extended(0x1d), "Downstream Port Containment"),
            (CapabilityId::Extended(0x24), "VF Resizable BAR"),
            (CapabilityId::Extended(0x2e), "Data Object Exchange"),
            (CapabilityId::Extended(0x36), "MMIO Register Block Locator"),
            (CapabilityId::Extended(0x37), "extended capability 0037"),
        ] {
            assert_eq!(id.to_string(), name);
        }
    }
}

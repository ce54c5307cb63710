//! Access control services: whether a port keeps requests apart (PCIe 6.0 §7.7.11).

use super::{Context, PortType};
use crate::bits::{field16, flags};
use crate::config::Registers;

/// The ACS capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Acs {
    /// What the port can do.
    pub capability: AcsFlags,
    /// What is switched on.
    pub control: AcsFlags,
    /// Ports that the egress control vector covers (0 stands for 256); of no meaning without
    /// `EGRESS_CONTROL`.
    pub egress_vector_bits: u8,
    /// How the two registers were found to be packed.
    pub layout: AcsLayout,
}

/// How the registers are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AcsLayout {
    /// As the specification has it: words, control at +6.
    Words,
    /// As Intel's Sunrise Point has it (its errata 23): double words, control at +8.
    DoubleWords,
}

flags! {
    /// What an ACS capability can do, or does.
    AcsFlags: u16 {
        SOURCE_VALIDATION = 0, "SV", "Refuses requests with a bus number from elsewhere.";
        TRANSLATION_BLOCKING = 1, "TB", "Blocks requests that claim to be translated already.";
        REQUEST_REDIRECT = 2, "RR", "Sends peer-to-peer requests up, to the IOMMU.";
        COMPLETION_REDIRECT = 3, "CR", "Sends peer-to-peer completions up.";
        UPSTREAM_FORWARDING = 4, "UF", "Sends requests up that aim at the port they came from.";
        EGRESS_CONTROL = 5, "EC", "Blocks peer-to-peer requests by a table.";
        DIRECT_TRANSLATED = 6, "DT", "Lets translated requests go peer to peer.";
        IO_BLOCKING = 7, "IB", "Blocks I/O requests.";
        UNCLAIMED_REDIRECT = 12, "UR", "Sends requests up that no memory window claims.";
    }
}

impl AcsFlags {
    /// What Linux asks of every port on the way to the root before it believes in isolation
    /// (`drivers/iommu/iommu.c`, `REQ_ACS_FLAGS`): SV, RR, CR and UF.
    pub const ISOLATION: Self = Self::SOURCE_VALIDATION
        .with(Self::REQUEST_REDIRECT)
        .with(Self::COMPLETION_REDIRECT)
        .with(Self::UPSTREAM_FORWARDING);
}

impl Acs {
    /// Packed as the specification has it, or as the chip at hand has it.
    pub(crate) fn read(at: Registers<'_>, context: Context) -> Option<Self> {
        let root_port = context.port == Some(PortType::RootPort);
        if root_port && has_double_word_acs(context.vendor, context.device) {
            Self::read_double_words(at)
        } else {
            Self::read_words(at)
        }
    }

    fn read_words(at: Registers<'_>) -> Option<Self> {
        let capability = at.u16(0x04)?;
        Some(Self {
            capability: AcsFlags::of(capability),
            control: AcsFlags::of(at.u16(0x06)?),
            egress_vector_bits: capability.to_le_bytes()[1],
            layout: AcsLayout::Words,
        })
    }

    fn read_double_words(at: Registers<'_>) -> Option<Self> {
        let (capability, control) = (at.u32(0x04)?, at.u32(0x08)?);
        Some(Self {
            capability: AcsFlags::of(field16(capability, 0, 16)),
            control: AcsFlags::of(field16(control, 0, 16)),
            egress_vector_bits: capability.to_le_bytes()[1],
            layout: AcsLayout::DoubleWords,
        })
    }

    /// Bytes of its registers, the egress control vector included.
    pub(crate) fn len(&self) -> u16 {
        match self.layout {
            AcsLayout::DoubleWords => 12,
            AcsLayout::Words if !self.capability.has(AcsFlags::EGRESS_CONTROL) => 8,
            AcsLayout::Words => {
                let bits =
                    if self.egress_vector_bits == 0 { 256 } else { self.egress_vector_bits.into() };
                8 + 4 * u16::div_ceil(bits, 32)
            }
        }
    }
}

/// Whether root ports of this kind hold ACS as double words: Intel's 100 and 200 series and the
/// mobile parts alike (kernel: `drivers/pci/quirks.c`, `pci_quirk_intel_spt_pch_acs_match`).
///
/// True of their root ports alone; [`ConfigSpace::capabilities`](crate::ConfigSpace::capabilities)
/// asks for that too.
#[must_use]
pub const fn has_double_word_acs(vendor: u16, device: u16) -> bool {
    const INTEL: u16 = 0x8086;
    vendor == INTEL
        && matches!(
            device,
            0xa110..=0xa11f // 100 series, ports 1–16
                | 0xa167..=0xa16a // 100 series, ports 17–20
                | 0xa290..=0xa29f // 200 series
                | 0xa2e7..=0xa2ee
                | 0x9d10..=0x9d1b // mobile
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConfigSpace;

    /// ACSCap `1f`, and its control at +8 as the chip has it: at +6 there is nothing.
    fn sunrise_point() -> ConfigSpace {
        let mut bytes = vec![0; 16];
        bytes[4] = 0x1f;
        bytes[8] = 0x1d;
        ConfigSpace::new(bytes)
    }

    #[test]
    fn a_sunrise_point_root_port_is_read_as_double_words() {
        let config = sunrise_point();
        let read = |port, device| {
            let context = Context { port: Some(port), vendor: 0x8086, device };
            Acs::read(Registers::new(&config, 0), context).unwrap()
        };
        let acs = read(PortType::RootPort, 0x9d10);
        assert_eq!(acs.layout, AcsLayout::DoubleWords);
        assert!(acs.control.has(AcsFlags::ISOLATION));
        assert!(!acs.control.has(AcsFlags::TRANSLATION_BLOCKING));
        assert!(read(PortType::RootPort, 0x9d0f).control.is_empty());
        assert!(read(PortType::Endpoint, 0x9d10).control.is_empty());
    }

    #[test]
    fn flags_name_themselves_in_order() {
        let flags = AcsFlags::of(0xffff);
        assert_eq!(
            flags.names().collect::<Vec<_>>(),
            ["SV", "TB", "RR", "CR", "UF", "EC", "DT", "IB", "UR"]
        );
        let missing: Vec<_> = AcsFlags::ISOLATION.without(AcsFlags::of(0x11)).names().collect();
        assert_eq!(missing, ["RR", "CR"]);
    }
}

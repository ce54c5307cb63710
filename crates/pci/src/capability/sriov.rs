//! Single root I/O virtualization (PCIe 6.0 §9.3.3).

use crate::address::Address;
use crate::bar::{self, Bar};
use crate::bits::{field8, field16, flags};
use crate::config::Registers;

/// The SR-IOV capability of a physical function.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Sriov {
    /// What it can do beyond the minimum.
    pub capabilities: SriovCapabilities,
    /// Message of the migration interrupt.
    pub migration_interrupt: u16,
    /// What is switched on.
    pub control: SriovControl,
    /// Status.
    pub status: SriovStatus,
    /// VFs there are at first; equals `total_vfs` unless VFs can migrate.
    pub initial_vfs: u16,
    /// VFs the device can have.
    pub total_vfs: u16,
    /// VFs asked for. A leftover says nothing while `control` lacks `ENABLE`.
    pub num_vfs: u16,
    /// Function whose VFs must be on together with these; its own number when there is none.
    pub dependency_link: u8,
    /// Routing ID of VF 0 less the PF's. May change with `num_vfs` and ARI.
    pub first_vf_offset: u16,
    /// Routing IDs from one VF to the next. May change with `num_vfs` and ARI.
    pub vf_stride: u16,
    /// Device id that the VFs shall be known by.
    pub vf_device: u16,
    /// Bit `n` set: pages of 2ⁿ⁺¹² bytes can be used.
    pub supported_page_sizes: u32,
    /// The one bit of them that is in use.
    pub system_page_size: u32,
    /// VF base address registers as they stand; each maps that BAR of all VFs, in a row.
    pub vf_bar_registers: [u32; 6],
    /// VF migration state array: offset into the VF BAR `migration_bar`.
    pub migration_offset: u32,
    /// Which VF BAR holds the migration state array.
    pub migration_bar: u8,
}

flags! {
    /// SR-IOV capabilities register, less its message number.
    SriovCapabilities: u32 {
        MIGRATION = 0, "Migration", "VFs can migrate between systems (withdrawn in PCIe 5.0).";
        ARI_PRESERVED = 1, "ARIPreserved", "ARI hierarchy survives a function level reset.";
        TEN_BIT_TAGS = 2, "10BitTagReq", "VFs can use 10-bit tags.";
    }
}

flags! {
    /// SR-IOV control register.
    SriovControl: u16 {
        ENABLE = 0, "Enable", "The VFs are there.";
        MIGRATION = 1, "Migration", "Migration is on.";
        MIGRATION_INTERRUPT = 2, "Interrupt", "Migration raises an interrupt.";
        MEMORY = 3, "MSE", "The VFs answer to memory addresses.";
        ARI_HIERARCHY = 4, "ARIHierarchy", "The PF may place VFs at devices other than 0.";
        TEN_BIT_TAGS = 5, "10BitTagReq", "VFs may use 10-bit tags.";
    }
}

flags! {
    /// SR-IOV status register.
    SriovStatus: u16 {
        MIGRATION = 0, "Migration", "A VF wants to migrate.";
    }
}

impl Sriov {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let capabilities = at.u32(0x04)?;
        let migration = at.u32(0x3c)?;
        let mut vf_bar_registers = [0; 6];
        for (offset, register) in (0x24..).step_by(4).zip(&mut vf_bar_registers) {
            *register = at.u32(offset)?;
        }
        Some(Self {
            capabilities: SriovCapabilities::of(capabilities),
            migration_interrupt: field16(capabilities, 21, 11),
            control: SriovControl::of(at.u16(0x08)?),
            status: SriovStatus::of(at.u16(0x0a)?),
            initial_vfs: at.u16(0x0c)?,
            total_vfs: at.u16(0x0e)?,
            num_vfs: at.u16(0x10)?,
            dependency_link: at.u8(0x12)?,
            first_vf_offset: at.u16(0x14)?,
            vf_stride: at.u16(0x16)?,
            vf_device: at.u16(0x1a)?,
            supported_page_sizes: at.u32(0x1c)?,
            system_page_size: at.u32(0x20)?,
            vf_bar_registers,
            migration_offset: migration & !7,
            migration_bar: field8(migration, 0, 3),
        })
    }

    /// How many VFs are there now: `num_vfs` while they are enabled, else 0.
    #[must_use]
    pub const fn enabled_vfs(&self) -> u16 {
        if self.control.has(SriovControl::ENABLE) { self.num_vfs } else { 0 }
    }

    /// Where VF `index` of the function at `pf` appears, as offset and stride say now
    /// (PCIe 6.0 §9.2.1.2); it may be on a later bus than its PF.
    ///
    /// `None` when the routing ID would pass the last bus, or when offset or stride is 0 where it
    /// would put two functions at one address. Whether there is a VF `index` is not asked.
    #[must_use]
    pub fn vf_routing_id(&self, pf: Address, index: u16) -> Option<Address> {
        if self.first_vf_offset == 0 || (self.vf_stride == 0 && index > 0) {
            return None;
        }
        let ahead = index.checked_mul(self.vf_stride)?.checked_add(self.first_vf_offset)?;
        let routing_id = pf.routing_id().checked_add(ahead)?;
        Some(Address::from_routing_id(pf.domain(), routing_id))
    }

    /// The VF base address registers that are in use, pairs joined.
    #[must_use]
    pub fn vf_bars(&self) -> Vec<Bar> {
        bar::read_memory(&self.vf_bar_registers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConfigSpace;
    use proptest::prelude::*;

    fn placed(offset: u16, stride: u16) -> Sriov {
        let mut bytes = vec![0; 0x40];
        bytes[0x14..0x16].copy_from_slice(&offset.to_le_bytes());
        bytes[0x16..0x18].copy_from_slice(&stride.to_le_bytes());
        Sriov::read(Registers::new(&ConfigSpace::new(bytes), 0)).unwrap()
    }

    #[test]
    fn vfs_of_two_ports_interleave_on_the_82576() {
        let sriov = placed(128, 2);
        let at = |pf: &str, index| sriov.vf_routing_id(pf.parse().unwrap(), index).unwrap().short();
        assert_eq!((at("0b:00.0", 0), at("0b:00.0", 6)), ("0b:10.0".into(), "0b:11.4".into()));
        assert_eq!((at("0b:00.1", 0), at("0b:00.1", 6)), ("0b:10.1".into(), "0b:11.5".into()));
    }

    #[test]
    fn an_offset_of_384_lands_on_the_next_bus() {
        let pf = "07:00.0".parse().unwrap();
        assert_eq!(placed(384, 2).vf_routing_id(pf, 0).unwrap().short(), "08:10.0");
    }

    #[test]
    fn a_place_that_cannot_be_is_none() {
        let last = "ff:1f.0".parse().unwrap();
        assert_eq!(placed(7, 1).vf_routing_id(last, 0).unwrap().short(), "ff:1f.7");
        assert_eq!(placed(7, 1).vf_routing_id(last, 1), None);
        let first = "00:00.0".parse().unwrap();
        assert_eq!(placed(0, 1).vf_routing_id(first, 0), None);
        assert_eq!(placed(1, 0).vf_routing_id(first, 1), None);
        assert!(placed(1, 0).vf_routing_id(first, 0).is_some());
    }

    proptest! {
        #[test]
        fn placement_is_plain_arithmetic(domain: u32, pf: u16, offset: u16, stride: u16, index: u16) {
            let pf = Address::from_routing_id(domain, pf);
            let sum = u64::from(pf.routing_id()) + u64::from(offset) + u64::from(stride) * u64::from(index);
            match placed(offset, stride).vf_routing_id(pf, index) {
                Some(vf) => {
                    prop_assert_eq!(u64::from(vf.routing_id()), sum);
                    prop_assert_eq!(vf.domain(), domain);
                }
                None => prop_assert!(sum > 0xffff || offset == 0 || stride == 0),
            }
        }
    }
}

//! A PCI function and what SR-IOV makes of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use virtfn_pci::{Address, ConfigSpace, Subsystem};

use crate::{
    EswitchMode, FirmwareVfs, Guid, Holder, LinkState, MacAddress, Mbps, Ports, Qos, Seen, Switch,
    VfIndex, VlanId, VlanProto,
};

/// One PCI function as the kernel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Where it is.
    pub address: Address,
    /// Where its attributes are, below the root (`sys/devices/pci0000:00/…`).
    pub path: String,
    /// The bridge above it; `None` on a root bus.
    pub parent: Option<Address>,
    /// The function of another domain that made its domain and sends its requests under its own
    /// name, as Intel's VMD does.
    pub controller: Option<Address>,
    /// Vendor, device and class as the kernel knows them (a VF's own registers read ffff).
    pub ids: Ids,
    /// What SR-IOV makes of it.
    pub role: Role,
    /// The driver that has it.
    pub driver: Option<String>,
    /// The driver that somebody ordered for it. Reading this takes the device's lock in the kernel.
    pub driver_override: Seen<String>,
    /// The modules whose alias fits it, the kernel's choice first.
    pub modules: Seen<Vec<String>>,
    /// The modules with a VFIO driver made for it, the one that fits best first.
    pub variants: Seen<Vec<String>>,
    /// Its IOMMU group: only this link and `iommu` prove that it is translated.
    pub iommu_group: Option<u32>,
    /// Has the kernel tied it to an IOMMU (the `iommu` link)?
    pub behind_iommu: bool,
    /// The NUMA node it hangs on; `None` when the firmware named none.
    pub numa_node: Option<u32>,
    /// Its config space as far as this process may read it.
    pub config: Seen<ConfigSpace>,
    /// The memory that the kernel gave it, BAR by BAR (0–5 BARs, 6 ROM, 7–12 the VFs' BARs, then
    /// bridge windows).
    pub resources: Seen<Vec<Resource>>,
    /// How it can be reset, in the kernel's order.
    pub reset_methods: Seen<Vec<String>>,
    /// Its power state (`D0`, `D3hot`, …).
    pub power_state: Seen<String>,
    /// Its network interfaces in this network namespace.
    pub netdevs: Vec<String>,
    /// Who uses it.
    pub holders: Seen<Vec<Holder>>,
}

/// What a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// Vendor.
    pub vendor: u16,
    /// Device.
    pub device: u16,
    /// Base class, subclass and programming interface, 24 bits.
    pub class: u32,
}

/// What SR-IOV makes of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Neither PF nor VF.
    Plain,
    /// A physical function: the kernel shows `sriov_totalvfs`.
    Pf(Box<Pf>),
    /// A virtual function.
    Vf(VfId),
    /// A virtual function that its PF links no more: the kernel is removing it.
    Leaving {
        /// Its PF.
        pf: Address,
    },
}

/// A VF by what lasts: its PF's place and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VfId {
    /// Its PF.
    pub pf: Address,
    /// Its number.
    pub index: VfIndex,
}

impl std::fmt::Display for VfId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.pf.short(), self.index)
    }
}

/// A function that can make VFs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pf {
    /// How many VFs its driver allows (`sriov_totalvfs`).
    pub total_vfs: u16,
    /// Its VFs (`virtfnN` links), which is how many there are, whatever `sriov_numvfs` would say.
    pub vfs: BTreeMap<VfIndex, Address>,
    /// What `sriov_numvfs` says, whose reading takes the PF's lock; how many VFs there are, `vfs` says.
    pub numvfs: Seen<u16>,
    /// Does the kernel look for a driver when it makes a VF (`sriov_drivers_autoprobe`)?
    pub autoprobe: Seen<bool>,
    /// The device ID of its VFs.
    pub vf_device: Seen<u16>,
    /// Routing ID of VF 0 less the PF's, as the kernel reckons with it (`sriov_offset`).
    pub vf_offset: Seen<u16>,
    /// Routing IDs from one VF to the next, as the kernel reckons with them (`sriov_stride`).
    pub vf_stride: Seen<u16>,
    /// The modules that would drive its VFs on this host.
    pub vf_modules: Seen<Vec<String>>,
    /// The modules with a VFIO driver made for its VFs, the one that fits best first.
    pub vf_variants: Seen<Vec<String>>,
    /// The mode of the card's switch. `Absent`: its driver knows no modes.
    pub eswitch: Seen<EswitchMode>,
    /// How many VFs the card's firmware offers. `Absent`: its driver does not say.
    pub firmware: Seen<FirmwareVfs>,
    /// The ports of its VFs in switchdev mode, and the groups in which they share a rate. `Absent`:
    /// another mode, or none.
    pub ports: Seen<Ports>,
    /// What the PF's driver says of each VF.
    pub admin: Seen<BTreeMap<VfIndex, VfAdmin>>,
}

/// A VF's settings on the PF's side, as the PF's driver reports them (`IFLA_VF_INFO`).
/// `None`: this driver does not report it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VfAdmin {
    /// The administrative MAC; all zeros when none was set.
    pub mac: Option<MacAddress>,
    /// The VLAN it is locked into; 0 for none.
    pub vlan: Option<VlanId>,
    /// The priority of that VLAN's tags.
    pub qos: Option<Qos>,
    /// The kind of that tag.
    pub proto: Option<VlanProto>,
    /// May it only send from its own addresses?
    pub spoofchk: Option<Switch>,
    /// May it ask for promiscuous mode, other addresses and the like?
    pub trust: Option<Switch>,
    /// What its link follows.
    pub link: Option<LinkState>,
    /// The rate it is promised.
    pub min_rate: Option<Mbps>,
    /// The rate it may not pass.
    pub max_rate: Option<Mbps>,
    /// May it read the PF's RSS table?
    pub query_rss: Option<Switch>,
    /// The GUID of its InfiniBand node; all zeros when none was set.
    #[serde(default)]
    pub node_guid: Option<Guid>,
    /// The GUID of its InfiniBand port; all zeros when none was set.
    #[serde(default)]
    pub port_guid: Option<Guid>,
}

/// One line of `resource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// First address, or 0 when the kernel placed nothing there.
    pub start: u64,
    /// Last address.
    pub end: u64,
    /// The kernel's `IORESOURCE_*` flags (include/linux/ioport.h).
    pub flags: u64,
}

impl Resource {
    /// How many bytes it spans; 0 for an empty one.
    #[must_use]
    pub const fn size(self) -> u64 {
        if self.end == 0 || self.end < self.start { 0 } else { self.end - self.start + 1 }
    }

    /// Does the kernel want it but has no place for it (`IORESOURCE_UNSET`)?
    #[must_use]
    pub const fn is_unset(self) -> bool {
        self.flags & 0x2000_0000 != 0
    }
}

impl Function {
    /// The PF's side of it, if it is one.
    #[must_use]
    pub fn pf(&self) -> Option<&Pf> {
        match &self.role {
            Role::Pf(pf) => Some(pf),
            Role::Plain | Role::Vf(_) | Role::Leaving { .. } => None,
        }
    }

    /// Which VF it is, if it is one.
    #[must_use]
    pub fn vf(&self) -> Option<VfId> {
        match self.role {
            Role::Vf(id) => Some(id),
            Role::Plain | Role::Pf(_) | Role::Leaving { .. } => None,
        }
    }

    /// Who built the board, where its config space was read and says so.
    #[must_use]
    pub fn subsystem(&self) -> Option<Subsystem> {
        self.config.known()?.header()?.subsystem
    }

    /// Is it a bridge of any kind (base class 06, subclass 04 or 09)?
    #[must_use]
    pub const fn is_bridge(&self) -> bool {
        matches!(self.ids.class >> 8, 0x0604 | 0x0609)
    }

    /// Is it a network card, or a part of one (base class 02)?
    #[must_use]
    pub const fn is_network(&self) -> bool {
        self.ids.class >> 16 == 2
    }

    /// Does a driver have it that hands it to user space whole?
    #[must_use]
    pub fn is_passed_through(&self) -> bool {
        self.driver.as_deref().is_some_and(is_passthrough_driver)
    }
}

/// Is this a VFIO driver (plain or a variant)? Names are compared as the kernel lists them below
/// /sys/bus/pci/drivers: dashes and underscores both occur (`vfio-pci`, `mlx5_vfio_pci`).
#[must_use]
pub fn is_vfio_driver(name: &str) -> bool {
    name == "vfio-pci" || name.ends_with("_vfio_pci") || name.ends_with("-vfio-pci")
}

fn is_passthrough_driver(name: &str) -> bool {
    is_vfio_driver(name)
        || matches!(name, "uio_pci_generic" | "igb_uio" | "pciback" | "xen-pciback")
}

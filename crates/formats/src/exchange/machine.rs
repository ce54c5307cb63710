//! The machine's devices, as far as names are turned into each other by them.

use std::collections::BTreeMap;

use virtfn_host::{Function, Host, MacAddress, Matching, Pf, VfIndex};
use virtfn_pci::{Address, Looked, Subsystem};

use crate::vm::proxmox::Mapped;

/// A machine's devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Its name in a cluster, where it has one.
    pub node: Option<String>,
    /// Its PFs.
    pub pfs: Vec<KnownPf>,
    /// All functions.
    pub functions: BTreeMap<Address, KnownFunction>,
}

/// One PF.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownPf {
    /// All by which it is found.
    pub names: Matching,
    /// Its VFs: those that there are, and where the others would be.
    pub vfs: BTreeMap<VfIndex, Address>,
    /// How many there are now.
    pub now: u16,
    /// The device ID of its VFs.
    pub vf_device: Option<u16>,
    /// The VFIO driver made for its VFs, where there is one.
    pub vf_variant: Option<String>,
}

/// One function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownFunction {
    /// Vendor and device.
    pub ids: (u16, u16),
    /// Its subsystem, where its config space was read.
    pub subsystem: Option<Subsystem>,
    /// Its IOMMU group.
    pub group: Option<u32>,
    /// Its network interface.
    pub netdev: Option<String>,
}

impl Machine {
    /// What a look at a host says; it needs the network interfaces, and config space for serial
    /// numbers.
    #[must_use]
    pub fn of(host: &Host, node: Option<String>) -> Self {
        let function = |(address, function): (&Address, &Function)| {
            let known = KnownFunction {
                ids: (function.ids.vendor, function.ids.device),
                subsystem: function.subsystem(),
                group: function.iommu_group,
                netdev: function.netdevs.first().cloned(),
            };
            (*address, known)
        };
        Self {
            node,
            pfs: host.pfs().map(|(function, pf)| known_pf(host, function, pf)).collect(),
            functions: host.functions.iter().map(function).collect(),
        }
    }

    /// The PFs that a policy means.
    pub fn meant<'m>(&'m self, matching: &'m Matching) -> impl Iterator<Item = &'m KnownPf> {
        self.pfs.iter().filter(|pf| pf.is(matching))
    }

    /// A function as one of Proxmox VE's mappings has it; `ids` where it does not exist yet. `None`:
    /// it is not here, and who it will be is not known.
    #[must_use]
    pub fn mapped(&self, path: Address, node: &str, ids: Option<(u16, u16)>) -> Option<Mapped> {
        let known = self.functions.get(&path);
        Some(Mapped {
            ids: known.map(|known| known.ids).or(ids)?,
            subsystem: known.and_then(|known| known.subsystem),
            group: known.and_then(|known| known.group),
            node: node.to_owned(),
            path,
        })
    }

    /// The PF and number of a VF.
    #[must_use]
    pub fn vf(&self, address: Address) -> Option<(&KnownPf, VfIndex)> {
        self.pfs.iter().find_map(|pf| {
            let (index, _) = pf.vfs.iter().find(|(_, vf)| **vf == address)?;
            Some((pf, *index))
        })
    }
}

impl KnownPf {
    fn is(&self, matching: &Matching) -> bool {
        fn same<T: PartialEq>(asked: Option<&T>, own: Option<&T>) -> bool {
            asked.is_none() || asked == own
        }
        let own = &self.names;
        same(matching.pci.as_ref(), own.pci.as_ref())
            && same(matching.netdev.as_ref(), own.netdev.as_ref())
            && same(matching.mac.as_ref(), own.mac.as_ref())
            && same(matching.driver.as_ref(), own.driver.as_ref())
            && same(matching.vendor.as_ref(), own.vendor.as_ref())
            && same(matching.device.as_ref(), own.device.as_ref())
            && same(matching.serial.as_ref(), own.serial.as_ref())
    }
}

fn known_pf(host: &Host, function: &Function, pf: &Pf) -> KnownPf {
    let netdev = host.netdevs_of(function.address).next();
    let serial =
        function.config.known().and_then(|config| match config.capabilities().serial_number() {
            Looked::Found(serial) => Some(serial.0),
            Looked::Absent | Looked::NotVisible(_) => None,
        });
    KnownPf {
        names: Matching {
            pci: Some(function.address),
            netdev: netdev.map(|netdev| netdev.name.clone()),
            mac: netdev.and_then(|netdev| netdev.permanent_mac.or(netdev.mac)),
            driver: function.driver.clone(),
            vendor: Some(function.ids.vendor),
            device: Some(function.ids.device),
            serial,
        },
        vfs: places(function.address, pf),
        now: u16::try_from(pf.vfs.len()).unwrap_or(u16::MAX),
        vf_device: pf.vf_device.known().copied(),
        vf_variant: pf.vf_variants.known().and_then(|all| all.first()).cloned(),
    }
}

/// Where VFs are, or would be by the kernel's own reckoning (PCI Express, 9.2.1.2).
fn places(pf: Address, known: &Pf) -> BTreeMap<VfIndex, Address> {
    let mut places = BTreeMap::new();
    if let (Some(offset), Some(stride)) = (known.vf_offset.known(), known.vf_stride.known()) {
        for index in 0..known.total_vfs {
            let step = index.checked_mul(*stride).and_then(|step| step.checked_add(*offset));
            let Some(id) = step.and_then(|step| pf.routing_id().checked_add(step)) else { break };
            places.insert(VfIndex(index), Address::from_routing_id(pf.domain(), id));
        }
    }
    places.extend(&known.vfs);
    places
}

impl KnownPf {
    /// Its permanent address.
    #[must_use]
    pub const fn mac(&self) -> Option<MacAddress> {
        self.names.mac
    }
}

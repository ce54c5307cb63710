//! `virtfn list`: the PFs, their VFs, and who uses what.

mod guests;
mod text;
mod tree;

use std::collections::BTreeMap;

use serde::Serialize;
use virtfn_host::{
    Function, Guests, Holder, Host, Netdev, Role, Seen, Unreadable, VfAdmin, VfId, VfIndex,
};
use virtfn_pci::Address;

use self::guests::ByFunction;
use crate::Document;
use crate::unseen::Unseen;

pub use self::guests::{ListedGuest, StaleGuest};

/// `virtfn.list/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct List {
    schema: &'static str,
    /// The functions, by address.
    pub functions: Vec<Listed>,
    /// What belongs here and could not be seen.
    pub unseen: Vec<Unseen>,
    /// Guests that run by a record and not in truth.
    pub stale_guests: Vec<StaleGuest>,
    /// Were functions listed that are neither PF nor VF?
    #[serde(skip)]
    which: Which,
    /// How many functions the host has.
    #[serde(skip)]
    of_all: usize,
}

impl Document for List {
    const SCHEMA: &'static str = "virtfn.list/1";
}

/// Which functions are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// PFs and VFs.
    Sriov,
    /// Every PCI function.
    All,
}

/// What a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It can make VFs.
    Pf,
    /// It is one.
    Vf,
    /// Neither.
    Function,
}

/// One function of the list.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Listed {
    /// Its full address.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub address: Address,
    /// What it is.
    pub kind: Kind,
    /// Vendor ID.
    pub vendor: u16,
    /// Device ID.
    pub device: u16,
    /// Class: base class, subclass, programming interface.
    pub class: u32,
    /// What people call it.
    pub name: String,
    /// The driver that has it.
    pub driver: Option<String>,
    /// Its IOMMU group.
    pub iommu_group: Option<u32>,
    /// The NUMA node that it hangs on.
    pub numa_node: Option<u32>,
    /// Its first network interface in this network namespace.
    pub netdev: Option<String>,
    /// Is that interface's link there? `null` without one, or where it is unknown.
    pub carrier: Option<bool>,
    /// Was that interface brought up?
    pub up: Option<bool>,
    /// The speed of its link.
    pub speed_mbps: Option<u32>,
    /// A VF's PF.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub pf: Option<Address>,
    /// A VF's number; `null` also for a VF that the kernel is removing.
    pub vf_index: Option<u16>,
    /// How many VFs a PF has.
    pub vfs: Option<usize>,
    /// How many VFs its driver allows.
    pub total_vfs: Option<u16>,
    /// Its MAC: a VF's administrative one where one is set, else its interface's.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub mac: Option<virtfn_host::MacAddress>,
    /// The VLAN that a VF is locked into; `null` for none.
    pub vlan: Option<u16>,
    /// Who uses it; `null` where that could not be seen.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<HolderShape>>"))]
    pub holders: Option<Vec<Holder>>,
    /// The virtual machines that have it, or are given it when they start; of a PF also those that
    /// get one of its VFs out of a pool. `null` where records of them could not be seen.
    pub guests: Option<Vec<ListedGuest>>,
    /// For whom a VF is, as the policy in /etc/virtfn says it.
    pub owner: Option<String>,
    /// Were a VF's settings seen?
    #[serde(skip)]
    settings: Settings,
}

/// How a holder is written.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(rename = "Holder")]
pub(crate) struct HolderShape {
    /// `process`, `unseen`, `netdev` or `netns`.
    #[expect(dead_code, reason = "it is the shape that counts")]
    kind: String,
    /// The process, interface or namespace.
    #[expect(dead_code, reason = "it is the shape that counts")]
    name: String,
    /// The process's number, where there is one.
    #[expect(dead_code, reason = "it is the shape that counts")]
    pid: Option<u32>,
    /// What it holds.
    #[expect(dead_code, reason = "it is the shape that counts")]
    through: String,
    /// The virtual machine that it is, where it is one with a name.
    #[expect(dead_code, reason = "it is the shape that counts")]
    vm: Option<String>,
    /// Who runs that: `libvirt`, `proxmox`, `qemu` by hand, or `other` VMMs by hand.
    #[expect(dead_code, reason = "it is the shape that counts")]
    manager: Option<String>,
}

/// What is known of a VF's settings on its PF's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settings {
    /// They were read.
    Seen,
    /// There are none: its PF is no network card with a driver of its own.
    None,
    /// They could not be read.
    Unseen,
}

impl List {
    /// The list of a host's functions.
    #[must_use]
    pub fn of(host: &Host, which: Which) -> Self {
        let netdevs = first_netdevs(host);
        let guests = host.guests.known().map(ByFunction::of);
        let wanted = |function: &&Function| which == Which::All || function.role != Role::Plain;
        let mut unseen = Vec::new();
        let functions = host
            .functions
            .values()
            .filter(wanted)
            .map(|function| {
                let netdev = netdevs.get(&function.address).copied();
                let listed = Listed::of(host, function, netdev, &mut unseen);
                Listed {
                    guests: guests.as_ref().and_then(|all| all.at(function.address)),
                    ..listed
                }
            })
            .collect();
        unseen.extend(unseen_settings(host));
        unseen.extend(
            unseen_guests(host).into_iter().flatten().map(|why| Unseen::new(None, "guests", why)),
        );
        let stale = host.guests.known().map(|guests| guests.stale.as_slice());
        let stale_guests = stale.unwrap_or_default().iter().map(StaleGuest::from).collect();
        let of_all = host.functions.len();
        Self { schema: Self::SCHEMA, functions, unseen, stale_guests, which, of_all }
    }

    /// The same list, with the name of whom each VF is for.
    #[must_use]
    pub fn with_owners(mut self, owners: &BTreeMap<Address, String>) -> Self {
        for function in &mut self.functions {
            function.owner = owners.get(&function.address).cloned();
        }
        self
    }

    /// The same list, of these functions alone.
    #[must_use]
    pub fn only(mut self, keep: impl Fn(Address) -> bool) -> Self {
        self.functions.retain(|function| keep(function.address));
        self.unseen.retain(|unseen| unseen.address.is_none_or(&keep));
        self
    }

    /// Could all of it be seen that matters to whoever owns a VF?
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unseen.is_empty()
    }
}

/// Each function's first interface, by one walk over all: a host may have thousands.
fn first_netdevs(host: &Host) -> BTreeMap<Address, &Netdev> {
    let mut first = BTreeMap::new();
    for netdev in host.netdevs.known().into_iter().flatten() {
        if let Some(function) = netdev.function {
            first.entry(function).or_insert(netdev);
        }
    }
    first
}

impl Listed {
    fn of(
        host: &Host,
        function: &Function,
        netdev: Option<&Netdev>,
        unseen: &mut Vec<Unseen>,
    ) -> Self {
        let (kind, pf, vf_index) = match &function.role {
            Role::Pf(_) => (Kind::Pf, None, None),
            Role::Vf(id) => (Kind::Vf, Some(id.pf), Some(id.index)),
            Role::Leaving { pf } => (Kind::Vf, Some(*pf), None),
            Role::Plain => (Kind::Function, None, None),
        };
        let (settings, admin) = settings_of(host, pf, vf_index);
        let admin_mac = admin.and_then(|admin| admin.mac).filter(|mac| !mac.is_zero());
        let sriov = function.pf();
        Self {
            address: function.address,
            kind,
            vendor: function.ids.vendor,
            device: function.ids.device,
            class: function.ids.class,
            name: host.names.of(function.ids.vendor, function.ids.device),
            driver: function.driver.clone(),
            iommu_group: function.iommu_group,
            numa_node: function.numa_node,
            netdev: function.netdevs.first().cloned(),
            carrier: netdev.and_then(|netdev| netdev.carrier),
            up: netdev.map(|netdev| netdev.up),
            speed_mbps: netdev.and_then(|netdev| netdev.speed_mbps),
            pf,
            vf_index: vf_index.map(|index| index.0),
            vfs: sriov.map(|pf| pf.vfs.len()),
            total_vfs: sriov.map(|pf| pf.total_vfs),
            mac: admin_mac.or_else(|| netdev.and_then(|netdev| netdev.mac)),
            vlan: admin.and_then(|admin| admin.vlan).map(|id| id.value()).filter(|id| *id != 0),
            holders: holders_of(function, unseen),
            guests: None,
            owner: None,
            settings,
        }
    }
}

fn holders_of(function: &Function, unseen: &mut Vec<Unseen>) -> Option<Vec<Holder>> {
    match &function.holders {
        Seen::Known(holders) => return Some(holders.clone()),
        Seen::Absent => {
            unseen.push(Unseen::unrecorded(function.address, "holders", "virtfn/open-nodes.json"));
        }
        Seen::Unreadable(why) => unseen.push(Unseen::new(Some(function.address), "holders", why)),
    }
    None
}

/// Which records of guests could not be seen, where there is a VF that they may be about.
fn unseen_guests(host: &Host) -> Option<Vec<&Unreadable>> {
    let has_vfs = host.pfs().any(|(_, pf)| !pf.vfs.is_empty());
    match &host.guests {
        _ if !has_vfs => None,
        Seen::Known(Guests { unseen, .. }) => Some(unseen.iter().collect()),
        Seen::Unreadable(why) => Some(vec![why]),
        // A recording from before they were recorded.
        Seen::Absent => None,
    }
}

/// The settings of one VF, as its PF's driver tells them.
fn settings_of(
    host: &Host,
    pf: Option<Address>,
    index: Option<VfIndex>,
) -> (Settings, Option<&VfAdmin>) {
    let function = pf.and_then(|pf| host.functions.get(&pf));
    let (Some(function), Some(index)) = (function, index) else {
        return (Settings::None, None);
    };
    let Some(sriov) = function.pf() else {
        return (Settings::None, None);
    };
    match &sriov.admin {
        Seen::Known(all) => match all.get(&index) {
            Some(admin) => (Settings::Seen, Some(admin)),
            None => (Settings::Unseen, None),
        },
        Seen::Absent if function.netdevs.is_empty() => (Settings::None, None),
        Seen::Absent | Seen::Unreadable(_) => (Settings::Unseen, None),
    }
}

/// The PFs whose VFs' settings could not be seen, each once.
fn unseen_settings(host: &Host) -> Vec<Unseen> {
    const WHAT: &str = "vf-settings";
    let mut unseen = Vec::new();
    for (function, pf) in host.pfs().filter(|(_, pf)| !pf.vfs.is_empty()) {
        match &pf.admin {
            Seen::Unreadable(why) => unseen.push(Unseen::new(Some(function.address), WHAT, why)),
            Seen::Absent if !function.netdevs.is_empty() => {
                let path = format!("virtfn/vfs-{}.json", function.address);
                unseen.push(Unseen::unrecorded(function.address, WHAT, &path));
            }
            Seen::Absent => {}
            Seen::Known(told) => {
                let silent = pf.vfs.iter().filter(|(index, _)| !told.contains_key(index));
                unseen.extend(silent.map(|(index, address)| {
                    Unseen::untold(*address, VfId { pf: function.address, index: *index })
                }));
            }
        }
    }
    unseen
}

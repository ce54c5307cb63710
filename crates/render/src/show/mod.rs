//! `virtfn show`: one function in full.

mod capability;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;
use virtfn_host::{Function, Holder, Host, Limits, Netdev, Resource, Role, Seen, VfAdmin, VfPort};
use virtfn_pci::{Address, Express, Found, Looked, Subsystem, Walk};

use crate::Document;
use crate::list::Kind;
use crate::unseen::Unseen;
use crate::words;

/// `virtfn.show/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Show {
    schema: &'static str,
    /// Its full address.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub address: Address,
    /// What it is.
    pub kind: Kind,
    /// What people call it.
    pub name: String,
    /// What libvirt calls it.
    pub libvirt_name: String,
    /// Vendor ID.
    pub vendor: u16,
    /// Device ID.
    pub device: u16,
    /// Class: base class, subclass, programming interface.
    pub class: u32,
    /// That class in words.
    pub class_name: &'static str,
    /// Who built the board; `null` where a bridge or a reader without privilege has none.
    #[cfg_attr(feature = "schema", schemars(with = "Option<SubsystemShape>"))]
    pub subsystem: Option<Subsystem>,
    /// Revision.
    pub revision: Option<u8>,
    /// The device's serial number.
    pub serial: Option<String>,
    /// The bridge above it; `null` on a root bus.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub parent: Option<Address>,
    /// The NUMA node that it hangs on.
    pub numa_node: Option<u32>,
    /// The driver that has it.
    pub driver: Option<String>,
    /// The driver that somebody ordered for it.
    pub driver_override: Option<String>,
    /// The modules that would drive it.
    pub modules: Option<Vec<String>>,
    /// How it can be reset, in the kernel's order.
    pub reset_methods: Option<Vec<String>>,
    /// Its IOMMU group.
    pub iommu_group: Option<u32>,
    /// All functions of that group, this one too.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub group_members: Vec<Address>,
    /// Has the kernel tied it to an IOMMU?
    pub behind_iommu: bool,
    /// The memory and ports that it has.
    pub resources: Option<Vec<Region>>,
    /// The link above it, as its own registers say; `null` for what has none.
    pub link: Option<Link>,
    /// Its capabilities, decoded.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<CapabilityShape>>"))]
    pub capabilities: Option<Vec<Found>>,
    /// What its capability lists have that no specification allows.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<serde_json::Value>"))]
    pub oddities: Vec<virtfn_pci::Oddity>,
    /// What makes a PF a PF.
    pub sriov: Option<Sriov>,
    /// A VF's PF.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub pf: Option<Address>,
    /// A VF's number.
    pub vf_index: Option<u16>,
    /// A VF's settings on its PF's side.
    #[cfg_attr(feature = "schema", schemars(with = "Option<SettingsShape>"))]
    pub settings: Option<VfAdmin>,
    /// The port that devlink has of it; `null` outside switchdev mode.
    #[cfg_attr(feature = "schema", schemars(with = "Option<PortShape>"))]
    pub port: Option<VfPort>,
    /// Its network interfaces in this network namespace.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<NetdevShape>"))]
    pub netdevs: Vec<Netdev>,
    /// Who uses it; `null` where that could not be seen.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<crate::list::HolderShape>>"))]
    pub holders: Option<Vec<Holder>>,
    /// What belongs here and could not be seen.
    pub unseen: Vec<Unseen>,
}

impl Document for Show {
    const SCHEMA: &'static str = "virtfn.show/1";
}

/// One range of memory or ports.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Region {
    /// `BAR 0`, `ROM`, `VF BAR 0` (of all VFs together), `window 0`.
    pub name: String,
    /// First address; 0 when the kernel has no place for it.
    pub start: u64,
    /// Bytes.
    pub size: u64,
    /// Is it wanted, and has no place?
    pub unset: bool,
    /// Ports rather than memory.
    pub io: bool,
    /// May be read ahead.
    pub prefetchable: bool,
}

/// A PCI Express link.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Link {
    /// How fast it runs.
    pub speed: String,
    /// How many lanes it has; 0 while it is down.
    pub width: u8,
    /// Fastest it can run.
    pub max_speed: String,
    /// Most lanes it can have.
    pub max_width: u8,
}

/// A PF's side of SR-IOV.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sriov {
    /// How many VFs its driver allows.
    pub total_vfs: u16,
    /// Its VFs.
    pub vfs: Vec<VfPlace>,
    /// Does the kernel look for a driver for new VFs?
    pub autoprobe: Option<bool>,
    /// How the card's switch works (`legacy`, `switchdev`); `null` where its driver knows no modes,
    /// or where that could not be seen.
    pub eswitch: Option<&'static str>,
    /// How many VFs its firmware offers from its next reset on; `null` where its driver does not say.
    pub firmware_vfs: Option<u32>,
    /// The groups in which its VFs share a rate, in Mbit/s; empty outside switchdev mode.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, LimitsShape>"))]
    pub rate_groups: BTreeMap<String, Limits>,
    /// The device ID of its VFs.
    pub vf_device: Option<u16>,
    /// The modules that would drive its VFs.
    pub vf_modules: Option<Vec<String>>,
    /// What made its VFs other than a write to `sriov_numvfs`, as far as that can be seen.
    pub made_by: Vec<Evidence>,
}

/// Where a VF is.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VfPlace {
    /// Its number.
    pub index: u16,
    /// Its address.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub address: Address,
}

/// A file and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Evidence {
    /// The file.
    pub path: String,
    /// What it says.
    pub value: String,
}

impl Show {
    /// All about one function of a host.
    #[must_use]
    pub fn of(host: &Host, function: &Function) -> Self {
        let walk = function.config.known().map(virtfn_pci::ConfigSpace::capabilities);
        let header = function.config.known().and_then(virtfn_pci::ConfigSpace::header);
        let (kind, pf) = match &function.role {
            Role::Pf(_) => (Kind::Pf, None),
            Role::Vf(id) => (Kind::Vf, Some(id.pf)),
            Role::Leaving { pf } => (Kind::Vf, Some(*pf)),
            Role::Plain => (Kind::Function, None),
        };
        let group = function.iommu_group.and_then(|id| host.groups.get(&id));
        Self {
            schema: Self::SCHEMA,
            address: function.address,
            kind,
            name: host.names.of(function.ids.vendor, function.ids.device),
            libvirt_name: function.address.libvirt_name(),
            vendor: function.ids.vendor,
            device: function.ids.device,
            class: function.ids.class,
            class_name: words::class(function.ids.class),
            subsystem: header.as_ref().and_then(|header| header.subsystem),
            revision: header.as_ref().map(|header| header.revision),
            serial: walk.as_ref().and_then(|walk| Some(walk.serial_number().found()?.to_string())),
            parent: function.parent,
            numa_node: function.numa_node,
            driver: function.driver.clone(),
            driver_override: function.driver_override.known().cloned(),
            modules: function.modules.known().cloned(),
            reset_methods: function.reset_methods.known().cloned(),
            iommu_group: function.iommu_group,
            group_members: group
                .map(|group| group.members.iter().copied().collect())
                .unwrap_or_default(),
            behind_iommu: function.behind_iommu,
            resources: function.resources.known().map(|all| regions(function, all)),
            link: walk.as_ref().and_then(|walk| walk.express().found()).and_then(link),
            oddities: walk.as_ref().map(|walk| walk.oddities.clone()).unwrap_or_default(),
            sriov: sriov(host, function),
            pf,
            vf_index: function.vf().map(|id| id.index.0),
            settings: settings(host, function),
            port: port(host, function).cloned(),
            netdevs: host
                .netdevs_of(function.address)
                .chain(host.representors_of(function.address))
                .cloned()
                .collect(),
            holders: function.holders.known().cloned(),
            unseen: unseen(host, function, walk.as_ref()),
            capabilities: walk.map(|walk| walk.found),
        }
    }

    /// Could all of it be seen?
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unseen.is_empty()
    }
}

fn link(express: &Express) -> Option<Link> {
    let link = express.link.as_ref()?;
    Some(Link {
        speed: link.speed.to_string(),
        width: link.width,
        max_speed: link.max_speed.to_string(),
        max_width: link.max_width,
    })
}

/// The kernel's `IORESOURCE_*` (include/linux/ioport.h).
const IORESOURCE_IO: u64 = 0x100;
const IORESOURCE_PREFETCH: u64 = 0x2000;

fn regions(function: &Function, all: &[Resource]) -> Vec<Region> {
    let region = |(number, resource): (usize, &Resource)| {
        let wanted = resource.size() > 0 || resource.is_unset();
        wanted.then(|| Region {
            name: region_name(function, number),
            start: resource.start,
            size: resource.size(),
            unset: resource.is_unset(),
            io: resource.flags & IORESOURCE_IO != 0,
            prefetchable: resource.flags & IORESOURCE_PREFETCH != 0,
        })
    };
    all.iter().enumerate().filter_map(region).collect()
}

/// Six BARs, the ROM, then (where the kernel has SR-IOV) six BARs of all VFs, then windows.
fn region_name(function: &Function, number: usize) -> String {
    match number {
        0..=5 => format!("BAR {number}"),
        6 => "ROM".into(),
        7..=12 if function.pf().is_some() => format!("VF BAR {}", number - 7),
        7..=12 => format!("window {}", number - 7),
        _ => format!("window {}", number - 13),
    }
}

fn settings(host: &Host, function: &Function) -> Option<VfAdmin> {
    let id = function.vf()?;
    let told = host.functions.get(&id.pf)?.pf()?.admin.known()?.get(&id.index)?.clone();
    let limits = port(host, function).and_then(|port| port.limits);
    Some(match limits {
        Some(limits) => VfAdmin { min_rate: Some(limits.min), max_rate: Some(limits.max), ..told },
        None => told,
    })
}

fn port<'a>(host: &'a Host, function: &Function) -> Option<&'a VfPort> {
    let id = function.vf()?;
    host.functions.get(&id.pf)?.pf()?.ports.known()?.vfs.get(&id.index)
}

fn sriov(host: &Host, function: &Function) -> Option<Sriov> {
    let pf = function.pf()?;
    let place = |(index, address): (&virtfn_host::VfIndex, &Address)| VfPlace {
        index: index.0,
        address: *address,
    };
    Some(Sriov {
        total_vfs: pf.total_vfs,
        vfs: pf.vfs.iter().map(place).collect(),
        autoprobe: pf.autoprobe.known().copied(),
        eswitch: pf.eswitch.known().map(|mode| mode.name()),
        firmware_vfs: pf.firmware.known().map(|firmware| firmware.total),
        rate_groups: pf.ports.known().map(|ports| ports.groups.clone()).unwrap_or_default(),
        vf_device: pf.vf_device.known().copied(),
        vf_modules: pf.vf_modules.known().cloned(),
        made_by: made_by(host, function),
    })
}

/// The old way: a module option made the VFs, and left traces.
fn made_by(host: &Host, function: &Function) -> Vec<Evidence> {
    if function.pf().is_none_or(|pf| pf.vfs.is_empty()) {
        return Vec::new();
    }
    let traces = virtfn_doctor::module_option_traces(host, function).into_iter();
    traces.map(|(path, value)| Evidence { path: crate::words::place(&path), value }).collect()
}

/// The settings of a VF, where its PF did not tell them: the kernel's list may be short
/// (`vf-list-truncated`), and a driver may skip a VF.
fn unseen_settings(host: &Host, function: &Function) -> Option<Unseen> {
    let id = function.vf()?;
    let owner = host.functions.get(&id.pf)?;
    match &owner.pf()?.admin {
        Seen::Known(told) => {
            (!told.contains_key(&id.index)).then(|| Unseen::untold(function.address, id))
        }
        Seen::Unreadable(why) => Some(Unseen::new(Some(function.address), "vf-settings", why)),
        Seen::Absent if owner.netdevs.is_empty() => None,
        Seen::Absent => {
            let path = format!("virtfn/vfs-{}.json", id.pf);
            Some(Unseen::unrecorded(function.address, "vf-settings", &path))
        }
    }
}

/// What could not be seen of one function.
fn unseen(host: &Host, function: &Function, walk: Option<&Walk>) -> Vec<Unseen> {
    let at = Some(function.address);
    let mut unseen = Vec::new();
    let mut note = |what, seen: Option<&virtfn_host::Unreadable>| {
        unseen.extend(seen.map(|seen| Unseen::new(at, what, seen)));
    };
    note("config", function.config.unreadable());
    note("driver_override", function.driver_override.unreadable());
    note("modules", function.modules.unreadable());
    note("resources", function.resources.unreadable());
    note("holders", function.holders.unreadable());
    unseen.extend(unseen_settings(host, function));
    if matches!(function.holders, Seen::Absent) {
        unseen.push(Unseen::unrecorded(function.address, "holders", "virtfn/open-nodes.json"));
    }
    if let Some(Looked::NotVisible(_)) = walk.map(|walk| walk.first(virtfn_pci::CapabilityId::ACS))
    {
        unseen.push(Unseen {
            address: at,
            what: "capabilities",
            path: "config".into(),
            why: "config space could not be read to its end (root can)".into(),
        });
    }
    unseen
}

#[cfg(feature = "schema")]
mod shape {
    #![expect(dead_code, reason = "these are shapes for the schema alone")]

    /// Subsystem vendor and device.
    #[derive(schemars::JsonSchema)]
    #[schemars(rename = "Subsystem")]
    pub(super) struct SubsystemShape {
        vendor: u16,
        device: u16,
    }

    /// A capability: more members, by its kind.
    #[derive(schemars::JsonSchema)]
    #[schemars(rename = "Capability")]
    pub(super) struct CapabilityShape {
        /// Which list, and the number there.
        id: serde_json::Value,
        /// Where its first byte is.
        offset: u16,
        /// Its version, where it has one.
        version: Option<u8>,
        /// What it says; `kind` says which members there are.
        body: serde_json::Value,
    }

    /// A VF's settings; `null`: its PF's driver does not say.
    #[derive(schemars::JsonSchema)]
    #[schemars(rename = "Settings")]
    pub(super) struct SettingsShape {
        mac: Option<String>,
        vlan: Option<u16>,
        qos: Option<u8>,
        proto: Option<String>,
        spoofchk: Option<String>,
        trust: Option<String>,
        link: Option<String>,
        min_rate: Option<u32>,
        max_rate: Option<u32>,
        query_rss: Option<String>,
    }

    /// What one sends, or a group together, in Mbit/s; `max` 0: no limit.
    #[derive(schemars::JsonSchema)]
    #[schemars(rename = "Limits")]
    pub(super) struct LimitsShape {
        min: u32,
        max: u32,
    }

    /// The port that devlink has of a VF in switchdev mode.
    #[derive(schemars::JsonSchema)]
    #[schemars(rename = "Port")]
    pub(super) struct PortShape {
        /// Its number on the device.
        index: u32,
        /// `on` or `off` by name: `roce`, `migratable`, `ipsec_crypto`, `ipsec_packet`; what the
        /// driver does not say is not there.
        capabilities: std::collections::BTreeMap<String, String>,
        max_io_eqs: Option<u32>,
        /// `null`: its driver has no rates for it.
        limits: Option<LimitsShape>,
        /// The group in which it shares a rate.
        group: Option<String>,
    }

    /// A network interface.
    #[derive(schemars::JsonSchema)]
    #[schemars(rename = "Netdev")]
    pub(super) struct NetdevShape {
        name: String,
        ifindex: u32,
        function: Option<String>,
        port: Option<String>,
        mac: Option<String>,
        permanent_mac: Option<String>,
        random_mac: Option<bool>,
        up: bool,
        carrier: Option<bool>,
        speed_mbps: Option<u32>,
        mtu: Option<u32>,
        master: Option<String>,
        addresses: Vec<serde_json::Value>,
    }
}
#[cfg(feature = "schema")]
use shape::{CapabilityShape, LimitsShape, NetdevShape, PortShape, SettingsShape, SubsystemShape};

//! What shall be: how many VFs a PF has, how each is set, which driver has it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use virtfn_pci::Address;

use crate::{
    EswitchMode, Function, Guid, Host, Limits, LinkState, MacAddress, Mbps, Mtu, Netdev, PageSize,
    Pf, PortPolicy, Qos, Seen, Switch, VfAdmin, VfId, VfIndex, VlanId, VlanProto,
};

/// What shall be on this machine. What it does not name stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The PFs, by address.
    pub pfs: BTreeMap<Address, PfPolicy>,
    /// Functions whose driver matters: whole devices, never VFs.
    pub devices: BTreeMap<Address, DevicePolicy>,
    /// The host beside its devices.
    pub host: HostPolicy,
}

/// What the host shall have ready beside its devices. What it does not name stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPolicy {
    /// How many huge pages of each size are reserved.
    pub hugepages: BTreeMap<PageSize, u64>,
    /// Modules that are loaded.
    pub modules: Vec<String>,
}

/// What shall be on one PF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PfPolicy {
    /// How many VFs.
    pub vfs: u16,
    /// Shall the kernel look for a driver for new VFs? `None`: as it is.
    pub autoprobe: Option<bool>,
    /// How the card's switch works. `None`: as it is.
    pub eswitch: Option<EswitchMode>,
    /// How many VFs the card's firmware offers from its next reset on. `None`: as it is.
    pub firmware_vfs: Option<u16>,
    /// The groups in which VFs share a rate, by name; `None`: there shall be none of this name. What
    /// is not named stays as it is.
    pub groups: BTreeMap<String, Option<Limits>>,
    /// VF by VF; a VF that is not named stays as it is.
    pub vf: BTreeMap<VfIndex, VfPolicy>,
}

/// How one VF shall be. `None` everywhere: as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VfPolicy {
    /// Its settings on the PF's side.
    pub admin: VfAdmin,
    /// Who drives it.
    pub driver: Option<DriverChoice>,
    /// How many MSI-X vectors it has; 0: as many as the device gives it by itself.
    pub msix: Option<u16>,
    /// The network interface that its driver makes of it.
    pub netdev: NetdevPolicy,
    /// Its port in devlink, where its card is in switchdev mode.
    #[serde(default)]
    pub port: PortPolicy,
}

/// How a network interface shall be. `None`: as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetdevPolicy {
    /// Its name.
    pub name: Option<String>,
    /// The largest packet it takes, in bytes.
    pub mtu: Option<Mtu>,
}

/// One change of a network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetdevChange {
    /// Another name.
    Name(String),
    /// Another size of its packets.
    Mtu(Mtu),
}

/// How a whole function shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DevicePolicy {
    /// Who drives it. `None`: as it is.
    pub driver: Option<DriverChoice>,
}

/// Who shall drive a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DriverChoice {
    /// Whichever driver the kernel picks by itself.
    Default,
    /// Nobody.
    None,
    /// This one, whatever its own list of devices says.
    Named(String),
}

/// One change of one VF's settings: what one netlink message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VfChange {
    /// The administrative MAC.
    Mac(MacAddress),
    /// The VLAN, its priority and its kind of tag, which the kernel takes together.
    Vlan {
        /// Its number; 0 for none.
        id: VlanId,
        /// The tags' priority.
        qos: Qos,
        /// The kind of tag.
        proto: VlanProto,
    },
    /// Spoof check.
    Spoofchk(Switch),
    /// Trust.
    Trust(Switch),
    /// What the link follows.
    Link(LinkState),
    /// Both rates, which the kernel takes together.
    Rate {
        /// Promised.
        min: Mbps,
        /// Not to be passed.
        max: Mbps,
    },
    /// May it read the PF's RSS table?
    QueryRss(Switch),
    /// The GUID of its InfiniBand node.
    NodeGuid(Guid),
    /// The GUID of its InfiniBand port.
    PortGuid(Guid),
}

impl Policy {
    /// What this machine has now, spelt out: nothing is to do to have it.
    #[must_use]
    pub fn of(host: &Host) -> Self {
        let pfs = host.pfs().map(|(function, pf)| (function.address, PfPolicy::of(host, pf)));
        Self { pfs: pfs.collect(), ..Self::default() }
    }

    /// The same, with `vfs` VFs on the PF at `pf`.
    #[must_use]
    pub fn with_vfs(mut self, pf: Address, vfs: u16) -> Self {
        if let Some(policy) = self.pfs.get_mut(&pf) {
            policy.vfs = vfs;
            policy.vf.retain(|index, _| index.0 < vfs);
        }
        self
    }

    /// The same, with one VF as `wanted`: what that leaves open stays.
    #[must_use]
    pub fn with_vf(mut self, vf: VfId, wanted: VfPolicy) -> Self {
        if let Some(policy) = self.pfs.get_mut(&vf.pf) {
            let now = policy.vf.entry(vf.index).or_default();
            now.admin = wanted.admin.or(&now.admin);
            now.driver = wanted.driver.or(now.driver.take());
            now.msix = wanted.msix.or(now.msix);
            now.netdev = wanted.netdev.or(&now.netdev);
            now.port = wanted.port.or(&now.port);
        }
        self
    }

    /// The same, with one whole function driven as `driver` says.
    #[must_use]
    pub fn with_device(mut self, device: Address, driver: DriverChoice) -> Self {
        self.devices.insert(device, DevicePolicy { driver: Some(driver) });
        self
    }
}

impl NetdevPolicy {
    /// This policy, and `other`'s where it says nothing.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self { name: self.name.clone().or_else(|| other.name.clone()), mtu: self.mtu.or(other.mtu) }
    }

    /// The changes that make it so, the name last: what comes before it may go by the old one.
    #[must_use]
    pub fn changes(&self) -> Vec<NetdevChange> {
        let mtu = self.mtu.map(NetdevChange::Mtu);
        mtu.into_iter().chain(self.name.clone().map(NetdevChange::Name)).collect()
    }
}

impl NetdevChange {
    /// The setting's name, as the policy file writes it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Name(_) => "netdev",
            Self::Mtu(_) => "mtu",
        }
    }

    /// What the interface has now, for people.
    #[must_use]
    pub fn value_in(&self, netdev: &Netdev) -> Option<String> {
        match self {
            Self::Name(_) => Some(netdev.name.clone()),
            Self::Mtu(_) => netdev.mtu.map(|mtu| mtu.to_string()),
        }
    }

    /// Does it already hold?
    #[must_use]
    pub fn holds_in(&self, netdev: &Netdev) -> bool {
        match self {
            Self::Name(name) => netdev.name == *name,
            Self::Mtu(mtu) => netdev.mtu == Some(mtu.value()),
        }
    }
}

impl std::fmt::Display for NetdevChange {
    /// The value alone.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Mtu(mtu) => mtu.fmt(f),
        }
    }
}

impl PfPolicy {
    /// The same, with the card's switch in this mode. Ports and groups of another mode go with it.
    #[must_use]
    pub fn with_eswitch(mut self, mode: EswitchMode) -> Self {
        if self.eswitch.replace(mode) != Some(mode) {
            self.groups.clear();
            for vf in self.vf.values_mut() {
                vf.port = PortPolicy::default();
            }
        }
        self
    }

    /// Is the card's switch in a mode in which VFs have ports?
    #[must_use]
    pub fn has_ports(&self) -> bool {
        self.eswitch.is_some_and(|mode| mode != EswitchMode::Legacy)
    }

    /// What one PF has now.
    pub(crate) fn of(host: &Host, pf: &Pf) -> Self {
        let ports = pf.ports.known();
        let vf_policy = |(index, address): (&VfIndex, &Address)| {
            let admin = pf.admin.known().and_then(|all| all.get(index)).cloned();
            let mut admin = admin.unwrap_or_default();
            let port = ports.and_then(|ports| ports.vfs.get(index));
            if let Some(limits) = port.and_then(|port| port.limits) {
                admin = VfAdmin { min_rate: Some(limits.min), max_rate: Some(limits.max), ..admin };
            }
            let port = port.map(PortPolicy::of).unwrap_or_default();
            let driver = host.functions.get(address).and_then(DriverChoice::of);
            (*index, VfPolicy { admin, driver, port, ..VfPolicy::default() })
        };
        let groups = ports.into_iter().flat_map(|ports| &ports.groups);
        Self {
            vfs: u16::try_from(pf.vfs.len()).unwrap_or(u16::MAX),
            autoprobe: pf.autoprobe.known().copied(),
            eswitch: pf.eswitch.known().copied(),
            firmware_vfs: pf
                .firmware
                .known()
                .filter(|firmware| firmware.enabled != Some(false))
                .and_then(|firmware| u16::try_from(firmware.total).ok()),
            groups: groups.map(|(name, limits)| (name.clone(), Some(*limits))).collect(),
            vf: pf.vfs.iter().map(vf_policy).collect(),
        }
    }
}

impl DriverChoice {
    /// The choice that gave a function the driver it has, as far as that can be seen.
    #[must_use]
    pub fn of(function: &Function) -> Option<Self> {
        match (&function.driver, &function.driver_override) {
            (None, _) => Some(Self::None),
            (Some(_), Seen::Unreadable(_)) => None,
            (Some(driver), Seen::Known(ordered)) if ordered == driver => {
                Some(Self::Named(driver.clone()))
            }
            (Some(_), Seen::Known(_) | Seen::Absent) => Some(Self::Default),
        }
    }
}

impl VfAdmin {
    /// These settings, and `other`'s where these say nothing.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self {
            mac: self.mac.or(other.mac),
            vlan: self.vlan.or(other.vlan),
            qos: self.qos.or(other.qos),
            proto: self.proto.or(other.proto),
            spoofchk: self.spoofchk.or(other.spoofchk),
            trust: self.trust.or(other.trust),
            link: self.link.or(other.link),
            min_rate: self.min_rate.or(other.min_rate),
            max_rate: self.max_rate.or(other.max_rate),
            query_rss: self.query_rss.or(other.query_rss),
            node_guid: self.node_guid.or(other.node_guid),
            port_guid: self.port_guid.or(other.port_guid),
        }
    }

    /// The changes that make `now` into these settings, in the order in which drivers want them:
    /// the MAC first, trust before what only a trusted VF may have.
    #[must_use]
    pub fn changes_from(&self, now: &Self) -> Vec<VfChange> {
        let mut changes = Vec::new();
        let mut add = |change: Option<VfChange>| changes.extend(change);
        add(differs(self.mac, now.mac).map(VfChange::Mac));
        add(self.vlan_change(now));
        add(differs(self.trust, now.trust).map(VfChange::Trust));
        add(differs(self.spoofchk, now.spoofchk).map(VfChange::Spoofchk));
        add(self.rate_change(now));
        add(differs(self.link, now.link).map(VfChange::Link));
        add(differs(self.query_rss, now.query_rss).map(VfChange::QueryRss));
        add(differs(self.node_guid, now.node_guid).map(VfChange::NodeGuid));
        add(differs(self.port_guid, now.port_guid).map(VfChange::PortGuid));
        changes
    }

    /// The settings that a VF has which nobody ever touched. Not every driver starts its VFs so
    /// (spoof check may start off): read-back tells.
    #[must_use]
    pub fn untouched() -> Self {
        Self {
            mac: Some(MacAddress::ZERO),
            vlan: Some(VlanId::default()),
            qos: Some(Qos::default()),
            proto: Some(VlanProto::Dot1Q),
            spoofchk: Some(Switch::On),
            trust: Some(Switch::Off),
            link: Some(LinkState::Auto),
            min_rate: Some(Mbps::default()),
            max_rate: Some(Mbps::default()),
            query_rss: Some(Switch::Off),
            node_guid: Some(Guid::ZERO),
            port_guid: Some(Guid::ZERO),
        }
    }

    fn vlan_change(&self, now: &Self) -> Option<VfChange> {
        let wanted = (self.vlan, self.qos, self.proto);
        differs(self.vlan, now.vlan).map(|_| ()).or(differs(self.qos, now.qos).map(|_| ())).or(
            // A driver that reports no kind of tag has the ordinary one.
            differs(self.proto, now.proto.or(Some(VlanProto::Dot1Q))).map(|_| ()),
        )?;
        Some(VfChange::Vlan {
            id: wanted.0.or(now.vlan).unwrap_or_default(),
            qos: wanted.1.or(now.qos).unwrap_or_default(),
            proto: wanted.2.or(now.proto).unwrap_or(VlanProto::Dot1Q),
        })
    }

    fn rate_change(&self, now: &Self) -> Option<VfChange> {
        let changed = differs(self.min_rate, now.min_rate).or(differs(self.max_rate, now.max_rate));
        changed.map(|_| VfChange::Rate {
            min: self.min_rate.or(now.min_rate).unwrap_or_default(),
            max: self.max_rate.or(now.max_rate).unwrap_or_default(),
        })
    }
}

fn differs<T: PartialEq + Copy>(wanted: Option<T>, now: Option<T>) -> Option<T> {
    wanted.filter(|_| wanted != now)
}

impl VfChange {
    /// Does this change already hold in `admin`?
    #[must_use]
    pub fn holds_in(&self, admin: &VfAdmin) -> bool {
        match *self {
            Self::Mac(mac) => admin.mac == Some(mac),
            Self::Vlan { id, qos, proto } => {
                admin.vlan == Some(id)
                    && admin.qos.unwrap_or_default() == qos
                    && (id.value() == 0 || admin.proto.unwrap_or(VlanProto::Dot1Q) == proto)
            }
            Self::Spoofchk(switch) => admin.spoofchk == Some(switch),
            Self::Trust(switch) => admin.trust == Some(switch),
            Self::Link(state) => admin.link == Some(state),
            Self::Rate { min, max } => {
                admin.min_rate.unwrap_or_default() == min
                    && admin.max_rate.unwrap_or_default() == max
            }
            Self::QueryRss(switch) => admin.query_rss == Some(switch),
            Self::NodeGuid(guid) => admin.node_guid == Some(guid),
            Self::PortGuid(guid) => admin.port_guid == Some(guid),
        }
    }

    /// The setting's name, as `ip link` and the policy file write it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Mac(_) => "mac",
            Self::Vlan { .. } => "vlan",
            Self::Spoofchk(_) => "spoofchk",
            Self::Trust(_) => "trust",
            Self::Link(_) => "link",
            Self::Rate { .. } => "rate",
            Self::QueryRss(_) => "query_rss",
            Self::NodeGuid(_) => "node_guid",
            Self::PortGuid(_) => "port_guid",
        }
    }

    /// The setting's value in `admin`, for people; `None` where the driver does not report it.
    #[must_use]
    pub fn value_in(&self, admin: &VfAdmin) -> Option<String> {
        match self {
            Self::Mac(_) => admin.mac.map(|mac| mac.to_string()),
            Self::Vlan { .. } => admin.vlan.map(|id| {
                vlan_text(
                    id,
                    admin.qos.unwrap_or_default(),
                    admin.proto.unwrap_or(VlanProto::Dot1Q),
                )
            }),
            Self::Spoofchk(_) => admin.spoofchk.map(|switch| switch.to_string()),
            Self::Trust(_) => admin.trust.map(|switch| switch.to_string()),
            Self::Link(_) => admin.link.map(|state| state.to_string()),
            Self::Rate { .. } => {
                admin.max_rate.map(|max| rate_text(admin.min_rate.unwrap_or_default(), max))
            }
            Self::QueryRss(_) => admin.query_rss.map(|switch| switch.to_string()),
            Self::NodeGuid(_) => admin.node_guid.map(|guid| guid.to_string()),
            Self::PortGuid(_) => admin.port_guid.map(|guid| guid.to_string()),
        }
    }
}

impl std::fmt::Display for VfChange {
    /// The value alone.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mac(mac) => mac.fmt(f),
            Self::Vlan { id, qos, proto } => f.write_str(&vlan_text(*id, *qos, *proto)),
            Self::Spoofchk(switch) | Self::Trust(switch) | Self::QueryRss(switch) => switch.fmt(f),
            Self::Link(state) => state.fmt(f),
            Self::Rate { min, max } => f.write_str(&rate_text(*min, *max)),
            Self::NodeGuid(guid) | Self::PortGuid(guid) => guid.fmt(f),
        }
    }
}

fn vlan_text(id: VlanId, qos: Qos, proto: VlanProto) -> String {
    let qos = if qos.value() == 0 { String::new() } else { format!(" qos {qos}") };
    let proto = if proto == VlanProto::Dot1Q { String::new() } else { format!(" proto {proto}") };
    format!("{id}{qos}{proto}")
}

pub(crate) fn rate_text(min: Mbps, max: Mbps) -> String {
    format!("min {min} max {max} Mbit/s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mac_comes_first_and_equal_settings_change_nothing() {
        let wanted = VfAdmin {
            mac: "52:54:00:6d:90:02".parse().ok(),
            vlan: VlanId::new(42),
            trust: Some(Switch::On),
            ..VfAdmin::default()
        };
        let changes = wanted.changes_from(&VfAdmin::untouched());
        let names: Vec<_> = changes.iter().map(VfChange::name).collect();
        assert_eq!(names, ["mac", "vlan", "trust"]);
        assert!(wanted.changes_from(&wanted).is_empty());
        let after = wanted.or(&VfAdmin::untouched());
        assert!(changes.iter().all(|change| change.holds_in(&after)));
    }

    #[test]
    fn a_vlan_change_keeps_the_priority_that_was_there() {
        let now = VfAdmin { vlan: VlanId::new(7), qos: Qos::new(3), ..VfAdmin::untouched() };
        let wanted = VfAdmin { vlan: VlanId::new(42), ..VfAdmin::default() };
        let changes = wanted.changes_from(&now);
        assert_eq!(changes[0].to_string(), "42 qos 3");
        assert_eq!(changes[0].value_in(&now).as_deref(), Some("7 qos 3"));
    }

    #[test]
    fn one_rate_alone_keeps_the_other() {
        let now = VfAdmin { max_rate: Some(Mbps::new(100).unwrap()), ..VfAdmin::untouched() };
        let wanted = VfAdmin { min_rate: Mbps::new(10), ..VfAdmin::default() };
        assert_eq!(wanted.changes_from(&now)[0].to_string(), "min 10 max 100 Mbit/s");
    }
}

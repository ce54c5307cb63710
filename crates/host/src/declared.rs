//! What a policy file says shall be, before it is known on which machine.

use std::collections::BTreeMap;

use virtfn_pci::Address;

use crate::{
    EswitchMode, HostPolicy, Limits, MacAddress, NetdevPolicy, PortPolicy, VfAdmin, VfIndex,
};

/// What files declare: each entry finds its device on the machine by what it matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// The PFs.
    pub pfs: Vec<DeclaredPf>,
    /// Whole functions whose driver matters.
    pub devices: Vec<DeclaredDevice>,
    /// What the host has ready beside its devices; each file may say its part.
    pub host: Vec<DeclaredHost>,
}

/// What the host has ready beside its devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeclaredHost {
    /// Where it stands.
    pub place: Place,
    /// The same, as a policy.
    pub policy: HostPolicy,
}

/// Where in which file something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}

/// A PF and its VFs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredPf {
    /// Where it stands.
    pub place: Place,
    /// Which PF is meant.
    pub matching: Matching,
    /// How many VFs it shall have.
    pub vfs: u16,
    /// Shall the kernel look for drivers of new VFs? `None`: as it is.
    pub autoprobe: Option<bool>,
    /// How the card's switch shall work. `None`: as it does.
    pub eswitch: Option<EswitchMode>,
    /// How many VFs the card's firmware shall offer from its next reset on. `None`: as many as it does.
    pub firmware_vfs: Option<u16>,
    /// The groups in which VFs share a rate, by name; `None`: there shall be none of this name.
    pub groups: BTreeMap<String, Option<Limits>>,
    /// What holds for every VF that says nothing else.
    pub defaults: VfWish,
    /// Where that stands.
    pub defaults_place: Place,
    /// Ranges of VFs in their order, none of which overlap.
    pub vf: Vec<DeclaredVfs>,
}

/// A range of VFs and what they shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredVfs {
    /// Where it stands.
    pub place: Place,
    /// The first.
    pub first: VfIndex,
    /// The last; the same for one alone.
    pub last: VfIndex,
    /// What they shall be.
    pub wish: VfWish,
}

/// What a VF shall be; `None` everywhere: as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VfWish {
    /// Its settings on the PF's side but for its address.
    pub admin: VfAdmin,
    /// Its address.
    pub mac: Option<MacWish>,
    /// Its driver.
    pub driver: Option<DriverWish>,
    /// How many MSI-X vectors it has; 0: as many as the device gives it by itself.
    pub msix: Option<u16>,
    /// The network interface that its driver makes of it on this host.
    pub netdev: NetdevPolicy,
    /// Its port in devlink.
    pub port: PortPolicy,
    /// For whom it is, in people's own words: nothing on the machine changes by it.
    pub owner: Option<String>,
}

/// An address, or the order to derive one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacWish {
    /// Derived from the PF's permanent address and the VF's number.
    Auto,
    /// This one.
    Given(MacAddress),
}

/// A driver, or how to choose one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriverWish {
    /// The kernel's choice.
    Default,
    /// Nobody.
    None,
    /// The VFIO driver that fits best: one made for the device, else `vfio-pci`.
    Vfio,
    /// This one.
    Named(String),
}

/// A function whose driver matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredDevice {
    /// Where it stands.
    pub place: Place,
    /// Which function is meant.
    pub matching: Matching,
    /// Who drives it.
    pub driver: DriverWish,
}

/// Which device is meant: all that is said must hold. Something always is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// Its address.
    pub pci: Option<Address>,
    /// The name of its network interface now.
    pub netdev: Option<String>,
    /// The permanent address of its network interface.
    pub mac: Option<MacAddress>,
    /// Its driver.
    pub driver: Option<String>,
    /// Its vendor.
    pub vendor: Option<u16>,
    /// Its device.
    pub device: Option<u16>,
    /// Its PCI Express serial number.
    pub serial: Option<u64>,
}

impl Matching {
    /// Does it name one device, as against a kind of which there may be more?
    #[must_use]
    pub const fn is_identity(&self) -> bool {
        self.pci.is_some() || self.netdev.is_some() || self.mac.is_some()
    }
}

impl std::fmt::Display for Matching {
    /// As it is written in the file: `pci 0000:0b:00.0, driver igb`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [
            self.pci.map(|pci| format!("pci {pci}")),
            self.netdev.as_ref().map(|name| format!("netdev {name}")),
            self.mac.map(|mac| format!("mac {mac}")),
            self.driver.as_ref().map(|driver| format!("driver {driver}")),
            self.vendor.map(|vendor| format!("vendor {vendor:04x}")),
            self.device.map(|device| format!("device {device:04x}")),
            self.serial.map(|serial| format!("serial {serial:016x}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

impl Declared {
    /// The same, as if it stood nowhere.
    #[must_use]
    pub fn without_places(mut self) -> Self {
        for pf in &mut self.pfs {
            *pf = pf.clone().without_places();
        }
        for device in &mut self.devices {
            device.place = Place::default();
        }
        for host in &mut self.host {
            host.place = Place::default();
        }
        self
    }
}

impl VfWish {
    /// What it says that only network devices have.
    #[must_use]
    pub fn of_networks(&self) -> Vec<&'static str> {
        let Self { admin, mac, driver: _, msix: _, netdev, port, owner: _ } = self;
        let said = [
            ("mac", mac.is_some() || admin.mac.is_some()),
            ("vlan", admin.vlan.is_some()),
            ("qos", admin.qos.is_some()),
            ("proto", admin.proto.is_some()),
            ("spoofchk", admin.spoofchk.is_some()),
            ("trust", admin.trust.is_some()),
            ("link", admin.link.is_some()),
            ("min_rate", admin.min_rate.is_some()),
            ("max_rate", admin.max_rate.is_some()),
            ("query_rss", admin.query_rss.is_some()),
            ("node_guid", admin.node_guid.is_some()),
            ("port_guid", admin.port_guid.is_some()),
            ("netdev", netdev.name.is_some()),
            ("mtu", netdev.mtu.is_some()),
        ];
        let said = said.into_iter().filter_map(|(name, said)| said.then_some(name));
        said.chain(port.said()).collect()
    }

    /// This wish, and `other`'s where it says nothing.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self {
            admin: self.admin.or(&other.admin),
            mac: self.mac.or(other.mac),
            driver: self.driver.clone().or_else(|| other.driver.clone()),
            msix: self.msix.or(other.msix),
            netdev: self.netdev.or(&other.netdev),
            port: self.port.or(&other.port),
            owner: self.owner.clone().or_else(|| other.owner.clone()),
        }
    }
}

impl DeclaredPf {
    /// The same, as if it stood nowhere.
    #[must_use]
    pub fn without_places(mut self) -> Self {
        self.place = Place::default();
        self.defaults_place = Place::default();
        for vfs in &mut self.vf {
            vfs.place = Place::default();
        }
        self
    }

    /// What one VF shall be: its own range before the defaults.
    #[must_use]
    pub fn wish(&self, index: VfIndex) -> VfWish {
        let after = self.vf.partition_point(|vfs| vfs.first <= index);
        let own = self.vf[..after].last().filter(|vfs| index <= vfs.last);
        own.map_or_else(|| self.defaults.clone(), |vfs| vfs.wish.or(&self.defaults))
    }
}

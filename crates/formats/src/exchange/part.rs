//! What a policy can say, piece by piece: what a format lacks is taken out here, and told.
//!
//! Everything that a policy holds is taken apart without `..`, so that whoever adds to it has to say
//! here which formats hold it.

use virtfn_host::{
    Capability, Declared, DeclaredDevice, DeclaredHost, DeclaredPf, DeclaredVfs, HostPolicy,
    Matching, NetdevPolicy, Place, PortPolicy, VfAdmin, VfWish,
};

use super::{Format, Lost};

/// A piece of a policy that a format may have a word for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// How many VFs.
    Vfs,
    /// Whether the kernel looks for drivers of new VFs.
    Autoprobe,
    /// How the card's switch works.
    Eswitch,
    /// How many VFs the card's firmware offers.
    FirmwareVfs,
    /// The groups in which VFs share a rate.
    RateGroups,
    /// A VF's address.
    Mac,
    /// Its VLAN.
    Vlan,
    /// The priority of its tags.
    Qos,
    /// Their kind.
    Proto,
    /// Spoof check.
    Spoofchk,
    /// Trust.
    Trust,
    /// What its link follows.
    Link,
    /// The promised rate.
    MinRate,
    /// The largest rate.
    MaxRate,
    /// Whether it may read the RSS table.
    QueryRss,
    /// Its driver.
    Driver,
    /// The GUID of its InfiniBand node.
    NodeGuid,
    /// The GUID of its InfiniBand port.
    PortGuid,
    /// How many interrupt vectors it has.
    Msix,
    /// The name of its interface on this host.
    Netdev,
    /// The MTU of that interface.
    Mtu,
    /// The group in which it shares a rate.
    RateGroup,
    /// Whether its function has RDMA over Ethernet.
    Roce,
    /// Whether its function can move to another host.
    Migratable,
    /// Whether its function has the card encrypt for IPsec.
    IpsecCrypto,
    /// Whether its function has the card do IPsec whole.
    IpsecPacket,
    /// How many event queues for I/O its function has.
    MaxIoEqs,
    /// For whom it is.
    Owner,
    /// Drivers of whole functions.
    Devices,
    /// Huge pages of the host.
    Hugepages,
    /// Modules that the host loads.
    Modules,
}

impl Part {
    /// Every piece.
    pub const ALL: [Self; 31] = [
        Self::Vfs,
        Self::Autoprobe,
        Self::Eswitch,
        Self::FirmwareVfs,
        Self::RateGroups,
        Self::Mac,
        Self::Vlan,
        Self::Qos,
        Self::Proto,
        Self::Spoofchk,
        Self::Trust,
        Self::Link,
        Self::MinRate,
        Self::MaxRate,
        Self::QueryRss,
        Self::Driver,
        Self::NodeGuid,
        Self::PortGuid,
        Self::Msix,
        Self::Netdev,
        Self::Mtu,
        Self::RateGroup,
        Self::Roce,
        Self::Migratable,
        Self::IpsecCrypto,
        Self::IpsecPacket,
        Self::MaxIoEqs,
        Self::Owner,
        Self::Devices,
        Self::Hugepages,
        Self::Modules,
    ];

    /// Its key in a policy file.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Vfs => "vfs",
            Self::Autoprobe => "autoprobe",
            Self::Eswitch => "eswitch",
            Self::FirmwareVfs => "firmware_vfs",
            Self::RateGroups => "rate_groups",
            Self::Mac => "mac",
            Self::Vlan => "vlan",
            Self::Qos => "qos",
            Self::Proto => "proto",
            Self::Spoofchk => "spoofchk",
            Self::Trust => "trust",
            Self::Link => "link",
            Self::MinRate => "min_rate",
            Self::MaxRate => "max_rate",
            Self::QueryRss => "query_rss",
            Self::Driver => "driver",
            Self::NodeGuid => "node_guid",
            Self::PortGuid => "port_guid",
            Self::Msix => "msix",
            Self::Netdev => "netdev",
            Self::Mtu => "mtu",
            Self::RateGroup => "rate_group",
            Self::Roce => Capability::Roce.name(),
            Self::Migratable => Capability::Migratable.name(),
            Self::IpsecCrypto => Capability::IpsecCrypto.name(),
            Self::IpsecPacket => Capability::IpsecPacket.name(),
            Self::MaxIoEqs => "max_io_eqs",
            Self::Owner => "owner",
            Self::Devices => "devices",
            Self::Hugepages => "hugepages",
            Self::Modules => "modules",
        }
    }
}

impl From<Capability> for Part {
    fn from(capability: Capability) -> Self {
        match capability {
            Capability::Roce => Self::Roce,
            Capability::Migratable => Self::Migratable,
            Capability::IpsecCrypto => Self::IpsecCrypto,
            Capability::IpsecPacket => Self::IpsecPacket,
        }
    }
}

/// By what a format names a PF; the first that is known is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The name of its network interface.
    Netdev,
    /// Its permanent address.
    Mac,
    /// Its PCI address.
    Pci,
    /// Its driver, and so every device of that driver.
    Driver,
    /// Its vendor and device, and so every device of that kind.
    Ids,
}

impl Key {
    /// Its key in a policy's `match`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Netdev => "netdev",
            Self::Mac => "mac",
            Self::Pci => "pci",
            Self::Driver => "driver",
            Self::Ids => "vendor and device",
        }
    }
}

/// The policy without what the format has no word for.
pub(super) fn held(declared: &Declared, format: &Format, lost: &mut Vec<Lost>) -> Declared {
    let mut held = Held { format, lost, place: Place::default(), of: String::new() };
    let Declared { pfs, devices, host } = declared;
    Declared {
        pfs: pfs.iter().map(|pf| held.pf(pf)).collect(),
        devices: devices.iter().filter_map(|device| held.device(device)).collect(),
        host: host.iter().map(|host| held.host(host)).collect(),
    }
}

struct Held<'a> {
    format: &'a Format,
    lost: &'a mut Vec<Lost>,
    place: Place,
    /// What is looked at, for a person.
    of: String,
}

impl Held<'_> {
    fn pf(&mut self, pf: &DeclaredPf) -> DeclaredPf {
        let DeclaredPf {
            place,
            matching,
            vfs,
            autoprobe,
            eswitch,
            firmware_vfs,
            groups,
            defaults,
            defaults_place,
            vf,
        } = pf;
        self.place = place.clone();
        self.of = matching.to_string();
        self.matching(matching);
        self.keep(Part::Vfs, Some(*vfs));
        DeclaredPf {
            place: place.clone(),
            matching: matching.clone(),
            // Writers need it to go through the VFs; those that hold no number write none.
            vfs: *vfs,
            autoprobe: self.keep(Part::Autoprobe, *autoprobe),
            eswitch: self.keep(Part::Eswitch, *eswitch),
            firmware_vfs: self.keep(Part::FirmwareVfs, *firmware_vfs),
            groups: self
                .keep(Part::RateGroups, (!groups.is_empty()).then(|| groups.clone()))
                .unwrap_or_default(),
            defaults: self.wish(defaults),
            defaults_place: defaults_place.clone(),
            vf: vf.iter().map(|range| self.range(range, &matching.to_string())).collect(),
        }
    }

    fn range(&mut self, range: &DeclaredVfs, pf: &str) -> DeclaredVfs {
        let DeclaredVfs { place, first, last, wish } = range;
        self.of = if first == last {
            format!("{pf}, VF {first}")
        } else {
            format!("{pf}, VFs {first} to {last}")
        };
        DeclaredVfs { place: place.clone(), first: *first, last: *last, wish: self.wish(wish) }
    }

    fn device(&mut self, device: &DeclaredDevice) -> Option<DeclaredDevice> {
        let DeclaredDevice { place, matching, driver } = device;
        self.place = place.clone();
        self.of = format!("device {matching}");
        self.keep(Part::Devices, Some(driver)).map(|_| device.clone())
    }

    fn host(&mut self, host: &DeclaredHost) -> DeclaredHost {
        let DeclaredHost { place, policy: HostPolicy { hugepages, modules } } = host;
        self.place = place.clone();
        self.of = "host".into();
        let hugepages = (!hugepages.is_empty()).then(|| hugepages.clone());
        let modules = (!modules.is_empty()).then(|| modules.clone());
        let policy = HostPolicy {
            hugepages: self.keep(Part::Hugepages, hugepages).unwrap_or_default(),
            modules: self.keep(Part::Modules, modules).unwrap_or_default(),
        };
        DeclaredHost { place: place.clone(), policy }
    }

    fn wish(&mut self, wish: &VfWish) -> VfWish {
        let VfWish { admin, mac, driver, msix, netdev, port, owner } = wish;
        let NetdevPolicy { name, mtu } = netdev;
        let PortPolicy { capabilities, max_io_eqs, group } = port;
        let VfAdmin {
            mac: own_mac,
            vlan,
            qos,
            proto,
            spoofchk,
            trust,
            link,
            min_rate,
            max_rate,
            query_rss,
            node_guid,
            port_guid,
        } = admin;
        VfWish {
            mac: self.keep(Part::Mac, *mac),
            driver: self.keep(Part::Driver, driver.clone()),
            admin: VfAdmin {
                mac: self.keep(Part::Mac, *own_mac),
                vlan: self.keep(Part::Vlan, *vlan),
                qos: self.keep(Part::Qos, *qos),
                proto: self.keep(Part::Proto, *proto),
                spoofchk: self.keep(Part::Spoofchk, *spoofchk),
                trust: self.keep(Part::Trust, *trust),
                link: self.keep(Part::Link, *link),
                min_rate: self.keep(Part::MinRate, *min_rate),
                max_rate: self.keep(Part::MaxRate, *max_rate),
                query_rss: self.keep(Part::QueryRss, *query_rss),
                node_guid: self.keep(Part::NodeGuid, *node_guid),
                port_guid: self.keep(Part::PortGuid, *port_guid),
            },
            msix: self.keep(Part::Msix, *msix),
            netdev: NetdevPolicy {
                name: self.keep(Part::Netdev, name.clone()),
                mtu: self.keep(Part::Mtu, *mtu),
            },
            port: PortPolicy {
                capabilities: capabilities
                    .iter()
                    .filter_map(|(one, switch)| {
                        Some((*one, self.keep((*one).into(), Some(*switch))?))
                    })
                    .collect(),
                max_io_eqs: self.keep(Part::MaxIoEqs, *max_io_eqs),
                group: self.keep(Part::RateGroup, group.clone()),
            },
            owner: self.keep(Part::Owner, owner.clone()),
        }
    }

    /// What is said of a device and the format cannot say of it: the device may be found by less.
    fn matching(&mut self, matching: &Matching) {
        let Matching { pci, netdev, mac, driver, vendor, device, serial } = matching;
        let said = [
            (pci.is_some(), Some(Key::Pci), "pci"),
            (netdev.is_some(), Some(Key::Netdev), "netdev"),
            (mac.is_some(), Some(Key::Mac), "mac"),
            (driver.is_some(), Some(Key::Driver), "driver"),
            (vendor.is_some(), Some(Key::Ids), "vendor"),
            (device.is_some(), Some(Key::Ids), "device"),
            (serial.is_some(), None, "serial"),
        ];
        for (_, _, word) in said.iter().filter(|(said, key, _)| {
            *said && key.is_none_or(|key| !self.format.keys.contains(&key))
        }) {
            let what = format!("{}: `match` by {word}: {} has no word for it", self.of, {
                self.format.name
            });
            self.lost.push(Lost::at(&self.place, what));
        }
    }

    fn keep<T>(&mut self, part: Part, said: Option<T>) -> Option<T> {
        if said.is_none() || self.format.holds.contains(&part) {
            return said;
        }
        let what =
            format!("{}: `{}`: {} has no word for it", self.of, part.key(), self.format.name);
        self.lost.push(Lost::at(&self.place, what));
        None
    }
}

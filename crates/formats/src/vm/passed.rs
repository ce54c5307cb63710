//! A device of the host as a guest is given it: libvirt's `<interface>` or `<hostdev>`.

use virtfn_host::{MacAddress, Switch, VlanId};
use virtfn_pci::Address;

use super::element::{Element, address};

/// A device of the host as a guest is given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// As what, and which.
    pub way: Way,
    /// Does libvirt bind it for VFIO, and give it back to its driver afterwards? Of a device out of a
    /// pool, the pool says so, and this is `false`.
    pub managed: bool,
    /// The driver that libvirt shall use, where it is said. Without, it is VFIO's.
    pub driver: Option<Driver>,
    /// The pair for migration that it belongs to.
    pub teaming: Option<Teaming>,
    /// Its place in the order of what the guest boots from, from 1.
    pub boot_order: Option<u32>,
    /// Its ROM, where something is said of it.
    pub rom: Option<Rom>,
    /// The name that it has in the domain: libvirt gives one while the domain runs, people may with
    /// `ua-` in front.
    pub alias: Option<String>,
    /// Where the guest sees it.
    pub guest: Option<GuestAddress>,
    /// Elements that mean nothing here, as they were written: libvirt gets them as they are.
    pub others: Vec<String>,
}

/// As what a device is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// `<interface type='hostdev'>`, `<interface type='network'>`: a VF of a NIC, of which libvirt
    /// sets address and VLAN.
    Interface(Interface),
    /// `<hostdev>`: any function, as it is.
    Hostdev(Address),
}

/// A VF of a NIC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Which VF.
    pub source: Source,
    /// The address that it shall have. Without, libvirt makes one up.
    pub mac: Option<MacAddress>,
    /// Its VLAN. Without, libvirt clears the one that the VF has (`virHostdevNetConfigReplace`:
    /// no tag is VLAN 0), and puts it back when the guest gives the VF back.
    pub vlan: Option<VlanId>,
    /// The profile that its switch shall apply by 802.1Qbh; no VLAN goes with one.
    pub profile: Option<String>,
}

/// Where a VF comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// This one.
    Vf(Address),
    /// Any free one of the pool that this network of libvirt's is.
    Network(String),
}

/// What drives the device on the host while the guest has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Driver {
    /// The VFIO driver made for it, as `mlx5_vfio_pci` (libvirt 10.0 and newer).
    pub model: Option<String>,
}

/// One of the two of a failover pair: both have the same MAC, and the guest uses the transient one
/// while it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Teaming {
    /// The one that leaves for a migration.
    Transient {
        /// The alias of the virtio interface that stays.
        persistent: String,
    },
    /// The virtio interface that stays.
    Persistent,
}

/// What the guest sees of the device's ROM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rom {
    /// Nothing, whatever the device has.
    Disabled,
    /// The device's own, or this file.
    Shown {
        /// Whether its BAR is shown.
        bar: Option<Switch>,
        /// The file.
        file: Option<String>,
    },
}

/// Where the guest sees a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestAddress {
    /// There.
    Pci {
        /// In the guest, where the bus is a controller's index.
        address: Address,
        /// Whether functions beside it are used.
        multifunction: Option<Switch>,
    },
    /// Nowhere: the host keeps it away from its own drivers for the guest's sake.
    Unassigned,
}

impl Passed {
    /// A function as a guest is given it, bound and given back by libvirt, and nothing said of it.
    #[must_use]
    pub const fn new(way: Way) -> Self {
        let managed = match &way {
            Way::Interface(Interface { source: Source::Network(_), .. }) => false,
            Way::Interface(_) | Way::Hostdev(_) => true,
        };
        Self {
            way,
            managed,
            driver: None,
            teaming: None,
            boot_order: None,
            rom: None,
            alias: None,
            guest: None,
            others: Vec::new(),
        }
    }

    /// A VF of a NIC, with nothing said of its address and VLAN.
    #[must_use]
    pub const fn interface(vf: Address) -> Self {
        Self::new(Way::Interface(Interface {
            source: Source::Vf(vf),
            mac: None,
            vlan: None,
            profile: None,
        }))
    }

    /// Any function, as it is.
    #[must_use]
    pub const fn hostdev(function: Address) -> Self {
        Self::new(Way::Hostdev(function))
    }

    /// The function of the host, unless a pool is to choose one.
    #[must_use]
    pub const fn host_address(&self) -> Option<Address> {
        match &self.way {
            Way::Hostdev(address) => Some(*address),
            Way::Interface(Interface { source: Source::Vf(address), .. }) => Some(*address),
            Way::Interface(Interface { source: Source::Network(_), .. }) => None,
        }
    }

    /// The network out of whose pool it comes.
    #[must_use]
    pub fn network(&self) -> Option<&str> {
        match &self.way {
            Way::Interface(Interface { source: Source::Network(name), .. }) => Some(name),
            Way::Interface(_) | Way::Hostdev(_) => None,
        }
    }

    /// Address, VLAN and profile, of a VF that is given as an interface.
    #[must_use]
    pub const fn as_interface(&self) -> Option<&Interface> {
        match &self.way {
            Way::Interface(interface) => Some(interface),
            Way::Hostdev(_) => None,
        }
    }

    /// Where the guest sees it.
    #[must_use]
    pub const fn guest_address(&self) -> Option<Address> {
        match self.guest {
            Some(GuestAddress::Pci { address, .. }) => Some(address),
            Some(GuestAddress::Unassigned) | None => None,
        }
    }

    /// The XML for `virsh attach-device` and the like, in the order and form of libvirt's own
    /// (src/conf/domain_conf.c: `virDomainNetDefFormat`, `virDomainHostdevDefFormat`).
    #[must_use]
    pub fn xml(&self) -> String {
        self.element().to_string()
    }

    /// The same, to be put into something larger.
    #[must_use]
    pub fn element(&self) -> Element {
        let device = match &self.way {
            Way::Interface(interface) => self.interface_element(interface),
            Way::Hostdev(source) => self.hostdev_element(*source),
        };
        self.others.iter().fold(device, |device, other| device.verbatim(other))
    }

    fn interface_element(&self, interface: &Interface) -> Element {
        let (kind, source) = match &interface.source {
            Source::Vf(vf) => ("hostdev", Element::new("source").child(address(*vf, Some("pci")))),
            Source::Network(name) => ("network", Element::new("source").attribute("network", name)),
        };
        let mac = interface.mac.map(|mac| Element::new("mac").attribute("address", mac));
        Element::new("interface")
            .attribute("type", kind)
            .attribute_if("managed", self.managed.then_some("yes"))
            .children(mac)
            .children(self.driver_element())
            .child(source)
            .children(interface.vlan.map(vlan))
            .children(interface.profile.as_deref().map(virtualport))
            .children(self.teaming_element())
            .children(self.info())
    }

    fn hostdev_element(&self, source: Address) -> Element {
        Element::new("hostdev")
            .attribute("mode", "subsystem")
            .attribute("type", "pci")
            .attribute("managed", if self.managed { "yes" } else { "no" })
            .children(self.driver_element())
            .child(Element::new("source").child(address(source, None)))
            .children(self.teaming_element())
            .children(self.info())
    }

    fn driver_element(&self) -> Option<Element> {
        let driver = self.driver.as_ref()?;
        let element = Element::new("driver").attribute("name", "vfio");
        Some(element.attribute_if("model", driver.model.as_ref()))
    }

    fn teaming_element(&self) -> Option<Element> {
        let element = Element::new("teaming");
        Some(match self.teaming.as_ref()? {
            Teaming::Transient { persistent } => {
                element.attribute("type", "transient").attribute("persistent", persistent)
            }
            Teaming::Persistent => element.attribute("type", "persistent"),
        })
    }

    /// What every device of a domain may have, in the order of `virDomainDeviceInfoFormat`.
    fn info(&self) -> impl Iterator<Item = Element> {
        let boot = self.boot_order.map(|order| Element::new("boot").attribute("order", order));
        let alias = self.alias.as_ref().map(|name| Element::new("alias").attribute("name", name));
        let guest = self.guest.map(|guest| match guest {
            GuestAddress::Pci { address: at, multifunction } => {
                address(at, Some("pci")).attribute_if("multifunction", multifunction)
            }
            GuestAddress::Unassigned => Element::new("address").attribute("type", "unassigned"),
        });
        [boot, alias, self.rom.as_ref().map(rom), guest].into_iter().flatten()
    }
}

fn vlan(id: VlanId) -> Element {
    Element::new("vlan").child(Element::new("tag").attribute("id", id))
}

fn virtualport(profile: &str) -> Element {
    let parameters = Element::new("parameters").attribute("profileid", profile);
    Element::new("virtualport").attribute("type", "802.1Qbh").child(parameters)
}

fn rom(rom: &Rom) -> Element {
    let element = Element::new("rom");
    match rom {
        Rom::Disabled => element.attribute("enabled", "no"),
        Rom::Shown { bar, file } => {
            element.attribute_if("bar", *bar).attribute_if("file", file.as_ref())
        }
    }
}

//! A link's attributes, as far as virtfn reads them.

use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkFlags, LinkMessage};
use virtfn_host::MacAddress;
use virtfn_pci::Address;

/// What the kernel shall leave out of, or put into, its answer (`RTEXT_FILTER_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The link alone.
    Link,
    /// With its VFs' settings, without their counters: a list with counters is cut sooner.
    Vfs,
}

impl Filter {
    pub(crate) fn attribute(self) -> LinkAttribute {
        let mask = match self {
            Self::Link => vec![LinkExtentMask::SkipStats],
            Self::Vfs => vec![LinkExtentMask::Vf, LinkExtentMask::SkipStats],
        };
        LinkAttribute::ExtMask(mask)
    }
}

/// One link, as the kernel told it.
#[derive(Clone, Debug, Default)]
pub struct RawLink {
    /// Its number.
    pub ifindex: u32,
    /// Its name.
    pub name: String,
    /// The PCI function below it (`IFLA_PARENT_DEV_NAME`, since Linux 5.14).
    pub function: Option<Address>,
    /// Was it brought up?
    pub up: bool,
    /// The name of its port (`IFLA_PHYS_PORT_NAME`).
    pub port: Option<String>,
    /// Its address.
    pub mac: Option<MacAddress>,
    /// The address it was made with.
    pub permanent_mac: Option<MacAddress>,
    /// Has it a link partner?
    pub carrier: Option<bool>,
    /// Largest packet.
    pub mtu: Option<u32>,
    /// Its master's number.
    pub master: Option<u32>,
}

impl From<LinkMessage> for RawLink {
    fn from(message: LinkMessage) -> Self {
        let mut link = Self {
            ifindex: message.header.index,
            up: message.header.flags.contains(LinkFlags::Up),
            ..Self::default()
        };
        for attribute in message.attributes {
            link.take(attribute);
        }
        link
    }
}

impl RawLink {
    fn take(&mut self, attribute: LinkAttribute) {
        match attribute {
            LinkAttribute::IfName(name) => self.name = name,
            LinkAttribute::PhysPortName(name) => self.port = Some(name),
            LinkAttribute::Address(bytes) => self.mac = mac(&bytes),
            LinkAttribute::PermAddress(bytes) => self.permanent_mac = mac(&bytes),
            LinkAttribute::Carrier(carrier) => self.carrier = Some(carrier != 0),
            LinkAttribute::Mtu(mtu) => self.mtu = Some(mtu),
            LinkAttribute::Controller(master) => self.master = Some(master),
            LinkAttribute::ParentDevName(name) => self.function = name.parse().ok(),
            _ => {}
        }
    }
}

/// An Ethernet address; links of other kinds have longer or shorter ones.
fn mac(bytes: &[u8]) -> Option<MacAddress> {
    bytes.try_into().ok().map(MacAddress::new)
}

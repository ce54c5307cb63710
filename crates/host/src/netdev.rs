//! Network interfaces, as far as they belong to PCI functions.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use virtfn_pci::Address;

use crate::MacAddress;

/// A network interface of this network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Netdev {
    /// Its name now; names move, addresses do not.
    pub name: String,
    /// The kernel's number for it.
    pub ifindex: u32,
    /// The function it belongs to.
    pub function: Option<Address>,
    /// Its address now.
    pub mac: Option<MacAddress>,
    /// The address it was made with.
    pub permanent_mac: Option<MacAddress>,
    /// Was its address made up at random by the driver (`addr_assign_type` 1)?
    pub random_mac: Option<bool>,
    /// Was it brought up (`IFF_UP`)?
    pub up: bool,
    /// Has it a link partner? Unknown while it is down.
    pub carrier: Option<bool>,
    /// The link's speed while it has one.
    pub speed_mbps: Option<u32>,
    /// Largest packet.
    pub mtu: Option<u32>,
    /// The bridge, bond or other master it is enslaved to.
    pub master: Option<String>,
    /// Its IP addresses; link-local ones are left out, since the kernel gives those by itself.
    pub addresses: Vec<IpNet>,
}

/// An IP address with the length of its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IpNet {
    /// The address.
    pub address: IpAddr,
    /// Bits of the prefix.
    pub prefix: u8,
}

impl std::fmt::Display for IpNet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

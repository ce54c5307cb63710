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
    /// The name of its port on a card with a switch (`phys_port_name`), as `p0` or `pf0vf3`.
    #[serde(default)]
    pub port: Option<String>,
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

impl Netdev {
    /// Is it the representor of a VF, a subfunction or a PF at the card's switch, and no interface of the function itself?
    #[must_use]
    pub fn is_representor(&self) -> bool {
        self.port.as_deref().is_some_and(is_representor)
    }
}

/// Does an interface of this port name (`phys_port_name`) stand for a function at the card's switch,
/// as `pf0vf3`, `c1pf0sf88` and `pf0` do, and not for the card's own port, as `p0` and `p0s1`?
///
/// The names are those of `__devlink_port_phys_port_name_get` (net/devlink/port.c).
#[must_use]
pub fn is_representor(port: &str) -> bool {
    let of_controller = |rest: &'_ str| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        rest[digits..].starts_with("pf")
    };
    port.starts_with("pf") || port.strip_prefix('c').is_some_and(of_controller)
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

#[cfg(test)]
mod tests {
    use super::is_representor;

    #[test]
    fn functions_at_a_switch_are_told_from_its_ports() {
        assert!(
            ["pf0vf3", "c1pf0vf3", "pf0sf88", "c12pf0sf1", "pf1"].into_iter().all(is_representor)
        );
        assert!(!["p0", "p1s3", "n0", "c1p0", "eth0", "", "c"].into_iter().any(is_representor));
    }
}

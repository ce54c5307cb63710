//! libvirt's pools: networks that give a guest any free VF of a PF.

use virtfn_pci::Address;

use super::element::{Element, address};

/// A network of libvirt's whose interfaces are VFs.
///
/// Whoever takes an interface of it gets the first VF that is free by the order of the list. libvirt
/// wants one PF a pool, and refuses bandwidth for it (`virNetworkForwardDefParseXML`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Does libvirt bind the VFs for VFIO, and give them back?
    pub managed: bool,
    /// Which VFs.
    pub of: PoolOf,
}

/// The VFs of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PoolOf {
    /// All of the PF with this network interface, as many as there are when one is asked for.
    Pf(String),
    /// These, where the PF has no network interface or not all shall be given.
    Vfs(Vec<Address>),
}

impl Pool {
    /// The XML for `virsh net-define`.
    #[must_use]
    pub fn xml(&self) -> String {
        let forward = Element::new("forward")
            .attribute("mode", "hostdev")
            .attribute_if("managed", self.managed.then_some("yes"));
        let forward = match &self.of {
            PoolOf::Pf(netdev) => forward.child(Element::new("pf").attribute("dev", netdev)),
            PoolOf::Vfs(vfs) => forward.children(vfs.iter().map(|vf| address(*vf, Some("pci")))),
        };
        let name = Element::new("name").text(&self.name);
        Element::new("network").child(name).child(forward).to_string()
    }
}

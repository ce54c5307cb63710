//! A libvirt network that gives out VFs: `<forward mode='hostdev'>` in
//! `/etc/libvirt/qemu/networks/NAME.xml`, or in the status of a running one below
//! `/run/libvirt/network`.

use std::collections::BTreeSet;

use virtfn_pci::Address;

use super::libvirt::address;
use super::{MAX_DEVICES, name};
use crate::xml::{Tag, tags, unescaped};

/// A pool of functions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// The network interface of the PF whose VFs it gives out.
    pub pf: Option<String>,
    /// The functions that it gives out, where it names them.
    pub devices: BTreeSet<Address>,
}

/// The pool, if the text is a network that is one.
#[must_use]
pub fn network(text: &str) -> Option<Network> {
    let mut found = Network::default();
    let mut gives_out = false;
    let mut open: Vec<Tag<'_>> = Vec::new();
    // What stands deeper than this is not looked for.
    const MAX_DEPTH: usize = 16;
    for tag in tags(text) {
        if let Some(closed) = tag.name.strip_prefix('/') {
            let at = open.iter().rposition(|one| one.name == closed);
            open.truncate(at.unwrap_or(open.len()));
            continue;
        }
        let parent = open.last().map(|parent| parent.name);
        match (parent, tag.name) {
            (Some("network"), "name") => found.name = name(&unescaped(tag.text)),
            (Some("network"), "forward") => gives_out |= tag.attribute("mode") == Some("hostdev"),
            (Some("forward"), "pf") => {
                found.pf = tag.attribute("dev").map(|dev| name(&unescaped(dev)));
            }
            (Some("forward"), "address") if found.devices.len() < MAX_DEVICES => {
                found.devices.extend(address(&tag));
            }
            _ => {}
        }
        if !tag.is_empty && open.len() < MAX_DEPTH {
            open.push(tag);
        }
    }
    (gives_out && !found.name.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_told_from_other_networks() {
        let by_pf = "<network><name>vfpool</name><forward mode='hostdev' managed='yes'>\
                     <pf dev='eth0'/></forward></network>";
        let pool = network(by_pf).unwrap();
        assert_eq!((pool.name.as_str(), pool.pf.as_deref()), ("vfpool", Some("eth0")));
        let running = "<networkstatus><class_id bitmap='0-2'/><network><name>v</name>\
                       <forward mode='hostdev' managed='yes'><driver name='vfio'/>\
                       <address type='pci' domain='0x0000' bus='0x0b' slot='0x10' function='0x0'/>\
                       </forward></network></networkstatus>";
        let pool = network(running).unwrap();
        assert_eq!(pool.devices.first().map(ToString::to_string).unwrap(), "0000:0b:10.0");
        let nat =
            "<network><name>default</name><forward mode='nat'/><ip address='10.0.0.1'/></network>";
        for text in [nat, "", "<forward mode='hostdev'>", "<network><forward mode='hostdev'/>"] {
            assert_eq!(network(text), None, "{text}");
        }
    }
}

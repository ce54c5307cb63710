//! The PCI buses of a guest, and whether one more device can be plugged in while it runs.

use std::collections::{BTreeMap, BTreeSet};

use roxmltree::Node;

use super::document::{Xml, child};
use super::domain::Domain;

/// A guest's PCI buses and what is on them. A bus has the number of the controller that makes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// The controllers, by number.
    controllers: BTreeMap<u32, Controller>,
    /// The slots that are taken, by bus.
    taken: BTreeMap<u32, BTreeSet<u8>>,
    /// Is there a device that libvirt has yet to give an address?
    unplaced: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Controller {
    model: String,
    can_hotplug: bool,
}

/// Whether one more device can be plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    /// So many can.
    Free(usize),
    /// None can before the guest gets this controller, which takes effect at its next start.
    None {
        /// What to add to the domain's devices.
        add: String,
    },
    /// It is not to be told from the domain: no PCI, or devices without an address yet.
    Unknown,
}

/// Buses of PCI Express take one device each below a port, and none that is plugged at the root.
const ONE_SLOT: [&str; 2] = ["pcie-root-port", "pcie-switch-downstream-port"];
/// Buses of PCI take 31: slot 0 is the bridge's own.
const MANY_SLOTS: [&str; 3] = ["pci-root", "pci-bridge", "pcie-to-pci-bridge"];
const SLOTS: usize = 31;

/// Where one more device could be plugged in while the domain runs.
///
/// q35, and every machine with a `pcie-root`: a root port (or a switch's downstream port) on whose
/// bus nothing is. i440fx: slots of `pci.0` and of bridges that nothing has; slot 1 is the chipset's.
#[must_use]
pub fn free_port(domain: &Domain) -> Room {
    let ports = &domain.ports;
    let express = ports.controllers.values().any(|one| one.model == "pcie-root");
    let parallel = ports.controllers.values().any(|one| one.model == "pci-root");
    if ports.unplaced || express == parallel {
        return Room::Unknown;
    }
    let free: usize =
        ports.controllers.iter().map(|(bus, controller)| ports.free_on(*bus, controller)).sum();
    match (free, express) {
        (0, true) => Room::None { add: "<controller type='pci' model='pcie-root-port'/>".into() },
        (0, false) => Room::None { add: "<controller type='pci' model='pci-bridge'/>".into() },
        (free, _) => Room::Free(free),
    }
}

impl Ports {
    /// Notes a device of a domain: a controller, and the slot that it has.
    pub(super) fn read(&mut self, xml: &Xml<'_>, device: Node<'_, '_>) {
        let is_controller = device.has_tag_name("controller");
        if is_controller && device.attribute("type") == Some("pci") {
            self.read_controller(device);
        }
        let Some(address) = child(device, "address") else {
            self.unplaced |= is_placed_by_libvirt(device);
            return;
        };
        if address.attribute("type") == Some("pci") {
            match xml.address(address) {
                Ok(at) => {
                    self.taken.entry(at.bus().into()).or_default().insert(at.device());
                }
                Err(_) => self.unplaced = true,
            }
        }
    }

    fn read_controller(&mut self, device: Node<'_, '_>) {
        let number = device.attribute("index").and_then(|number| number.parse().ok());
        let (Some(number), Some(model)) = (number, device.attribute("model")) else { return };
        let target = child(device, "target");
        let can_hotplug = target.and_then(|one| one.attribute("hotplug")) != Some("off");
        self.controllers.insert(number, Controller { model: model.to_owned(), can_hotplug });
    }

    fn free_on(&self, bus: u32, controller: &Controller) -> usize {
        let taken = self.taken.get(&bus);
        let model = controller.model.as_str();
        if !controller.can_hotplug {
            0
        } else if ONE_SLOT.contains(&model) {
            usize::from(taken.is_none_or(BTreeSet::is_empty))
        } else if MANY_SLOTS.contains(&model) {
            let chipset = (model == "pci-root").then_some(1);
            let mut taken = taken.cloned().unwrap_or_default();
            taken.extend(chipset);
            taken.remove(&0);
            SLOTS.saturating_sub(taken.len())
        } else {
            0
        }
    }
}

/// Devices of which libvirt puts every one on a PCI bus, and says where once the domain is defined.
fn is_placed_by_libvirt(device: Node<'_, '_>) -> bool {
    match device.tag_name().name() {
        "interface" | "sound" | "video" => true,
        "hostdev" => device.attribute("type") == Some("pci"),
        "disk" => child(device, "target").and_then(|one| one.attribute("bus")) == Some("virtio"),
        _ => false,
    }
}

#[cfg(test)]
mod tests;

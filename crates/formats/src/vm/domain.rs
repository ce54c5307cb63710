//! A guest of libvirt's, as far as a device that it is given needs it.

use roxmltree::Node;
use virtfn_host::MacAddress;
use virtfn_pci::Address;

use super::document::{Xml, child, elements, text_of};
use super::passed::{Passed, Teaming};
use super::ports::Ports;
use super::read;
use crate::fault::Fault;

/// A domain, running or defined: what `virsh dumpxml` prints of it, with or without `--inactive`.
///
/// Of a running one, libvirt shows a VF that came out of a pool as `type='hostdev'` with its address,
/// and no longer says which network it came from; of a defined one it shows the network alone
/// (`virDomainNetDefFormat`, the actual and the configured device).
///
/// Lost: all else. Nothing is ever written from this: a domain's XML stays libvirt's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// What it is told from others by.
    pub uuid: Option<String>,
    /// Its number while it runs.
    pub id: Option<u32>,
    /// What runs it: `kvm`, `qemu`.
    pub kind: String,
    /// Its processor's architecture (`x86_64`).
    pub arch: String,
    /// Its machine (`pc-q35-7.2`).
    pub machine: String,
    /// All memory that it can have.
    pub memory_bytes: u64,
    /// The limit of what it may take of the host's memory, where one is set.
    pub hard_limit_bytes: Option<u64>,
    /// Is all its memory to be locked?
    pub locked: bool,
    /// Has it an IOMMU of its own?
    pub viommu: bool,
    /// The functions of the host that it has.
    pub passed: Vec<Passed>,
    /// Its other network interfaces.
    pub nics: Vec<Nic>,
    /// Devices of the host that it has and that could not be read.
    pub unread: Vec<Fault>,
    /// Its PCI buses and what is on them.
    pub ports: Ports,
}

/// A network interface that is none of the host's functions, or may become one: of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nic {
    /// What it hangs on: `network`, `bridge`, `direct`, `user`, …
    pub kind: String,
    /// The network: if that is a pool, the interface is a VF while the domain runs.
    pub network: Option<String>,
    /// Its address.
    pub mac: Option<MacAddress>,
    /// Its model (`virtio`).
    pub model: Option<String>,
    /// Its name in the domain.
    pub alias: Option<String>,
    /// The failover pair that it belongs to.
    pub teaming: Option<Teaming>,
}

impl Domain {
    /// Reads a domain.
    ///
    /// # Errors
    /// When it is not well-formed, or no domain at all. What is in it and not understood is no fault;
    /// a device of the host that is not is in [`Domain::unread`].
    pub fn read(text: &str) -> Result<Self, Fault> {
        let xml = Xml::parse(text)?;
        let root = xml.document.root_element();
        if !root.has_tag_name("domain") {
            let name = root.tag_name().name();
            return Err(xml.fault_of(root, format!("<{name}>, and a domain is meant")));
        }
        let name = text_of(root, "name").filter(|name| !name.is_empty());
        let Some(name) = name else {
            return Err(xml.fault_of(root, "a domain without a name"));
        };
        let machine = child(root, "os").and_then(|os| child(os, "type"));
        let attribute = |node: Option<Node<'_, '_>>, name: &str| {
            node.and_then(|node| node.attribute(name)).unwrap_or_default().to_owned()
        };
        let limit = child(root, "memtune").and_then(|tune| child(tune, "hard_limit"));
        let mut domain = Self {
            name: name.to_owned(),
            uuid: text_of(root, "uuid").map(str::to_owned),
            id: root.attribute("id").and_then(|id| id.parse().ok()),
            kind: attribute(Some(root), "type"),
            arch: attribute(machine, "arch"),
            machine: attribute(machine, "machine"),
            memory_bytes: memory(root),
            hard_limit_bytes: limit.and_then(bytes),
            locked: child(root, "memoryBacking").is_some_and(|one| child(one, "locked").is_some()),
            ..Self::default()
        };
        for device in child(root, "devices").into_iter().flat_map(elements) {
            domain.read_device(&xml, device);
        }
        Ok(domain)
    }

    fn read_device(&mut self, xml: &Xml<'_>, device: Node<'_, '_>) {
        self.ports.read(xml, device);
        let kind = device.attribute("type");
        let is_given = match device.tag_name().name() {
            "iommu" => {
                self.viommu = true;
                return;
            }
            "interface" if kind != Some("hostdev") => {
                self.nics.push(nic(device));
                return;
            }
            "interface" => true,
            "hostdev" => kind == Some("pci"),
            _ => false,
        };
        if is_given {
            match read::read(xml, device) {
                Ok(passed) => self.passed.push(passed),
                Err(fault) => self.unread.push(fault),
            }
        }
    }

    /// The function of the host that it has, if it has this one.
    #[must_use]
    pub fn device(&self, address: Address) -> Option<&Passed> {
        self.passed.iter().find(|passed| passed.host_address() == Some(address))
    }

    /// The networks that its interfaces are on: any of them may be a pool.
    pub fn networks(&self) -> impl Iterator<Item = &str> {
        self.nics.iter().filter_map(|nic| nic.network.as_deref())
    }
}

fn nic(device: Node<'_, '_>) -> Nic {
    let in_child = |element: &str, name: &str| child(device, element)?.attribute(name);
    let teaming = match in_child("teaming", "type") {
        Some("persistent") => Some(Teaming::Persistent),
        Some("transient") => in_child("teaming", "persistent")
            .map(|persistent| Teaming::Transient { persistent: persistent.to_owned() }),
        _ => None,
    };
    Nic {
        kind: device.attribute("type").unwrap_or_default().to_owned(),
        network: in_child("source", "network").map(str::to_owned),
        mac: in_child("mac", "address").and_then(|mac| mac.parse().ok()),
        model: in_child("model", "type").map(str::to_owned),
        alias: in_child("alias", "name").map(str::to_owned),
        teaming,
    }
}

/// `<memory>` is all of it, plugged memory too.
fn memory(root: Node<'_, '_>) -> u64 {
    child(root, "memory").and_then(bytes).unwrap_or(0)
}

/// A size with its unit (`virScaleInteger`): KiB where none is given, powers of 1000 with a B behind
/// them, powers of 1024 without and with iB.
fn bytes(node: Node<'_, '_>) -> Option<u64> {
    let number: u64 = node.text()?.trim().parse().ok()?;
    let unit = node.attribute("unit").unwrap_or("KiB").to_ascii_lowercase();
    let unit = unit.trim();
    if matches!(unit, "b" | "byte" | "bytes") {
        return Some(number);
    }
    let mut letters = unit.chars();
    let power = "kmgtpe".find(letters.next()?)? + 1;
    let base: u64 = match letters.as_str() {
        "" | "ib" => 1024,
        "b" => 1000,
        _ => return None,
    };
    number.checked_mul(base.checked_pow(u32::try_from(power).ok()?)?)
}

#[cfg(test)]
mod tests;

//! Proxmox VE's mappings of PCI devices: `/etc/pve/mapping/pci.cfg`.

use virtfn_host::{Declared, DriverWish, Matching, VfWish};
use virtfn_pci::Address;

use super::draft::Drafts;
use super::resolve::places;
use super::{Exported, Format, Key, Part, Terms, slug};
use crate::vm::proxmox::{Mapped, mapping_section};
use crate::{File, numbered};

pub(super) const FORMAT: Format = Format {
    name: "proxmox",
    about: "Proxmox VE's mappings of PCI devices",
    owner: None,
    places: &[("etc/pve/mapping", "pci.cfg", "pci.cfg")],
    holds: &[Part::Driver, Part::Devices],
    keys: &[Key::Pci],
    remarks: &[
        "A mapping gives out devices that somebody else made: VFs and how many there are is taken from the machine.",
        "Proxmox binds a mapped device for VFIO when a guest starts: it is read as `driver: vfio`, and VFs that shall have other drivers are not mapped.",
        "It checks a device's IDs and group, so both have to be known: from the machine, and only there.",
    ],
    since: &[],
    read,
    write,
};

fn read(files: &[File<'_>], terms: &Terms<'_>, drafts: &mut Drafts) {
    for file in files {
        for (line, text) in numbered(file.text) {
            let Some(map) = text.trim().strip_prefix("map ") else { continue };
            let value = |key: &str| {
                map.split(',').find_map(|pair| pair.trim().strip_prefix(key)?.strip_prefix('='))
            };
            let node = terms.machine.and_then(|machine| machine.node.as_deref());
            if let (Some(node), Some(other)) =
                (node, value("node").filter(|one| Some(*one) != node))
            {
                drafts.lose(file.path, line, format!("a device of node {other}: this is {node}"));
                continue;
            }
            for path in value("path").unwrap_or_default().split(';') {
                read_path((file.path, line), path, terms, drafts);
            }
        }
    }
}

fn read_path(at: (&str, u32), path: &str, terms: &Terms<'_>, drafts: &mut Drafts) {
    match path.parse::<Address>() {
        Ok(address) => {
            let matching = Matching { pci: Some(address), ..Matching::default() };
            drafts.driver(at, matching, DriverWish::Vfio, terms);
        }
        Err(_) if format!("{path}.0").parse::<Address>().is_ok() => {
            drafts.lose(
                at.0,
                at.1,
                format!("{path}: all functions of a device: a policy names each"),
            );
        }
        Err(_) => drafts.fault(at.0, at.1, "no path of a PCI device"),
    }
}

fn write(declared: &Declared, terms: &Terms<'_>, exported: &mut Exported) {
    let mut text = String::new();
    for pf in &declared.pfs {
        // Where some are said to be for VFIO, those are; else all that nobody else shall have.
        let some = pf.vf.iter().any(|vfs| vfs.wish.driver.as_ref().is_some_and(is_vfio));
        let free = |wish: VfWish| wish.driver.map_or(!some, |driver| is_vfio(&driver));
        let all = places(pf, terms, exported).into_iter();
        let vfs: Vec<Address> =
            all.filter(|(index, _)| free(pf.wish(*index))).map(|(_, address)| address).collect();
        let known = terms.machine.and_then(|machine| machine.meant(&pf.matching).next());
        let ids = known.and_then(|pf| Some((pf.names.vendor?, pf.vf_device?)));
        let name = known.and_then(|pf| pf.names.netdev.clone().or(Some(pf.names.pci?.to_string())));
        let maps = mapped(&vfs, ids, terms);
        if maps.is_empty() {
            exported.lose(&pf.place, format!("{}: not written: IDs of its VFs and the node's name are known on the machine alone", pf.matching));
            continue;
        }
        text += &mapping_section(&format!("virtfn-{}", slug(&name.unwrap_or_default())), &maps);
    }
    for device in &declared.devices {
        let by_vfio = is_vfio(&device.driver);
        let maps = device.matching.pci.map(|pci| (pci, mapped(&[pci], None, terms)));
        match maps.filter(|(_, maps)| by_vfio && !maps.is_empty()) {
            Some((pci, maps)) => {
                text += &mapping_section(&format!("virtfn-{}", slug(&pci.to_string())), &maps);
            }
            None => exported.lose(
                &device.place,
                format!(
                    "device {}: not written: it is not for VFIO, or not known here",
                    device.matching
                ),
            ),
        }
    }
    if !text.is_empty() {
        exported.file("etc/pve/mapping/pci.cfg", text);
    }
}

fn is_vfio(driver: &DriverWish) -> bool {
    match driver {
        DriverWish::Vfio => true,
        DriverWish::Named(name) => virtfn_host::is_vfio_driver(name),
        DriverWish::Default | DriverWish::None => false,
    }
}

/// The devices that are known; `ids` where they do not exist yet.
fn mapped(devices: &[Address], ids: Option<(u16, u16)>, terms: &Terms<'_>) -> Vec<Mapped> {
    let named = terms.machine.and_then(|machine| Some((machine, machine.node.as_deref()?)));
    let Some((machine, node)) = named else { return Vec::new() };
    devices.iter().filter_map(|device| machine.mapped(*device, node, ids)).collect()
}

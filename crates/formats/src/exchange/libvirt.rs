//! libvirt's networks of VFs: `<forward mode='hostdev'>`.

use virtfn_host::{Declared, Matching};
use virtfn_pci::Address;

use super::draft::Drafts;
use super::resolve::places;
use super::{Exported, Format, Key, Terms, slug};
use crate::File;
use crate::vm::{self, Pool, PoolOf};
use crate::xml::{Tag, tags};

pub(super) const FORMAT: Format = Format {
    name: "libvirt",
    about: "libvirt's networks that give out VFs",
    owner: None,
    places: &[("etc/libvirt/qemu/networks", "", ".xml")],
    holds: &[],
    keys: &[Key::Netdev, Key::Pci],
    remarks: &[
        "A network gives out VFs that somebody else made: how many there are is taken from the machine.",
        "libvirt sets address and VLAN of a VF when a guest takes it; a VLAN of the network is told as lost.",
        "An export lets libvirt bind the VFs (managed='yes').",
    ],
    since: &[],
    read,
    write,
};

/// Deeper documents are none of libvirt's.
const MAX_DEPTH: usize = 64;

fn read(files: &[File<'_>], terms: &Terms<'_>, drafts: &mut Drafts) {
    for file in files.iter().filter(|file| file.text.contains("<network")) {
        let mut open: Vec<Tag<'_>> = Vec::new();
        for tag in tags(file.text) {
            if let Some(closed) = tag.name.strip_prefix('/') {
                let at = open.iter().rposition(|one| one.name == closed);
                open.truncate(at.unwrap_or(open.len()));
                continue;
            }
            let forward = open.last().filter(|one| one.name == "forward");
            if forward.is_some_and(|one| one.attribute("mode") == Some("hostdev")) {
                read_forward((file.path, tag.line), &tag, terms, drafts);
            }
            if tag.name == "vlan" && open.len() == 1 {
                drafts.lose(
                    file.path,
                    tag.line,
                    "the network's VLAN: libvirt sets it when a guest takes a VF",
                );
            }
            if !tag.is_empty {
                if open.len() >= MAX_DEPTH {
                    drafts.fault(file.path, tag.line, "too deep to be a network");
                    break;
                }
                open.push(tag);
            }
        }
    }
}

fn read_forward(at: (&str, u32), tag: &Tag<'_>, terms: &Terms<'_>, drafts: &mut Drafts) {
    match tag.name {
        "pf" => match tag.attribute("dev") {
            Some(dev) => {
                let matching = Matching { netdev: Some(dev.to_owned()), ..Matching::default() };
                drafts.pf(at.0, at.1, matching);
            }
            None => drafts.fault(at.0, at.1, "<pf> without dev"),
        },
        "address" => match address(tag) {
            Some(address) => drop(drafts.vf(at, address, terms)),
            None => drafts.fault(at.0, at.1, "no PCI address"),
        },
        _ => {}
    }
}

fn address(tag: &Tag<'_>) -> Option<Address> {
    let part = |name: &str| vm::number(tag.attribute(name)?);
    let (bus, slot) = (u8::try_from(part("bus")?).ok()?, u8::try_from(part("slot")?).ok()?);
    let function = u8::try_from(part("function")?).ok()?;
    Address::new(part("domain").unwrap_or(0), bus, slot, function)
}

fn write(declared: &Declared, terms: &Terms<'_>, exported: &mut Exported) {
    for pf in &declared.pfs {
        let (name, of) = match (&pf.matching.netdev, pf.matching.pci) {
            (Some(netdev), _) => (netdev.clone(), PoolOf::Pf(netdev.clone())),
            (None, Some(pci)) => {
                let vfs: Vec<_> =
                    places(pf, terms, exported).into_iter().map(|(_, vf)| vf).collect();
                if vfs.is_empty() {
                    continue;
                }
                (pci.to_string(), PoolOf::Vfs(vfs))
            }
            (None, None) => {
                let why = "not written: a network names its PF by interface, or VFs by address";
                exported.lose(&pf.place, format!("{}: {why}", pf.matching));
                continue;
            }
        };
        let name = format!("virtfn-{}", slug(&name));
        let path = format!("etc/libvirt/qemu/networks/{name}.xml");
        exported.file(path, Pool { name, managed: true, of }.xml());
    }
}

//! sysfsutils' `sysfs.conf`: attributes of sysfs that are written at boot.

use virtfn_host::{Declared, Matching, Owner};
use virtfn_pci::Address;

use super::draft::Drafts;
use super::{Exported, Format, Key, Part, Terms};
use crate::{File, numbered};

pub(super) const FORMAT: Format = Format {
    name: "sysfs.conf",
    about: "sysfsutils: attributes of sysfs, written at boot",
    owner: Some(Owner::Sysfsutils),
    places: &[],
    holds: &[Part::Vfs, Part::Autoprobe],
    keys: &[Key::Pci, Key::Netdev],
    remarks: &["Nothing orders it before guests that start by themselves."],
    since: &[],
    read,
    write,
};

fn read(files: &[File<'_>], _: &Terms<'_>, drafts: &mut Drafts) {
    for file in files {
        for (line, text) in numbered(file.text) {
            let text = text.split('#').next().unwrap_or_default();
            let Some((path, value)) = text.split_once('=') else { continue };
            let Some((folder, attribute)) = path.trim().rsplit_once('/') else { continue };
            if !attribute.starts_with("sriov_") {
                continue;
            }
            let Some(matching) = device(folder) else {
                drafts.fault(file.path, line, format!("{folder} is no PCI device's folder"));
                continue;
            };
            set((file.path, line), matching, attribute, value.trim(), drafts);
        }
    }
}

/// The PF that a folder of sysfs is about.
pub(super) fn device(folder: &str) -> Option<Matching> {
    let mut parts = folder.split('/').rev().filter(|part| !part.is_empty());
    let last = parts.next()?;
    if last == "device" {
        let name = parts.next().filter(|name| !name.contains(['$', '*', '`']))?;
        return Some(Matching { netdev: Some(name.to_owned()), ..Matching::default() });
    }
    let pci = last.parse::<Address>().ok()?;
    Some(Matching { pci: Some(pci), ..Matching::default() })
}

/// One attribute of a PF. A zero before another number is how numbers are changed by hand.
pub(super) fn set(
    (path, line): (&str, u32),
    matching: Matching,
    attribute: &str,
    value: &str,
    drafts: &mut Drafts,
) {
    match (attribute, value.parse::<u16>()) {
        ("sriov_numvfs", Ok(vfs)) => {
            let draft = drafts.pf(path, line, matching);
            draft.vfs = Some(vfs);
            draft.place.line = line;
        }
        ("sriov_drivers_autoprobe", Ok(on @ 0..=1)) => {
            drafts.pf(path, line, matching).autoprobe = Some(on == 1);
        }
        ("sriov_numvfs" | "sriov_drivers_autoprobe", _) => {
            drafts.fault(path, line, format!("{attribute}: `{}` is no number", clip(value)));
        }
        _ => drafts.lose(path, line, attribute),
    }
}

pub(super) fn clip(text: &str) -> String {
    text.chars().take(64).collect()
}

fn write(declared: &Declared, _: &Terms<'_>, exported: &mut Exported) {
    let mut text = String::new();
    for pf in &declared.pfs {
        let folder = match (pf.matching.pci, &pf.matching.netdev) {
            (Some(pci), _) => format!("bus/pci/devices/{pci}"),
            (None, Some(netdev)) => format!("class/net/{netdev}/device"),
            (None, None) => {
                let why = "not written: neither its address nor its interface is known";
                exported.lose(&pf.place, format!("{}: {why}", pf.matching));
                continue;
            }
        };
        if let Some(on) = pf.autoprobe {
            text += &format!("{folder}/sriov_drivers_autoprobe = {}\n", u8::from(on));
        }
        text += &format!("{folder}/sriov_numvfs = {}\n", pf.vfs);
    }
    if !text.is_empty() {
        exported.file("etc/sysfs.d/virtfn-sriov.conf", text);
    }
}

//! modprobe's `options`: `max_vfs` of drivers that still have it, and `ids` of vfio-pci.

use virtfn_host::{Declared, DriverWish, Matching, Owner};

use super::draft::Drafts;
use super::{Exported, Format, Key, Part, Terms};
use crate::{File, numbered};

pub(super) const FORMAT: Format = Format {
    name: "modprobe",
    about: "module options: max_vfs, and the ids of vfio-pci",
    owner: Some(Owner::Modprobe),
    places: &[],
    holds: &[Part::Vfs, Part::Devices],
    keys: &[Key::Driver, Key::Ids],
    remarks: &[
        "An option is for every device of the driver; of Linux's own drivers igb alone still has max_vfs.",
        "A list (max_vfs=4,0) gives cards their numbers in the order in which they are found: which is which cannot be told.",
        "ids= gives vfio-pci every device of a kind, VFs that are made later among them.",
    ],
    since: &[],
    read,
    write,
};

fn read(files: &[File<'_>], terms: &Terms<'_>, drafts: &mut Drafts) {
    for file in files {
        for (line, text) in numbered(file.text) {
            let mut words = text.split_whitespace();
            let (Some("options"), Some(module)) = (words.next(), words.next()) else { continue };
            for option in words {
                match option.split_once('=') {
                    Some(("max_vfs", value)) => vfs((file.path, line), module, value, drafts),
                    Some(("ids", value)) if module.replace('-', "_") == "vfio_pci" => {
                        for id in value.trim_matches('"').split(',') {
                            ids((file.path, line), id, terms, drafts);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

fn vfs((path, line): (&str, u32), module: &str, value: &str, drafts: &mut Drafts) {
    if let Ok(vfs) = value.parse::<u16>() {
        let matching = Matching { driver: Some(module.to_owned()), ..Matching::default() };
        drafts.pf(path, line, matching).vfs = Some(vfs);
    } else if value.contains(',') {
        let why = "a number for each card in the order in which they are found: which is which cannot be told";
        drafts.lose(path, line, format!("max_vfs={value}: {why}"));
    } else {
        drafts.fault(path, line, "max_vfs is no number of VFs");
    }
}

fn ids((path, line): (&str, u32), id: &str, terms: &Terms<'_>, drafts: &mut Drafts) {
    let mut parts = id.split(':').map(|part| u16::from_str_radix(part, 16));
    let (Some(Ok(vendor)), Some(Ok(device))) = (parts.next(), parts.next()) else {
        return drafts.fault(path, line, "ids= is no list of vendor:device");
    };
    if parts.next().is_some() {
        drafts.lose(path, line, format!("ids={id}: the subsystem and class"));
    }
    let matching = Matching { vendor: Some(vendor), device: Some(device), ..Matching::default() };
    drafts.driver((path, line), matching, DriverWish::Named("vfio-pci".into()), terms);
}

fn write(declared: &Declared, _: &Terms<'_>, exported: &mut Exported) {
    let mut text = String::new();
    let mut told: Vec<(&str, u16)> = Vec::new();
    for pf in &declared.pfs {
        let Some(driver) = pf.matching.driver.as_deref() else {
            let why = "not written: its driver is known on the machine alone";
            exported.lose(&pf.place, format!("{}: {why}", pf.matching));
            continue;
        };
        if pf.matching.is_identity() {
            let why = format!("max_vfs is for every device of {driver}");
            exported.lose(&pf.place, format!("{}: {why}", pf.matching));
        }
        match told.iter().find(|(name, _)| *name == driver) {
            Some((_, vfs)) if *vfs != pf.vfs => {
                let why = format!("{} VFs: {driver} can only give all its devices {vfs}", pf.vfs);
                exported.lose(&pf.place, format!("{}: {why}", pf.matching));
            }
            Some(_) => {}
            None => {
                told.push((driver, pf.vfs));
                text += &format!("options {driver} max_vfs={}\n", pf.vfs);
            }
        }
    }
    text += &devices(declared, exported);
    if !text.is_empty() {
        exported.file("etc/modprobe.d/virtfn-sriov.conf", text);
    }
}

fn devices(declared: &Declared, exported: &mut Exported) -> String {
    let mut ids: Vec<String> = Vec::new();
    for device in &declared.devices {
        let named = match &device.driver {
            DriverWish::Named(name) => name.as_str(),
            DriverWish::Vfio => "vfio-pci",
            DriverWish::Default | DriverWish::None => "another",
        };
        match device.matching.vendor.zip(device.matching.device) {
            Some((vendor, id)) if named == "vfio-pci" => ids.push(format!("{vendor:04x}:{id:04x}")),
            Some(_) => exported.lose(
                &device.place,
                format!("device {}: only vfio-pci is given devices by an option", device.matching),
            ),
            None => exported.lose(
                &device.place,
                format!(
                    "device {}: not written: its vendor and device are not said",
                    device.matching
                ),
            ),
        }
    }
    if ids.is_empty() { String::new() } else { format!("options vfio-pci ids={}\n", ids.join(",")) }
}

//! `dpdk-devbind.py` commands.

use std::collections::BTreeMap;

use virtfn_host::{Declared, DriverWish, Matching};
use virtfn_pci::Address;

use super::draft::Drafts;
use super::resolve::drivers;
use super::{Exported, Format, Key, Part, Terms};
use crate::{File, numbered};

pub(super) const FORMAT: Format = Format {
    name: "devbind",
    about: "dpdk-devbind.py commands",
    owner: None,
    places: &[],
    holds: &[Part::Driver, Part::Devices],
    keys: &[Key::Pci],
    remarks: &[
        "Commands name devices by PCI address: those of VFs are known on the machine alone.",
        "A binding made so ends with the next reboot, and with the next look for drivers.",
    ],
    since: &[],
    read,
    write,
};

fn read(files: &[File<'_>], terms: &Terms<'_>, drafts: &mut Drafts) {
    for file in files {
        for (line, text) in numbered(file.text) {
            let text = text.split('#').next().unwrap_or_default();
            let Some(at) = text.find("devbind") else { continue };
            let words =
                text[at..].split([' ', '\t', ';', '&', '|']).filter(|word| !word.is_empty());
            command((file.path, line), words.skip(1), terms, drafts);
        }
    }
}

fn command<'w>(
    at: (&str, u32),
    mut words: impl Iterator<Item = &'w str>,
    terms: &Terms<'_>,
    drafts: &mut Drafts,
) {
    let mut driver = None;
    let mut devices = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "-b" | "--bind" => driver = words.next().and_then(super::driver_wish),
            "-u" | "--unbind" => driver = Some(DriverWish::None),
            "-U" | "--uid" | "-G" | "--gid" => {
                drafts.lose(at.0, at.1, format!("{word}: who may open the device"));
                words.next();
            }
            _ => match word.strip_prefix("--bind=") {
                Some(name) => driver = super::driver_wish(name),
                None if word.starts_with('-') => {}
                None => devices.push(word),
            },
        }
    }
    let Some(driver) = driver else { return };
    for device in devices {
        let matching = match device.parse::<Address>() {
            Ok(address) => Matching { pci: Some(address), ..Matching::default() },
            Err(_) if device.contains(['$', '*', '?', '[']) => {
                drafts.lose(at.0, at.1, format!("{device}: a variable or a pattern"));
                continue;
            }
            Err(_) => Matching { netdev: Some(device.to_owned()), ..Matching::default() },
        };
        drafts.driver(at, matching, driver.clone(), terms);
    }
}

fn write(declared: &Declared, terms: &Terms<'_>, exported: &mut Exported) {
    let mut by_driver: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (address, driver) in drivers(declared, terms, exported) {
        by_driver.entry(driver).or_default().push(address.to_string());
    }
    let line = |(driver, devices): (String, Vec<String>)| {
        let order = if driver == "none" { "--unbind".into() } else { format!("--bind={driver}") };
        format!("dpdk-devbind.py {order} {}\n", devices.join(" "))
    };
    let commands: String = by_driver.into_iter().map(line).collect();
    if !commands.is_empty() {
        exported.file("usr/local/sbin/virtfn-devbind", format!("#!/bin/sh\nset -e\n{commands}"));
    }
}

//! driverctl's `/etc/driverctl.d/pci-BDF`.

use virtfn_host::{Declared, DriverWish, Matching, Owner};
use virtfn_pci::Address;

use super::draft::Drafts;
use super::resolve::drivers;
use super::{Exported, Format, Key, Part, Terms};
use crate::File;

pub(super) const FORMAT: Format = Format {
    name: "driverctl",
    about: "driver overrides, a file for each device",
    owner: Some(Owner::Driverctl),
    places: &[],
    holds: &[Part::Driver, Part::Devices],
    keys: &[Key::Pci],
    remarks: &[
        "Files name devices by PCI address: those of VFs are known on the machine alone.",
        "`driver: vfio` is written as the VFIO driver that fits best there.",
    ],
    since: &[],
    read,
    write,
};

fn read(files: &[File<'_>], terms: &Terms<'_>, drafts: &mut Drafts) {
    for file in files {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let driver = file.text.trim();
        let Some(address) = name.strip_prefix("pci-") else {
            drafts.lose(file.path, 0, "no file of a PCI device's");
            continue;
        };
        let Ok(address) = address.parse::<Address>() else {
            drafts.fault(file.path, 0, "its name holds no PCI address");
            continue;
        };
        let matching = Matching { pci: Some(address), ..Matching::default() };
        match super::driver_wish(driver) {
            Some(driver) => drafts.driver((file.path, 1), matching, driver, terms),
            None => drafts.fault(file.path, 1, "no driver's name"),
        }
    }
}

fn write(declared: &Declared, terms: &Terms<'_>, exported: &mut Exported) {
    for device in declared.devices.iter().filter(|device| device.driver == DriverWish::Default) {
        exported.lose(&device.place, "`driver: default` is a device without a file");
    }
    for (address, driver) in drivers(declared, terms, exported) {
        exported.file(format!("etc/driverctl.d/pci-{address}"), format!("{driver}\n"));
    }
}

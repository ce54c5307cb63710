//! A policy with its names completed from the machine, VF by VF, for formats that name one device
//! at a time.

use std::collections::BTreeMap;

use virtfn_host::{Declared, DeclaredPf, DriverWish, MacWish, Matching, VfIndex, VfWish};
use virtfn_pci::Address;

use super::{Exported, Format, Key, KnownPf, Lost, Terms, draft::ranges};

/// The policy with one entry for each PF that it means, all of whose names are known; without a
/// machine, the entries as they are. Addresses that shall be derived are derived.
pub(super) fn resolve(
    declared: &Declared,
    format: &Format,
    terms: &Terms<'_>,
    lost: &mut Vec<Lost>,
) -> Declared {
    let mut resolved = Declared {
        devices: declared.devices.clone(),
        host: declared.host.clone(),
        ..Declared::default()
    };
    for entry in &declared.pfs {
        let known: Vec<&KnownPf> = terms
            .machine
            .map(|machine| machine.meant(&entry.matching).collect())
            .unwrap_or_default();
        let by_kind = entry.matching.is_identity();
        let holds_kind = format.keys.iter().any(|key| matches!(key, Key::Driver | Key::Ids));
        // A kind stays a kind where the format knows kinds.
        if known.is_empty() || !by_kind && holds_kind && has(&entry.matching, format.keys) {
            resolved.pfs.push(one(entry, entry.matching.clone(), lost));
            continue;
        }
        for pf in known {
            resolved.pfs.push(one(entry, complete(&entry.matching, &pf.names, format.keys), lost));
        }
    }
    resolved
}

/// Says what is known of a PF that its entry does not. A driver is no name where there are better.
fn complete(said: &Matching, known: &Matching, keys: &[Key]) -> Matching {
    let names = [Key::Netdev, Key::Mac, Key::Pci];
    let driver = known.driver.clone().filter(|_| !keys.iter().any(|key| names.contains(key)));
    Matching {
        pci: said.pci.or(known.pci),
        netdev: said.netdev.clone().or_else(|| known.netdev.clone()),
        mac: said.mac.or(known.mac),
        driver: said.driver.clone().or(driver),
        vendor: said.vendor,
        device: said.device,
        serial: said.serial,
    }
}

fn has(matching: &Matching, keys: &[Key]) -> bool {
    keys.iter().any(|key| match key {
        Key::Netdev => matching.netdev.is_some(),
        Key::Mac => matching.mac.is_some(),
        Key::Pci => matching.pci.is_some(),
        Key::Driver => matching.driver.is_some(),
        Key::Ids => matching.vendor.is_some() && matching.device.is_some(),
    })
}

/// One PF, its VFs spelt out.
fn one(entry: &DeclaredPf, matching: Matching, lost: &mut Vec<Lost>) -> DeclaredPf {
    let mut vf: BTreeMap<VfIndex, VfWish> = BTreeMap::new();
    let mut underived = false;
    let mut tags_alone = false;
    for index in (0..entry.vfs).map(VfIndex) {
        let mut wish = entry.wish(index);
        if wish.mac == Some(MacWish::Auto) {
            wish.mac = matching.mac.map(|own| MacWish::Given(own.derived(index)));
            underived |= wish.mac.is_none();
        }
        if wish.admin.vlan.is_none() && (wish.admin.qos.is_some() || wish.admin.proto.is_some()) {
            (wish.admin.qos, wish.admin.proto) = (None, None);
            tags_alone = true;
        }
        if wish != VfWish::default() {
            vf.insert(index, wish);
        }
    }
    if tags_alone {
        let why = "without a `vlan` they are for the VLAN that is there, and others have no word for that";
        lost.push(Lost::at(&entry.place, format!("{matching}: `qos`, `proto`: {why}")));
    }
    if underived {
        let why = "no address can be derived: its PF's own is not known";
        lost.push(Lost::at(&entry.place, format!("{matching}: `mac: auto`: {why}")));
    }
    DeclaredPf {
        place: entry.place.clone(),
        matching,
        vfs: entry.vfs,
        autoprobe: entry.autoprobe,
        eswitch: entry.eswitch,
        firmware_vfs: entry.firmware_vfs,
        groups: entry.groups.clone(),
        defaults: VfWish::default(),
        defaults_place: entry.defaults_place.clone(),
        vf: ranges(vf),
    }
}

/// Every VF that something is said of.
pub(super) fn vfs(pf: &DeclaredPf) -> impl Iterator<Item = (VfIndex, &VfWish)> {
    pf.vf.iter().flat_map(|range| {
        (range.first.0..=range.last.0).map(move |index| (VfIndex(index), &range.wish))
    })
}

/// The name of a PF's interface; without one, it cannot be written, and that is told.
pub(super) fn netdev<'p>(pf: &'p DeclaredPf, exported: &mut Exported) -> Option<&'p str> {
    if pf.matching.netdev.is_none() {
        let why = "not written: the name of its network interface is needed, and is known on the machine alone";
        exported.lose(&pf.place, format!("{}: {why}", pf.matching));
    }
    pf.matching.netdev.as_deref()
}

/// The VFs of a PF and where they are; those whose place is not known are told.
pub(super) fn places(
    pf: &DeclaredPf,
    terms: &Terms<'_>,
    exported: &mut Exported,
) -> Vec<(VfIndex, Address)> {
    let known = terms.machine.and_then(|machine| machine.meant(&pf.matching).next());
    let Some(known) = known else {
        let why = "the addresses of its VFs are known on the machine alone: export it there, or with --root";
        exported.lose(&pf.place, format!("{}: {why}", pf.matching));
        return Vec::new();
    };
    let all = known.vfs.iter().take_while(|(index, _)| index.0 < pf.vfs);
    let all: Vec<_> = all.map(|(index, address)| (*index, *address)).collect();
    if all.len() < usize::from(pf.vfs) {
        let what = format!("{}: where VFs {} and on would be is not known", pf.matching, all.len());
        exported.lose(&pf.place, what);
    }
    all
}

/// The drivers of functions by their addresses: whole ones, and VFs. `Default` is left out: it is
/// what a function has without a word.
pub(super) fn drivers(
    declared: &Declared,
    terms: &Terms<'_>,
    exported: &mut Exported,
) -> Vec<(Address, String)> {
    let mut drivers = Vec::new();
    for device in &declared.devices {
        let name = name(&device.driver, None);
        match (device.matching.pci, name) {
            (Some(address), Some(name)) => drivers.push((address, name)),
            (None, _) => {
                let why = "not written: it is not named by its PCI address";
                exported.lose(&device.place, format!("device {}: {why}", device.matching));
            }
            (Some(_), None) => {}
        }
    }
    for pf in declared.pfs.iter().filter(|pf| vfs(pf).any(|(_, wish)| wish.driver.is_some())) {
        let variant = terms
            .machine
            .and_then(|machine| machine.meant(&pf.matching).next()?.vf_variant.clone());
        for (index, address) in places(pf, terms, exported) {
            let driver = pf.wish(index).driver;
            let name = driver.and_then(|driver| name(&driver, variant.as_deref()));
            drivers.extend(name.map(|name| (address, name)));
        }
    }
    drivers
}

/// A driver's name; `none` for nobody.
pub(super) fn name(driver: &DriverWish, variant: Option<&str>) -> Option<String> {
    match driver {
        DriverWish::Default => None,
        DriverWish::None => Some("none".to_owned()),
        DriverWish::Vfio => Some(variant.unwrap_or("vfio-pci").to_owned()),
        DriverWish::Named(name) => Some(name.clone()),
    }
}

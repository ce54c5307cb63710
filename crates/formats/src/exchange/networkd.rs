//! systemd's `.link` files, which make VFs and set them, and `.network` files, which only set.

use virtfn_host::{
    Declared, DeclaredPf, LinkState, MacWish, Matching, Owner, Switch, VfIndex, VfWish,
};

use super::draft::Drafts;
use super::resolve::vfs;
use super::{Exported, Format, Key, Part, Terms, Version, slug, switch};
use crate::File;
use crate::ini::{self, Entry, Section};

/// The first systemd whose .link files make VFs.
const FIRST: Version = Version(251, 0);

pub(super) const FORMAT: Format = Format {
    name: "networkd",
    about: "systemd's .link files, as udev reads them, and .network files",
    owner: Some(Owner::Networkd),
    places: &[],
    holds: &[
        Part::Vfs,
        Part::Mac,
        Part::Vlan,
        Part::Qos,
        Part::Proto,
        Part::Spoofchk,
        Part::Trust,
        Part::Link,
        Part::QueryRss,
    ],
    keys: &[Key::Mac, Key::Pci, Key::Netdev, Key::Driver],
    remarks: &[
        "A .network file makes no VFs, it only sets them: what one asks for without a .link is a fault.",
        "Of all .link files that fit an interface, the first by name counts alone: an export repeats what 99-default.link says.",
        "It is applied while the PF is down, which some drivers refuse; rates, drivers and autoprobe it has not.",
        "VFs have their drivers before their settings: one that is trusted may take an address of its own over the given one.",
    ],
    since: &[(FIRST, "VFs: before, [SR-IOV] stands in .network files alone, and sets them")],
    read,
    write,
};

/// The file that fits every interface, after which nothing counts.
const LAST: &str = "99-default.link";

/// A file and its drop-ins.
struct Unit<'a> {
    path: &'a str,
    sections: Vec<(&'a str, Section<'a>)>,
}

impl Unit<'_> {
    fn named(&self, name: &str) -> impl Iterator<Item = &(&str, Section<'_>)> {
        self.sections.iter().filter(move |(_, section)| section.name == name)
    }
}

fn read(files: &[File<'_>], _: &Terms<'_>, drafts: &mut Drafts) {
    let mut units: Vec<Unit<'_>> = Vec::new();
    for file in files {
        let sections = || ini::parse(file.text).into_iter().map(|section| (file.path, section));
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let owner = folder.strip_suffix(".d").and_then(|unit| unit.rsplit('/').next());
        let of = |unit: &&mut Unit<'_>| owner.is_some() && unit.path.rsplit('/').next() == owner;
        match units.iter_mut().find(of) {
            Some(unit) => unit.sections.extend(sections()),
            None => units.push(Unit { path: file.path, sections: sections().collect() }),
        }
    }
    // What makes VFs comes before what only sets them.
    let (links, others): (Vec<_>, Vec<_>) =
        units.iter().partition(|unit| !unit.path.ends_with(".network"));
    for unit in &links {
        read_unit(unit, drafts);
    }
    let makers: Vec<Matching> = drafts.matchings();
    for unit in others {
        read_network(unit, &makers, drafts);
    }
}

fn bears(unit: &Unit<'_>) -> bool {
    let counts = unit.named("Link").any(|(_, link)| link.last("SR-IOVVirtualFunctions").is_some());
    counts || unit.named("SR-IOV").next().is_some()
}

fn read_unit(unit: &Unit<'_>, drafts: &mut Drafts) {
    if !bears(unit) {
        return;
    }
    let name = unit.path.rsplit('/').next().unwrap_or_default();
    if name > LAST {
        let why = format!(
            "{LAST} comes before it and fits every interface, so it never counts: call it 10-{name}"
        );
        drafts.fault(unit.path, 0, why);
    }
    let Some(matching) = matching(unit, drafts) else { return };
    let told = unit
        .named("Link")
        .filter_map(|(path, link)| Some((*path, link.last("SR-IOVVirtualFunctions")?)));
    if let Some((path, entry)) = told.last() {
        match entry.value.parse::<u16>() {
            Ok(vfs) => drafts.pf(path, entry.line, matching.clone()).vfs = Some(vfs),
            Err(_) => drafts.fault(path, entry.line, "SR-IOVVirtualFunctions= is no number"),
        }
    }
    read_vfs(unit, &matching, drafts);
}

fn read_network(unit: &Unit<'_>, makers: &[Matching], drafts: &mut Drafts) {
    let Some((path, section)) = unit.named("SR-IOV").next().map(|(path, one)| (*path, one.line))
    else {
        return;
    };
    let Some(matching) = matching(unit, drafts) else { return };
    if makers.contains(&matching) {
        return read_vfs(unit, &matching, drafts);
    }
    let why = "[SR-IOV] in a .network file sets VFs and makes none, and no .link file here makes any for it: SR-IOVVirtualFunctions= belongs into a .link file";
    drafts.fault(path, section, why);
    read_vfs(unit, &matching, drafts);
}

fn read_vfs(unit: &Unit<'_>, matching: &Matching, drafts: &mut Drafts) {
    for (path, section) in unit.named("SR-IOV") {
        let Some(entry) = section.last("VirtualFunction") else {
            drafts.fault(
                path,
                section.line,
                "[SR-IOV] without VirtualFunction=: systemd passes over it",
            );
            continue;
        };
        let Ok(index) = entry.value.parse::<VfIndex>() else {
            drafts.fault(path, entry.line, "VirtualFunction= is no number");
            continue;
        };
        let mut wish = VfWish::default();
        for entry in section.entries.iter().filter(|entry| entry.key != "VirtualFunction") {
            if setting(&mut wish, entry).is_none() {
                drafts.fault(
                    path,
                    entry.line,
                    format!("{}: systemd does not take this value, or key", entry.key),
                );
            }
        }
        let only_names = section.entries.iter().all(|entry| entry.key == "VirtualFunction");
        if only_names {
            let why = format!(
                "[SR-IOV] names VF {index} and sets nothing, which the kernel refuses with a warning: it can go"
            );
            drafts.fault(path, section.line, why);
        }
        // A section makes the VF that it names, and those before it.
        let draft = drafts.pf(path, section.line, matching.clone());
        let own = draft.vf.entry(index).or_default();
        *own = wish.or(own);
    }
}

fn setting(wish: &mut VfWish, entry: &Entry) -> Option<()> {
    let admin = &mut wish.admin;
    let value = entry.value.as_str();
    match entry.key.as_str() {
        "MACAddress" => wish.mac = Some(MacWish::Given(value.parse().ok()?)),
        "VLANId" => admin.vlan = Some(value.parse().ok()?),
        "QualityOfService" => admin.qos = Some(value.parse().ok()?),
        "VLANProtocol" => admin.proto = Some(super::proto(value)?),
        "MACSpoofCheck" => admin.spoofchk = Some(switch(value)?),
        "QueryReceiveSideScaling" => admin.query_rss = Some(switch(value)?),
        "Trust" => admin.trust = Some(switch(value)?),
        "LinkState" if value == "auto" => admin.link = Some(LinkState::Auto),
        "LinkState" => {
            admin.link = Some(match switch(value)? {
                Switch::On => LinkState::Enable,
                Switch::Off => LinkState::Disable,
            });
        }
        _ => return None,
    }
    Some(())
}

/// How a policy names what `[Match]` fits.
fn matching(unit: &Unit<'_>, drafts: &mut Drafts) -> Option<Matching> {
    let mut matching = Matching::default();
    let entries = unit
        .named("Match")
        .flat_map(|(path, one)| one.entries.iter().map(move |entry| (*path, entry)));
    for (path, entry) in entries {
        let value = entry.value.as_str();
        let is_list =
            value.split_whitespace().nth(1).is_some() || value.contains(['*', '?', '[', '!']);
        let place = (path, entry.line);
        match entry.key.as_str() {
            "Type" if value == "ether" => {}
            _ if is_list || value.is_empty() => {
                let why = format!("{}: a pattern or a list: a policy names one", entry.key);
                drafts.lose(place.0, place.1, why);
                return None;
            }
            "MACAddress" | "PermanentMACAddress" => match value.parse() {
                Ok(mac) => matching.mac = Some(mac),
                Err(_) => {
                    let why = format!(
                        "{}: `{}` is no address, so it fits no interface",
                        entry.key,
                        clip(value)
                    );
                    drafts.fault(place.0, place.1, why);
                    return None;
                }
            },
            "OriginalName" | "Name" => matching.netdev = Some(value.to_owned()),
            "Driver" => matching.driver = Some(value.to_owned()),
            "Path" => match value.strip_prefix("pci-").and_then(|pci| pci.parse().ok()) {
                Some(pci) => matching.pci = Some(pci),
                None => {
                    drafts.lose(place.0, place.1, "Path: no PCI device's");
                    return None;
                }
            },
            key => drafts.lose(place.0, place.1, format!("{key}: a policy has no such condition")),
        }
    }
    if matching == Matching::default() {
        drafts.fault(unit.path, 0, "it has no [Match] that names a device");
        return None;
    }
    Some(matching)
}

fn clip(text: &str) -> String {
    super::sysfs_conf::clip(text)
}

fn write(declared: &Declared, terms: &Terms<'_>, exported: &mut Exported) {
    for pf in &declared.pfs {
        let Some(matching) = write_match(pf) else {
            let why = "not written: a .link file names a device by its address, path, interface or driver";
            exported.lose(&pf.place, format!("{}: {why}", pf.matching));
            continue;
        };
        // A file that fits takes the place of 99-default.link, so that it says the same.
        let mut text = format!(
            "[Match]\n{matching}\n[Link]\nNamePolicy=keep kernel database onboard slot path\nAlternativeNamesPolicy=database onboard slot path mac\nMACAddressPolicy=persistent\nSR-IOVVirtualFunctions={}\n",
            pf.vfs
        );
        for (index, wish) in vfs(pf) {
            let settings = settings(wish);
            if !settings.is_empty() {
                text += &format!("\n[SR-IOV]\nVirtualFunction={index}\n{settings}");
            }
        }
        exported.file(format!("etc/systemd/network/10-virtfn-{}.link", file_name(pf)), text);
    }
    exported.needs("systemd", FIRST, terms);
}

fn write_match(pf: &DeclaredPf) -> Option<String> {
    let Matching { pci, netdev, mac, driver, .. } = &pf.matching;
    let mut text = String::new();
    text += &mac.map(|mac| format!("PermanentMACAddress={mac}\n")).unwrap_or_default();
    text += &pci.map(|pci| format!("Path=pci-{pci}\n")).unwrap_or_default();
    // Names are given by these very files: where there is better, better is taken.
    if let Some(name) = netdev.as_ref().filter(|_| mac.is_none() && pci.is_none()) {
        text += &format!("OriginalName={name}\n");
    }
    if let Some(driver) = driver {
        text += &format!("Driver={driver}\n");
    }
    (!text.is_empty()).then_some(text)
}

fn file_name(pf: &DeclaredPf) -> String {
    let Matching { pci, netdev, mac, driver, .. } = &pf.matching;
    let name = netdev.clone().or_else(|| pci.map(|pci| pci.to_string()));
    let name = name.or_else(|| mac.map(|mac| mac.to_string())).or_else(|| driver.clone());
    slug(&name.unwrap_or_default())
}

fn settings(wish: &VfWish) -> String {
    let admin = &wish.admin;
    let on = |switch: Switch| if switch == Switch::On { "yes" } else { "no" };
    let mut text = String::new();
    if let Some(MacWish::Given(mac)) = wish.mac {
        text += &format!("MACAddress={mac}\n");
    }
    text += &admin.vlan.map(|vlan| format!("VLANId={vlan}\n")).unwrap_or_default();
    text += &admin.qos.map(|qos| format!("QualityOfService={qos}\n")).unwrap_or_default();
    text += &admin.proto.map(|proto| format!("VLANProtocol={proto}\n")).unwrap_or_default();
    text += &admin.spoofchk.map(|to| format!("MACSpoofCheck={}\n", on(to))).unwrap_or_default();
    text += &admin
        .query_rss
        .map(|to| format!("QueryReceiveSideScaling={}\n", on(to)))
        .unwrap_or_default();
    text += &admin.trust.map(|to| format!("Trust={}\n", on(to))).unwrap_or_default();
    let link = admin.link.map(|link| match link {
        LinkState::Auto => "auto",
        LinkState::Enable => "yes",
        LinkState::Disable => "no",
    });
    text + &link.map(|link| format!("LinkState={link}\n")).unwrap_or_default()
}

//! NetworkManager's connections (keyfiles).

use virtfn_host::{
    Declared, DeclaredPf, EswitchMode, MacWish, Matching, Owner, Place, Switch, VfIndex, VfWish,
};

use super::draft::Drafts;
use super::resolve::vfs;
use super::{Exported, Format, Key, Part, Terms, Version, slug, switch};
use crate::File;
use crate::ini::{self, Entry, Section};

/// The first version that makes VFs of a connection.
const FIRST: Version = Version(1, 14);
/// The first version that can leave VFs alone when a connection goes down.
const PRESERVES: Version = Version(1, 54);
/// The first version that knows the eswitch.
const ESWITCH: Version = Version(1, 46);

pub(super) const FORMAT: Format = Format {
    name: "networkmanager",
    about: "NetworkManager's keyfiles",
    owner: Some(Owner::NetworkManager),
    places: &[],
    holds: &[
        Part::Vfs,
        Part::Autoprobe,
        Part::Eswitch,
        Part::Mac,
        Part::Vlan,
        Part::Qos,
        Part::Proto,
        Part::Spoofchk,
        Part::Trust,
        Part::MinRate,
        Part::MaxRate,
    ],
    keys: &[Key::Netdev, Key::Mac],
    remarks: &[
        "Its files may hold passwords: they are written for root alone, and NetworkManager refuses others.",
        "An export is a connection of its own without addresses; where the PF has a connection already, its [sriov] belongs into that.",
        "A number above what the device has is cut down without an error.",
        "VFs have their drivers before their settings: one that is trusted may take an address of its own over the given one.",
    ],
    since: &[
        (FIRST, "VFs ([sriov])"),
        (ESWITCH, "the eswitch's mode (eswitch-mode)"),
        (PRESERVES, "VFs that stay when the connection goes down (preserve-on-down)"),
    ],
    read,
    write,
};

fn read(files: &[File<'_>], _: &Terms<'_>, drafts: &mut Drafts) {
    for file in files {
        let sections = ini::parse(file.text);
        match sections.iter().find(|section| section.name == "sriov") {
            Some(sriov) => read_connection(file, &sections, sriov, drafts),
            None => read_other(file, &sections, drafts),
        }
    }
}

fn read_connection(
    file: &File<'_>,
    sections: &[Section<'_>],
    sriov: &Section<'_>,
    drafts: &mut Drafts,
) {
    let Some(matching) = matching(file.path, sections, drafts) else { return };
    let draft = drafts.pf(file.path, sriov.line, matching.clone());
    draft.vfs = draft.vfs.or(Some(0));
    for entry in &sriov.entries {
        if read_entry(file.path, entry, &matching, drafts).is_none() {
            let what = format!("{}: not a value that NetworkManager takes", entry.key);
            drafts.fault(file.path, entry.line, what);
        }
    }
    if !sriov.last("preserve-on-down").is_some_and(|one| ini::is_on(&one.value)) {
        let what = "VFs are removed when the connection goes down: a policy keeps them";
        drafts.lose(file.path, sriov.line, what);
    }
}

fn read_entry(path: &str, entry: &Entry, matching: &Matching, drafts: &mut Drafts) -> Option<()> {
    let value = entry.value.as_str();
    let line = entry.line;
    match entry.key.as_str() {
        "total-vfs" => {
            let vfs = value.parse().ok()?;
            drafts.pf(path, line, matching.clone()).vfs = Some(vfs);
        }
        "autoprobe-drivers" if value == "-1" => {}
        "autoprobe-drivers" => {
            let on = switch(value)? == Switch::On;
            drafts.pf(path, line, matching.clone()).autoprobe = Some(on);
        }
        "preserve-on-down" => {}
        "eswitch-mode" if value == "-1" || value == "preserve" => {}
        "eswitch-mode" => {
            drafts.pf(path, line, matching.clone()).eswitch = Some(eswitch(value)?);
        }
        key if key.starts_with("eswitch-") => drafts.lose(path, line, format!("{key}={value}")),
        key => {
            let index: VfIndex = key.strip_prefix("vf.")?.parse().ok()?;
            let wish = read_vf(path, line, value, drafts)?;
            drafts.pf(path, line, matching.clone()).vf.insert(index, wish);
        }
    }
    Some(())
}

/// `NMSriovEswitchMode` (libnm-core-public/nm-setting-sriov.h); people write the words of nmcli.
fn eswitch(value: &str) -> Option<EswitchMode> {
    match value {
        "0" => Some(EswitchMode::Legacy),
        "1" => Some(EswitchMode::Switchdev),
        word => word.parse().ok(),
    }
}

/// `mac=… spoof-check=true trust=false min-tx-rate=0 max-tx-rate=1000 vlans=100.5.ad`.
fn read_vf(path: &str, line: u32, value: &str, drafts: &mut Drafts) -> Option<VfWish> {
    let mut wish = VfWish::default();
    let admin = &mut wish.admin;
    for pair in value.split_whitespace() {
        let (key, value) = pair.split_once('=')?;
        match key {
            "mac" => wish.mac = Some(MacWish::Given(value.parse().ok()?)),
            "spoof-check" => admin.spoofchk = Some(switch(value)?),
            "trust" => admin.trust = Some(switch(value)?),
            "min-tx-rate" => admin.min_rate = Some(value.parse().ok()?),
            "max-tx-rate" => admin.max_rate = Some(value.parse().ok()?),
            "vlans" => {
                let mut vlans = value.split(';').filter(|vlan| !vlan.is_empty());
                let mut parts = vlans.next()?.split('.');
                admin.vlan = Some(parts.next()?.parse().ok()?);
                if let Some(qos) = parts.next() {
                    admin.qos = Some(qos.parse().ok()?);
                }
                if let Some(proto) = parts.next() {
                    admin.proto = Some(super::proto(proto)?);
                }
                if vlans.next().is_some() {
                    drafts.fault(
                        path,
                        line,
                        "more than one VLAN, which NetworkManager refuses when it applies it",
                    );
                }
            }
            _ => return None,
        }
    }
    Some(wish)
}

/// Its settings, and what other kinds of file say that are told and not read.
fn read_other(file: &File<'_>, sections: &[Section<'_>], drafts: &mut Drafts) {
    for section in sections {
        if section.name.starts_with("device") && section.last("sriov-num-vfs").is_some() {
            read_settings(file.path, section, drafts);
        }
        let bears = |entry: &&Entry| entry.key.starts_with("SRIOV_");
        for entry in section.entries.iter().filter(bears) {
            let why = "an ifcfg file: nmcli connection migrate makes a keyfile of it";
            drafts.lose(file.path, entry.line, format!("{}: {why}", entry.key));
        }
    }
}

/// `[device…] match-device=…, sriov-num-vfs=N`.
fn read_settings(path: &str, section: &Section<'_>, drafts: &mut Drafts) {
    let Some(entry) = section.last("sriov-num-vfs") else { return };
    let Ok(vfs) = entry.value.parse::<u16>() else {
        return drafts.fault(path, entry.line, "sriov-num-vfs is no number");
    };
    let specs = section.last("match-device").map(|one| ini::words(&one.value)).unwrap_or_default();
    for spec in &specs {
        let matching = match spec.split_once(':') {
            Some(("interface-name", name)) if !name.contains(['*', '?', '~', '[']) => {
                let name = name.trim_start_matches('=').to_owned();
                Matching { netdev: Some(name), ..Matching::default() }
            }
            Some(("mac", mac)) if mac.parse::<virtfn_host::MacAddress>().is_ok() => {
                Matching { mac: mac.parse().ok(), ..Matching::default() }
            }
            Some(("driver", driver)) => {
                Matching { driver: Some(driver.to_owned()), ..Matching::default() }
            }
            _ => {
                drafts.lose(
                    path,
                    entry.line,
                    format!("match-device={spec}: a policy has no such condition"),
                );
                continue;
            }
        };
        drafts.pf(path, entry.line, matching).vfs = Some(vfs);
    }
    if specs.is_empty() {
        drafts.lose(path, entry.line, "sriov-num-vfs for every device: a policy names them");
    }
}

fn matching(path: &str, sections: &[Section<'_>], drafts: &mut Drafts) -> Option<Matching> {
    let value = |names: &[&str], key: &str| {
        let section = sections.iter().find(|section| names.contains(&section.name))?;
        section.last(key).filter(|entry| !entry.value.is_empty())
    };
    let mut matching = Matching {
        netdev: value(&["connection"], "interface-name").map(|one| one.value.clone()),
        ..Matching::default()
    };
    if let Some(entry) = value(&["ethernet", "802-3-ethernet"], "mac-address") {
        match entry.value.parse() {
            Ok(mac) => matching.mac = Some(mac),
            Err(_) => {
                drafts.fault(path, entry.line, "mac-address is no address");
                return None;
            }
        }
    }
    for key in ["interface-name", "driver", "path"] {
        if let Some(entry) = value(&["match"], key) {
            drafts.lose(path, entry.line, format!("[match] {key}: a pattern: a policy names one"));
        }
    }
    if matching == Matching::default() {
        let line = sections.iter().find(|one| one.name == "sriov").map_or(0, |one| one.line);
        drafts.fault(path, line, "[sriov] in a connection that names no device");
        return None;
    }
    Some(matching)
}

fn write(declared: &Declared, terms: &Terms<'_>, exported: &mut Exported) {
    for pf in &declared.pfs {
        let Matching { netdev, mac, .. } = &pf.matching;
        let name = netdev.clone().or_else(|| mac.map(|mac| mac.to_string()));
        let Some(name) = name else {
            let why = "not written: a connection names its device by interface or address";
            exported.lose(&pf.place, format!("{}: {why}", pf.matching));
            continue;
        };
        let path =
            format!("etc/NetworkManager/system-connections/virtfn-{}.nmconnection", slug(&name));
        exported.file(path, write_pf(pf, &name, terms));
        if pf.eswitch.is_some() && !terms.since(ESWITCH) {
            let why = format!("NetworkManager before {ESWITCH} has no word for it");
            exported.lose(&pf.place, format!("{}: `eswitch`: {why}", pf.matching));
        }
    }
    exported.needs("NetworkManager", FIRST, terms);
    if terms.since(FIRST) && !terms.since(PRESERVES) && !exported.files.is_empty() {
        let why =
            "has no preserve-on-down: VFs go when the connection goes down, whoever uses them";
        exported.lose(&Place::default(), format!("NetworkManager before {PRESERVES} {why}"));
    }
}

fn write_pf(pf: &DeclaredPf, name: &str, terms: &Terms<'_>) -> String {
    let Matching { netdev, mac, .. } = &pf.matching;
    let mut text = format!("[connection]\nid=virtfn-{name}\ntype=ethernet\n");
    if let Some(netdev) = netdev {
        text += &format!("interface-name={netdev}\n");
    }
    text += "\n[ethernet]\n";
    if let Some(mac) = mac {
        text += &format!("mac-address={mac}\n");
    }
    text += "\n[ipv4]\nmethod=disabled\n\n[ipv6]\nmethod=disabled\n\n[sriov]\n";
    if let Some(on) = pf.autoprobe {
        text += &format!("autoprobe-drivers={}\n", u8::from(on));
    }
    if let Some(mode) = pf.eswitch.filter(|_| terms.since(ESWITCH)) {
        text += &format!("eswitch-mode={}\n", u8::from(mode != EswitchMode::Legacy));
    }
    text += &format!("total-vfs={}\n", pf.vfs);
    if terms.since(PRESERVES) {
        text += "preserve-on-down=1\n";
    }
    for (index, wish) in vfs(pf) {
        let settings = settings(wish);
        if !settings.is_empty() {
            text += &format!("vf.{index}={}\n", settings.join(" "));
        }
    }
    text
}

fn settings(wish: &VfWish) -> Vec<String> {
    let admin = &wish.admin;
    let on = |switch: Switch| switch == Switch::On;
    let mac = match wish.mac {
        Some(MacWish::Given(mac)) => Some(format!("mac={mac}")),
        _ => None,
    };
    let vlan = admin.vlan.map(|vlan| {
        let kind = |proto| if proto == virtfn_host::VlanProto::Dot1Ad { "ad" } else { "q" };
        match (admin.qos, admin.proto) {
            (qos, Some(proto)) => {
                format!("vlans={vlan}.{}.{}", qos.unwrap_or_default(), kind(proto))
            }
            (Some(qos), None) => format!("vlans={vlan}.{qos}"),
            (None, None) => format!("vlans={vlan}"),
        }
    });
    let all = [
        mac,
        admin.spoofchk.map(|to| format!("spoof-check={}", on(to))),
        admin.trust.map(|to| format!("trust={}", on(to))),
        admin.min_rate.map(|rate| format!("min-tx-rate={rate}")),
        admin.max_rate.map(|rate| format!("max-tx-rate={rate}")),
        vlan,
    ];
    all.into_iter().flatten().collect()
}

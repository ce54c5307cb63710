//! A policy as a file that people read: what is the same for VFs in a row is said once.

use std::fmt::Write as _;

use virtfn_host::{
    Capability, Declared, DeclaredPf, DeclaredVfs, DriverWish, HostPolicy, Limits, MacWish,
    Matching, Mbps, VfIndex, VfWish,
};

use super::VERSION;

/// The policy file that declares this. Reading it gives the same, but for the places.
#[must_use]
pub fn write(declared: &Declared) -> String {
    let mut text = format!("version: {VERSION}\n");
    if !declared.pfs.is_empty() {
        text += "pfs:\n";
    }
    for pf in &declared.pfs {
        text += &write_pf(pf);
    }
    if !declared.devices.is_empty() {
        text += "devices:\n";
    }
    for device in &declared.devices {
        let (matching, driver) = (write_match(&device.matching), write_driver(&device.driver));
        // Writing into a String cannot fail.
        let _ = write!(text, "  - match: {matching}\n    driver: {driver}\n");
    }
    let mut host = HostPolicy::default();
    for said in &declared.host {
        host.hugepages.extend(&said.policy.hugepages);
        host.modules.extend(said.policy.modules.iter().cloned());
    }
    if host != HostPolicy::default() {
        text += &write_host(&host);
    }
    text
}

fn write_host(host: &HostPolicy) -> String {
    let mut text = String::from("host:\n");
    if !host.hugepages.is_empty() {
        let pages = host.hugepages.iter().map(|(size, pages)| format!("{size}: {pages}"));
        let _ = writeln!(text, "  hugepages: {{ {} }}", pages.collect::<Vec<_>>().join(", "));
    }
    if !host.modules.is_empty() {
        let modules: Vec<String> = host.modules.iter().map(|module| quoted(module)).collect();
        let _ = writeln!(text, "  modules: [{}]", modules.join(", "));
    }
    text
}

fn write_pf(pf: &DeclaredPf) -> String {
    let mut text = format!("  - match: {}\n    vfs: {}\n", write_match(&pf.matching), pf.vfs);
    if let Some(autoprobe) = pf.autoprobe {
        let _ = writeln!(text, "    autoprobe: {}", if autoprobe { "on" } else { "off" });
    }
    if let Some(eswitch) = pf.eswitch {
        let _ = writeln!(text, "    eswitch: {eswitch}");
    }
    if let Some(vfs) = pf.firmware_vfs {
        let _ = writeln!(text, "    firmware_vfs: {vfs}");
    }
    if !pf.groups.is_empty() {
        text += "    rate_groups:\n";
    }
    for (name, limits) in &pf.groups {
        let _ = writeln!(text, "      {}: {}", quoted(name), write_limits(*limits));
    }
    if pf.defaults != VfWish::default() {
        let _ = writeln!(text, "    defaults: {}", write_wish(&pf.defaults));
    }
    if !pf.vf.is_empty() {
        text += "    vf:\n";
    }
    for vfs in &pf.vf {
        let _ = writeln!(text, "      {}: {}", write_range(vfs), write_wish(&vfs.wish));
    }
    text
}

fn write_limits(limits: Option<Limits>) -> String {
    let Some(limits) = limits else { return "none".into() };
    let said = |rate: Mbps| (rate.value() > 0).then(|| rate.to_string());
    flow([("min_rate", said(limits.min)), ("max_rate", said(limits.max))])
}

fn write_range(vfs: &DeclaredVfs) -> String {
    let DeclaredVfs { first: VfIndex(first), last: VfIndex(last), .. } = vfs;
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

fn write_match(matching: &Matching) -> String {
    flow([
        ("pci", matching.pci.map(|pci| quoted(&pci.to_string()))),
        ("netdev", matching.netdev.as_deref().map(quoted)),
        ("mac", matching.mac.map(|mac| quoted(&mac.to_string()))),
        ("driver", matching.driver.as_deref().map(quoted)),
        ("vendor", matching.vendor.map(|id| quoted(&format!("{id:04x}")))),
        ("device", matching.device.map(|id| quoted(&format!("{id:04x}")))),
        ("serial", matching.serial.map(|serial| quoted(&format!("{serial:016x}")))),
    ])
}

fn write_wish(wish: &VfWish) -> String {
    flow(settings(wish))
}

/// What a wish says, key by key, as it is written.
pub(crate) fn said(wish: &VfWish) -> Vec<(&'static str, String)> {
    settings(wish).into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

fn settings(wish: &VfWish) -> [(&'static str, Option<String>); 23] {
    let admin = &wish.admin;
    let may = |one| wish.port.capabilities.get(&one).map(ToString::to_string);
    [
        (
            "mac",
            wish.mac.map(|mac| match mac {
                MacWish::Auto => "auto".to_owned(),
                MacWish::Given(mac) => quoted(&mac.to_string()),
            }),
        ),
        ("vlan", admin.vlan.map(|vlan| vlan.to_string())),
        ("qos", admin.qos.map(|qos| qos.to_string())),
        ("proto", admin.proto.map(|proto| proto.to_string())),
        ("spoofchk", admin.spoofchk.map(|switch| switch.to_string())),
        ("trust", admin.trust.map(|switch| switch.to_string())),
        ("link", admin.link.map(|link| link.to_string())),
        ("min_rate", admin.min_rate.map(|rate| rate.to_string())),
        ("max_rate", admin.max_rate.map(|rate| rate.to_string())),
        ("query_rss", admin.query_rss.map(|switch| switch.to_string())),
        ("driver", wish.driver.as_ref().map(write_driver)),
        ("node_guid", admin.node_guid.map(|guid| quoted(&guid.to_string()))),
        ("port_guid", admin.port_guid.map(|guid| quoted(&guid.to_string()))),
        ("msix", wish.msix.map(|vectors| vectors.to_string())),
        ("netdev", wish.netdev.name.as_deref().map(quoted)),
        ("mtu", wish.netdev.mtu.map(|mtu| mtu.to_string())),
        ("rate_group", wish.port.group.as_ref().map(|group| quoted(&group.to_string()))),
        ("roce", may(Capability::Roce)),
        ("migratable", may(Capability::Migratable)),
        ("ipsec_crypto", may(Capability::IpsecCrypto)),
        ("ipsec_packet", may(Capability::IpsecPacket)),
        ("max_io_eqs", wish.port.max_io_eqs.map(|queues| queues.to_string())),
        ("owner", wish.owner.as_deref().map(quoted)),
    ]
}

pub(crate) fn write_driver(driver: &DriverWish) -> String {
    match driver {
        DriverWish::Default => "default".into(),
        DriverWish::None => "none".into(),
        DriverWish::Vfio => "vfio".into(),
        DriverWish::Named(name) => quoted(name),
    }
}

/// `{ key: value, … }` of what has a value.
fn flow<const N: usize>(pairs: [(&str, Option<String>); N]) -> String {
    let said = pairs.into_iter().filter_map(|(key, value)| Some(format!("{key}: {}", value?)));
    let said: Vec<String> = said.collect();
    if said.is_empty() { "{}".into() } else { format!("{{ {} }}", said.join(", ")) }
}

/// Quoted, so that no reader of YAML takes an address for a number.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted + "\""
}

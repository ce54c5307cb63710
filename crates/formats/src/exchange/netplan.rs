//! netplan's YAML.

use std::collections::BTreeMap;

use virtfn_host::{Declared, DeclaredPf, Matching, Owner, VfIndex, VlanId};

use super::draft::Drafts;
use super::resolve::vfs;
use super::{Exported, Format, Key, Part, Terms, Version};
use crate::File;
use crate::yaml::{self, Node};

/// The first version that makes VFs.
const FIRST: Version = Version(0, 99);

pub(super) const FORMAT: Format = Format {
    name: "netplan",
    about: "netplan's YAML: numbers of VFs, their VLANs and the switch's mode",
    owner: Some(Owner::Netplan),
    places: &[],
    holds: &[Part::Vfs, Part::Eswitch, Part::Vlan],
    keys: &[Key::Netdev, Key::Mac, Key::Driver],
    remarks: &[
        "A VF with a VLAN is named as systemd names it: eth0v3 is VF 3 of eth0. One of another name cannot be told, and is lost.",
        "It sets a VLAN through the VF's interface: VFs that it has only just made have none yet, or another name, and it warns; applied once more, it sets them.",
        "Applied again with another number, netplan takes all VFs away first, whoever uses them.",
        "Priorities, the kind of tag and all other settings: netplan has none.",
    ],
    since: &[(FIRST, "VFs")],
    read,
    write,
};

/// One device, from all the files that speak of it: netplan merges them.
#[derive(Default)]
struct Device<'n> {
    parts: Vec<(&'n str, &'n Node)>,
}

impl<'n> Device<'n> {
    fn at_key(&self, key: &str) -> Option<(&'n str, &'n Node)> {
        self.parts.iter().rev().find_map(|(path, node)| Some((*path, node.at_key(key)?)))
    }

    fn word(&self, key: &str) -> Option<(&'n str, u32, &'n str)> {
        let (path, node) = self.at_key(key)?;
        Some((path, node.at.line, node.word()?))
    }
}

type Devices<'n> = BTreeMap<&'n str, Device<'n>>;

fn read(files: &[File<'_>], _: &Terms<'_>, drafts: &mut Drafts) {
    let mut documents = Vec::new();
    for file in files {
        match yaml::parse(file.text) {
            Ok(document) => documents.extend(document.map(|document| (file.path, document))),
            // The parser's words may quote the file, and with it whatever secrets stand there.
            Err(broken) => {
                drafts.fault(file.path, broken.at.line, "not the YAML that this file should be")
            }
        }
    }
    let mut ethernets = Devices::new();
    let mut vlans = Devices::new();
    for (path, document) in &documents {
        let Some(network) = document.at_key("network") else {
            drafts.fault(path, document.at.line, "it has no `network`");
            continue;
        };
        for (key, all) in [("ethernets", &mut ethernets), ("vlans", &mut vlans)] {
            let nodes = network.at_key(key).into_iter().flat_map(Node::pairs);
            for (id, node) in nodes.filter(|(_, node)| node.is_map()) {
                all.entry(id).or_default().parts.push((path, node));
            }
        }
    }
    for (id, device) in &ethernets {
        read_pf(id, device, &ethernets, drafts);
    }
    for vlan in vlans.values() {
        read_vlan(vlan, &ethernets, drafts);
    }
}

/// A device that makes VFs: because it says how many, or because others are its VFs.
fn read_pf(id: &str, device: &Device<'_>, all: &Devices<'_>, drafts: &mut Drafts) {
    let stanzas: Vec<(&str, u32)> = all
        .values()
        .filter_map(|vf| vf.word("link"))
        .filter_map(|(path, line, link)| (link == id).then_some((path, line)))
        .collect();
    for (key, why) in [
        ("delay-virtual-functions-rebind", "when VFs get their drivers: virtfn gives them at once"),
        ("infiniband-mode", "the mode of IP over InfiniBand"),
    ] {
        if let Some((path, node)) = device.at_key(key) {
            drafts.lose(path, node.at.line, format!("{id}: {key}: {why}"));
        }
    }
    let (path, line, told) = match device.word("virtual-function-count") {
        Some((path, line, count)) => match count.parse::<u16>() {
            Ok(count) => (path, line, count),
            Err(_) => return drafts.fault(path, line, format!("{id}: no number of VFs")),
        },
        None if stanzas.is_empty() => return,
        None => (stanzas[0].0, stanzas[0].1, 0),
    };
    let stanzas = u16::try_from(stanzas.len()).unwrap_or(u16::MAX);
    if let Some(matching) = matching(id, all, (path, line), drafts) {
        let draft = drafts.pf(path, line, matching);
        draft.vfs = Some(told.max(stanzas));
        match device
            .word("embedded-switch-mode")
            .map(|(path, line, mode)| (path, line, mode.parse()))
        {
            Some((_, _, Ok(mode))) => draft.eswitch = Some(mode),
            Some((path, line, Err(_))) => {
                drafts.fault(path, line, format!("{id}: no mode of a switch"));
            }
            None => {}
        }
    }
}

/// A hardware VLAN of a VF.
fn read_vlan(vlan: &Device<'_>, all: &Devices<'_>, drafts: &mut Drafts) {
    let Some((path, line, "sriov")) = vlan.word("renderer") else { return };
    let number = vlan.word("id").and_then(|(_, _, id)| id.parse::<VlanId>().ok());
    let Some(number) = number else { return drafts.fault(path, line, "no number of a VLAN") };
    let Some((path, line, vf)) = vlan.word("link") else {
        return drafts.fault(path, line, "a VLAN of no VF: it has no `link`");
    };
    let Some((_, _, pf)) = all.get(vf).and_then(|vf| vf.word("link")) else {
        return drafts.fault(path, line, format!("{vf} is no VF: it has no `link` to a PF"));
    };
    let name = all.get(vf).and_then(|vf| vf.word("set-name")).map_or(vf, |(_, _, name)| name);
    match name.strip_prefix(pf).and_then(|rest| rest.strip_prefix('v')?.parse::<VfIndex>().ok()) {
        Some(index) => {
            if let Some(matching) = matching(pf, all, (path, line), drafts) {
                let draft = drafts.pf(path, line, matching);
                draft.vf.entry(index).or_default().admin.vlan = Some(number);
            }
        }
        None => {
            let why = format!("which VF of {pf} it is cannot be told from its name");
            drafts.lose(path, line, format!("{vf}: VLAN {number}: {why}"));
        }
    }
}

/// How a policy names the device of an id; an id without `match` is the interface's name.
fn matching(
    id: &str,
    all: &Devices<'_>,
    (_, line): (&str, u32),
    drafts: &mut Drafts,
) -> Option<Matching> {
    let device = all.get(id);
    let matches = device.and_then(|device| device.at_key("match"));
    let Some((path, matches)) = matches.filter(|(_, node)| node.is_map()) else {
        return Some(Matching { netdev: Some(id.to_owned()), ..Matching::default() });
    };
    let word = |key| matches.at_key(key).and_then(Node::word);
    let set = device.and_then(|device| device.word("set-name")).map(|(_, _, name)| name);
    let name = word("name").map(|name| set.unwrap_or(name));
    let mac = word("macaddress").map(str::parse);
    let drivers = matches.at_key("driver").map(Node::words).unwrap_or_default();
    let is_pattern = |text: &&str| text.contains(['*', '?', '[']);
    if name.as_ref().is_some_and(is_pattern) || drivers.len() > 1 || drivers.iter().any(is_pattern)
    {
        let why = "a pattern or a list in `match`: a policy names one";
        drafts.lose(path, matches.at.line, format!("{id}: {why}"));
        return None;
    }
    let matching = Matching {
        netdev: name.map(str::to_owned),
        mac: match mac {
            Some(Err(_)) => {
                drafts.fault(path, matches.at.line, format!("{id}: macaddress is no address"));
                return None;
            }
            mac => mac.and_then(Result::ok),
        },
        driver: drivers.first().map(|driver| (*driver).to_owned()),
        ..Matching::default()
    };
    if matching == Matching::default() {
        drafts.fault(path, line, format!("{id}: its `match` says nothing of use"));
        return None;
    }
    Some(matching)
}

fn write(declared: &Declared, terms: &Terms<'_>, exported: &mut Exported) {
    let mut ethernets = String::new();
    let mut vlans = String::new();
    for (number, pf) in declared.pfs.iter().enumerate() {
        let Some(id) = id(pf, number, exported) else { continue };
        ethernets += &format!("    \"{id}\":\n{}", write_match(pf));
        // Without any, netplan has no word: 0 is what it takes for nothing said.
        ethernets += &format!("      virtual-function-count: {}\n", pf.vfs);
        if let Some(mode) = pf.eswitch {
            ethernets += &format!("      embedded-switch-mode: {mode}\n");
        }
        for (index, wish) in vfs(pf) {
            let Some(vlan) = wish.admin.vlan else { continue };
            let vf = format!("{id}v{index}");
            ethernets += &format!("    \"{vf}\": {{ link: \"{id}\" }}\n");
            vlans += &format!(
                "    \"{vf}.{vlan}\": {{ id: {vlan}, link: \"{vf}\", renderer: sriov }}\n"
            );
        }
    }
    if ethernets.is_empty() {
        return;
    }
    let mut text = format!("network:\n  version: 2\n  ethernets:\n{ethernets}");
    if !vlans.is_empty() {
        text += &format!("  vlans:\n{vlans}");
    }
    exported.file("etc/netplan/90-virtfn-sriov.yaml", text);
    exported.needs("netplan", FIRST, terms);
}

/// What netplan shall call a PF: its interface's name, where that is known.
fn id(pf: &DeclaredPf, number: usize, exported: &mut Exported) -> Option<String> {
    if let Some(netdev) = &pf.matching.netdev {
        return Some(netdev.clone());
    }
    if pf.matching.mac.is_none() && pf.matching.driver.is_none() {
        let why = "not written: netplan names a device by its interface, address or driver";
        exported.lose(&pf.place, format!("{}: {why}", pf.matching));
        return None;
    }
    Some(format!("pf{number}"))
}

fn write_match(pf: &DeclaredPf) -> String {
    let Matching { netdev, mac, driver, .. } = &pf.matching;
    if mac.is_none() && driver.is_none() {
        return String::new();
    }
    let pairs = [
        netdev.as_ref().map(|name| format!("name: \"{name}\"")),
        mac.map(|mac| format!("macaddress: \"{mac}\"")),
        driver.as_ref().map(|driver| format!("driver: \"{driver}\"")),
    ];
    let pairs: Vec<String> = pairs.into_iter().flatten().collect();
    format!("      match: {{ {} }}\n", pairs.join(", "))
}

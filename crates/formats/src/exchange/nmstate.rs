//! nmstate's YAML.

use virtfn_host::{Declared, DeclaredPf, MacWish, Matching, Switch, VfIndex, VfWish};

use super::draft::Drafts;
use super::resolve::{netdev, vfs};
use super::{Exported, Format, Key, Part, Terms, switch};
use crate::File;
use crate::yaml::{self, Node, Value};

pub(super) const FORMAT: Format = Format {
    name: "nmstate",
    about: "nmstate's YAML",
    owner: None,
    places: &[("etc/nmstate", "", ".yml"), ("etc/nmstate", "", ".yaml")],
    holds: &[
        Part::Vfs,
        Part::Autoprobe,
        Part::Mac,
        Part::Vlan,
        Part::Qos,
        Part::Proto,
        Part::Spoofchk,
        Part::Trust,
        Part::MinRate,
        Part::MaxRate,
    ],
    keys: &[Key::Netdev],
    remarks: &[
        "`vfs: []` puts all VFs back to what they are from the start; a policy leaves alone what it does not name.",
        "Interfaces that VFs have, their addresses and their bonds are none of a policy's.",
    ],
    since: &[],
    read,
    write,
};

fn read(files: &[File<'_>], _: &Terms<'_>, drafts: &mut Drafts) {
    for file in files {
        let text = match file.text.strip_prefix("--- ") {
            Some(rest) => {
                let why = "the document begins on the line of its `---`, which YAML does not allow: the rest belongs on the next line";
                drafts.fault(file.path, 1, why);
                rest
            }
            None => file.text,
        };
        let document = match yaml::parse(text) {
            Ok(Some(document)) => document,
            Ok(None) => continue,
            Err(broken) => {
                drafts.fault(file.path, broken.at.line, "not the YAML that this file should be");
                continue;
            }
        };
        match document.at_key("interfaces").map(|node| (node, &node.value)) {
            Some((_, Value::List(items))) => {
                for item in items {
                    read_interface(file.path, item, drafts);
                }
            }
            Some((node, _)) => drafts.fault(file.path, node.at.line, "`interfaces` is no list"),
            None => drafts.fault(file.path, document.at.line, "it has no `interfaces`"),
        }
    }
}

fn read_interface(path: &str, node: &Node, drafts: &mut Drafts) {
    let Some(sriov) = node.at_key("ethernet").and_then(|one| one.at_key("sr-iov")) else { return };
    let name = node.at_key("name").and_then(Node::word);
    let Some(name) = name else {
        return drafts.fault(path, node.at.line, "an interface without a name");
    };
    let matching = Matching { netdev: Some(name.to_owned()), ..Matching::default() };
    let line = sriov.at.line;
    drafts.pf(path, line, matching.clone());
    for (key, value) in sriov.pairs() {
        let line = value.at.line;
        let read = match key {
            "total-vfs" => value.word().and_then(|count| count.parse().ok()).map(|vfs| {
                drafts.pf(path, line, matching.clone()).vfs = Some(vfs);
            }),
            "drivers-autoprobe" => value.word().and_then(switch).map(|on| {
                drafts.pf(path, line, matching.clone()).autoprobe = Some(on == Switch::On);
            }),
            "vfs" => match &value.value {
                Value::List(all) if all.is_empty() => {
                    drafts.lose(
                        path,
                        line,
                        "`vfs: []` puts all VFs back to what they are from the start",
                    );
                    Some(())
                }
                Value::List(all) => {
                    all.iter().for_each(|vf| read_vf(path, vf, &matching, drafts));
                    Some(())
                }
                _ => None,
            },
            _ => None,
        };
        if read.is_none() {
            drafts.fault(path, line, format!("{name}: `{key}`: nmstate does not take this"));
        }
    }
}

fn read_vf(path: &str, node: &Node, matching: &Matching, drafts: &mut Drafts) {
    let index = node.at_key("id").and_then(Node::word).and_then(|id| id.parse::<VfIndex>().ok());
    let Some(index) = index else {
        return drafts.fault(path, node.at.line, "a VF without a number (`id`)");
    };
    let mut wish = VfWish::default();
    for (key, value) in node.pairs().filter(|(key, _)| !matches!(*key, "id" | "iface-name")) {
        if value.word().and_then(|value| setting(&mut wish, key, value)).is_none() {
            let what = format!("VF {index}: `{key}`: nmstate does not take this");
            drafts.fault(path, value.at.line, what);
        }
    }
    drafts.pf(path, node.at.line, matching.clone()).vf.insert(index, wish);
}

fn setting(wish: &mut VfWish, key: &str, value: &str) -> Option<()> {
    let admin = &mut wish.admin;
    match key {
        "mac-address" => wish.mac = Some(MacWish::Given(value.parse().ok()?)),
        "spoof-check" => admin.spoofchk = Some(switch(value)?),
        "trust" => admin.trust = Some(switch(value)?),
        "min-tx-rate" => admin.min_rate = Some(value.parse().ok()?),
        "max-tx-rate" => admin.max_rate = Some(value.parse().ok()?),
        "vlan-id" => admin.vlan = Some(value.parse().ok()?),
        "qos" => admin.qos = Some(value.parse().ok()?),
        "vlan-proto" => admin.proto = Some(super::proto(value)?),
        _ => return None,
    }
    Some(())
}

fn write(declared: &Declared, _: &Terms<'_>, exported: &mut Exported) {
    let mut text = String::new();
    for pf in &declared.pfs {
        if let Some(name) = netdev(pf, exported) {
            text += &write_pf(pf, name);
        }
    }
    if !text.is_empty() {
        exported.file("etc/nmstate/virtfn-sriov.yml", format!("---\ninterfaces:\n{text}"));
    }
}

fn write_pf(pf: &DeclaredPf, name: &str) -> String {
    let mut text = format!(
        "- name: \"{name}\"\n  type: ethernet\n  state: up\n  ethernet:\n    sr-iov:\n      total-vfs: {}\n",
        pf.vfs
    );
    if let Some(on) = pf.autoprobe {
        text += &format!("      drivers-autoprobe: {on}\n");
    }
    let settings: Vec<String> = vfs(pf)
        .map(|(index, wish)| (index, settings(wish)))
        .filter(|(_, settings)| !settings.is_empty())
        .map(|(index, settings)| format!("      - {{ id: {index}, {} }}\n", settings.join(", ")))
        .collect();
    if !settings.is_empty() {
        text += "      vfs:\n";
        text += &settings.concat();
    }
    text
}

fn settings(wish: &VfWish) -> Vec<String> {
    let admin = &wish.admin;
    let on = |switch: Switch| switch == Switch::On;
    let mac = match wish.mac {
        Some(MacWish::Given(mac)) => Some(format!("mac-address: \"{mac}\"")),
        _ => None,
    };
    // nmstate spells the kind of tag in small letters.
    let proto = |proto: virtfn_host::VlanProto| proto.to_string().to_ascii_lowercase();
    let all = [
        mac,
        admin.spoofchk.map(|to| format!("spoof-check: {}", on(to))),
        admin.trust.map(|to| format!("trust: {}", on(to))),
        admin.min_rate.map(|rate| format!("min-tx-rate: {rate}")),
        admin.max_rate.map(|rate| format!("max-tx-rate: {rate}")),
        admin.vlan.map(|vlan| format!("vlan-id: {vlan}")),
        admin.qos.map(|qos| format!("qos: {qos}")),
        admin.proto.map(|to| format!("vlan-proto: \"{}\"", proto(to))),
    ];
    all.into_iter().flatten().collect()
}

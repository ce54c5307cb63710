//! OpenStack: nova's `device_spec`, and the options of neutron's SR-IOV agent.

use serde_json::{Value, json};
use virtfn_host::{Declared, Matching, Owner, Place, Switch};
use virtfn_pci::Address;

use super::draft::Drafts;
use super::resolve::netdev;
use super::{Exported, Format, Key, Part, Terms, Version};
use crate::File;
use crate::ini::{self, Entry};

/// The first nova that takes `managed`: 2025.1, Epoxy.
const MANAGED: Version = Version(31, 0);

pub(super) const FORMAT: Format = Format {
    name: "openstack",
    about: "nova's device_spec, and neutron's SR-IOV agent",
    owner: Some(Owner::Neutron),
    places: &[("etc/nova", "nova", ".conf"), ("etc/nova/nova.conf.d", "", ".conf")],
    holds: &[Part::Trust, Part::Driver],
    keys: &[Key::Netdev, Key::Pci],
    remarks: &[
        "Both give out VFs that somebody else made: how many there are is taken from the machine.",
        "A policy knows no physical networks: an export calls them after the interfaces, to be changed by hand.",
        "nova and neutron set address, VLAN, spoof check and rates of a VF when an instance takes it.",
    ],
    since: &[(MANAGED, "VFs that nova shall not bind itself (managed, 2025.1)")],
    read,
    write,
};

fn read(files: &[File<'_>], terms: &Terms<'_>, drafts: &mut Drafts) {
    for file in files {
        for section in ini::parse(file.text) {
            for entry in &section.entries {
                match (section.name, entry.key.as_str()) {
                    ("pci", "device_spec" | "passthrough_whitelist") => {
                        read_specs(file.path, entry, terms, drafts);
                    }
                    ("sriov_nic", "physical_device_mappings") => {
                        read_mappings(file.path, entry, drafts);
                    }
                    ("sriov_nic", "exclude_devices" | "resource_provider_bandwidths") => {
                        drafts.lose(file.path, entry.line, entry.key.clone());
                    }
                    _ => {}
                }
            }
        }
    }
}

fn read_mappings(path: &str, entry: &Entry, drafts: &mut Drafts) {
    for mapping in ini::words(&entry.value) {
        match mapping.rsplit_once(':') {
            Some((network, name)) => {
                let matching = Matching { netdev: Some(name.to_owned()), ..Matching::default() };
                drafts.pf(path, entry.line, matching);
                drafts.lose(path, entry.line, format!("{name}: its physical network {network}"));
            }
            None => drafts.fault(path, entry.line, "a mapping without a colon"),
        }
    }
}

fn read_specs(path: &str, entry: &Entry, terms: &Terms<'_>, drafts: &mut Drafts) {
    let specs = match serde_json::from_str::<Value>(&entry.value) {
        Ok(Value::Array(specs)) => specs,
        Ok(spec @ Value::Object(_)) => vec![spec],
        _ => {
            return drafts.fault(
                path,
                entry.line,
                format!("{}: not the JSON that nova takes", entry.key),
            );
        }
    };
    for spec in specs {
        read_spec((path, entry.line), &spec, terms, drafts);
    }
}

fn read_spec(at: (&str, u32), spec: &Value, terms: &Terms<'_>, drafts: &mut Drafts) {
    let word = |key: &str| spec.get(key).and_then(Value::as_str);
    let trusted = word("trusted").and_then(super::switch);
    for (key, _) in spec.as_object().into_iter().flatten() {
        let known = ["devname", "address", "vendor_id", "product_id", "trusted", "managed"];
        if !known.contains(&key.as_str()) {
            drafts.lose(at.0, at.1, format!("device_spec: {}", super::sysfs_conf::clip(key)));
        }
    }
    if let Some(name) = word("devname") {
        let matching = Matching { netdev: Some(name.to_owned()), ..Matching::default() };
        return trust(drafts, at, matching, trusted, terms);
    }
    match word("address").map(str::parse::<Address>) {
        Some(Ok(address)) => match terms.machine {
            // nova takes a PF's address for all its VFs.
            Some(machine) if machine.vf(address).is_some() => {
                if let (Some(wish), Some(trusted)) = (drafts.vf(at, address, terms), trusted) {
                    wish.admin.trust = Some(trusted);
                }
            }
            _ => {
                let matching = Matching { pci: Some(address), ..Matching::default() };
                trust(drafts, at, matching, trusted, terms);
            }
        },
        _ => drafts.lose(
            at.0,
            at.1,
            "device_spec: a pattern, or a kind of device: a policy names PFs",
        ),
    }
}

/// A PF, and whether all its VFs may ask for more.
fn trust(
    drafts: &mut Drafts,
    at: (&str, u32),
    matching: Matching,
    trusted: Option<Switch>,
    terms: &Terms<'_>,
) {
    let known = terms.machine.and_then(|machine| machine.meant(&matching).next());
    let vfs: Vec<_> =
        known.map(|pf| (0..pf.now).map(virtfn_host::VfIndex).collect()).unwrap_or_default();
    let draft = drafts.pf(at.0, at.1, matching);
    if let Some(trusted) = trusted {
        for index in vfs {
            draft.vf.entry(index).or_default().admin.trust = Some(trusted);
        }
    }
}

fn write(declared: &Declared, terms: &Terms<'_>, exported: &mut Exported) {
    let mut specs = String::from("[pci]\n");
    let mut mappings: Vec<String> = Vec::new();
    for pf in &declared.pfs {
        let Some(name) = netdev(pf, exported) else { continue };
        let wishes = || (0..pf.vfs).map(|index| pf.wish(virtfn_host::VfIndex(index)));
        let trusts: Vec<_> = wishes().map(|wish| wish.admin.trust).collect();
        let all_alike = trusts.windows(2).all(|pair| pair[0] == pair[1]);
        let trust = trusts.first().copied().flatten().filter(|_| all_alike);
        if !all_alike {
            exported.lose(
                &pf.place,
                format!("{}: `trust` of single VFs: nova takes one word for all", pf.matching),
            );
        }
        let network = format!("physnet-{name}");
        let mut spec = json!({ "devname": name, "physical_network": network });
        if let Some(trust) = trust {
            spec["trusted"] = if trust == Switch::On { "true" } else { "false" }.into();
        }
        // VFs that have a driver already are not nova's to bind.
        if wishes().any(|wish| wish.driver.is_some()) {
            if terms.since(MANAGED) {
                spec["managed"] = "no".into();
            } else {
                let why = format!("nova before {MANAGED} binds every VF itself");
                exported.lose(&pf.place, format!("{}: `driver`: {why}", pf.matching));
            }
        }
        specs += &format!("device_spec = {spec}\n");
        mappings.push(format!("{network}:{name}"));
    }
    if mappings.is_empty() {
        return;
    }
    let why = "physical networks are called after the interfaces: put in the cloud's own names";
    exported.lose(&Place::default(), why);
    exported.file("etc/nova/nova.conf.d/virtfn-sriov.conf", specs);
    let agent = format!("[sriov_nic]\nphysical_device_mappings = {}\n", mappings.join(","));
    exported.file("etc/neutron/plugins/ml2/sriov_agent.ini", agent);
}

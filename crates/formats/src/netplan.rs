//! netplan's `*.yaml`.
//!
//! Lost: all that is not about making VFs, and how files are merged key by key (each file is read
//! by itself). netplan knows no address, trust or rate of a VF, so a claim of settings here means
//! hardware VLANs alone.

use std::collections::BTreeMap;

use virtfn_host::{Condition, Demand, Field, Owner, VfCount};

use crate::yaml::{self, Node};
use crate::{File, Reading};

/// What netplan says of one device.
struct Device<'a> {
    node: &'a Node,
    /// How many VFs it shall have, and the line.
    count: Option<(u32, u32)>,
    /// The PF that it is a VF of, and the line.
    link: Option<(&'a str, u32)>,
}

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        let document = match yaml::parse(file.text) {
            Ok(document) => document,
            // The parser's own words may quote the file, and with it whatever secrets stand there.
            Err(broken) => {
                reading.miss(file.path, broken.at.line, "not the YAML that this file should be");
                continue;
            }
        };
        let network = document.as_ref().and_then(|document| document.at_key("network"));
        let Some(network) = network else { continue };
        let devices = network.at_key("ethernets").into_iter().flat_map(Node::pairs);
        let mut netplan = Netplan { path: file.path, devices: BTreeMap::new() };
        for (id, node) in devices.filter(|(_, node)| node.is_map()) {
            if let Some(device) = device(file.path, node, &mut reading) {
                netplan.devices.insert(id, device);
            }
        }
        netplan.read(network.at_key("vlans"), &mut reading);
    }
    reading
}

fn device<'a>(path: &str, node: &'a Node, reading: &mut Reading) -> Option<Device<'a>> {
    let count = match node.at_key("virtual-function-count") {
        Some(count) => match count.word().and_then(|count| count.parse().ok()) {
            Some(number) => Some((number, count.at.line)),
            None => {
                reading.miss(path, count.at.line, "no number of VFs");
                return None;
            }
        },
        None => None,
    };
    let link = node.at_key("link").and_then(|link| Some((link.word()?, link.at.line)));
    Some(Device { node, count, link })
}

struct Netplan<'a> {
    path: &'a str,
    devices: BTreeMap<&'a str, Device<'a>>,
}

impl Netplan<'_> {
    fn read(&self, vlans: Option<&Node>, reading: &mut Reading) {
        for (id, device) in &self.devices {
            let stanzas = self.vfs_of(id);
            let (counted, line) = match (device.count, stanzas.first()) {
                (Some(count), _) => count,
                (None, Some(line)) => (0, *line),
                (None, None) => continue,
            };
            let stanzas = u32::try_from(stanzas.len()).unwrap_or(u32::MAX);
            self.claim(id, line, Demand::Vfs(VfCount::Exactly(counted.max(stanzas))), reading);
        }
        self.read_orphans(reading);
        for (_, vlan) in vlans.into_iter().flat_map(Node::pairs) {
            let renderer = vlan.at_key("renderer").filter(|name| name.word() == Some("sriov"));
            let vf = vlan.at_key("link").and_then(|vf| self.devices.get(vf.word()?));
            if let (Some(renderer), Some((pf, _))) = (renderer, vf.and_then(|vf| vf.link)) {
                self.claim(pf, renderer.at.line, Demand::Settings, reading);
            }
        }
    }

    /// The lines of the stanzas that are VFs of `pf`.
    fn vfs_of(&self, pf: &str) -> Vec<u32> {
        let links = self.devices.values().filter_map(|device| device.link);
        let mut lines: Vec<u32> =
            links.filter(|(link, _)| *link == pf).map(|(_, line)| line).collect();
        lines.sort_unstable();
        lines
    }

    /// VFs whose PF another file describes: netplan merges its files.
    fn read_orphans(&self, reading: &mut Reading) {
        let mut pfs: BTreeMap<&str, u32> = BTreeMap::new();
        for (link, _) in self.devices.values().filter_map(|device| device.link) {
            if !self.devices.contains_key(link) {
                *pfs.entry(link).or_default() += 1;
            }
        }
        for (pf, count) in pfs {
            let line = self.vfs_of(pf).first().copied().unwrap_or(0);
            self.claim(pf, line, Demand::Vfs(VfCount::AtLeast(count)), reading);
        }
    }

    fn claim(&self, id: &str, line: u32, what: Demand, reading: &mut Reading) {
        reading.claim(Owner::Netplan, self.path, line, &self.conditions(id), what);
    }

    /// An id without `match` is the interface's name.
    fn conditions(&self, id: &str) -> Vec<Condition> {
        let device = self.devices.get(id).map(|device| device.node);
        let matches = device.and_then(|device| device.at_key("match")).filter(|node| node.is_map());
        let (Some(device), Some(matches)) = (device, matches) else {
            return vec![Condition::new(Field::Netdev, [id])];
        };
        let word = |key| matches.at_key(key).and_then(Node::word);
        let mut of = Vec::new();
        if let Some(name) = word("name") {
            // With `set-name` the interface has another name by now.
            let renamed = device.at_key("set-name").is_some();
            let field = if renamed { Field::KernelName } else { Field::Netdev };
            of.push(Condition::new(field, [name]));
        }
        if let Some(mac) = word("macaddress") {
            of.push(Condition::new(Field::Mac, [mac]));
        }
        let drivers = matches.at_key("driver").map(Node::words).unwrap_or_default();
        if !drivers.is_empty() {
            of.push(Condition::new(Field::Driver, drivers));
        }
        of
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Vec<(Option<u32>, String, Vec<Condition>)> {
        let reading = read(&[File { path: "etc/netplan/50.yaml", text }]);
        assert_eq!(reading.unread, []);
        reading.claims.into_iter().map(|one| (one.line, one.what.to_string(), one.of)).collect()
    }

    #[test]
    fn counts_stanzas_and_hardware_vlans_are_claims() {
        let text = "\
network:
  version: 2
  renderer: networkd
  ethernets:
    renderer: networkd
    ens1f0:
      virtual-function-count: 8
      embedded-switch-mode: switchdev
    ens1f0v0: {link: ens1f0, addresses: [10.0.0.1/24]}
    port1:
      match: {macaddress: '52:54:00:00:00:01', driver: [igb, ixgbe]}
      set-name: lan1
    vf0:
      link: port1
    vf1:
      link: port1
    elsewhere: {link: ens9}
    plain: {dhcp4: true, match: {name: 'enp*'}}
  vlans:
    hw10: {id: 10, link: ens1f0v0, renderer: sriov}
    sw10: {id: 10, link: plain}
  wifis:
    wlan0: {access-points: {home: {password: secret}}}
";
        let eth = |name: &str| vec![Condition::new(Field::Netdev, [name])];
        assert_eq!(
            claims(text),
            [
                (Some(7), "8 VFs".into(), eth("ens1f0")),
                (
                    Some(14),
                    "2 VFs".into(),
                    vec![
                        Condition::new(Field::Mac, ["52:54:00:00:00:01"]),
                        Condition::new(Field::Driver, ["igb", "ixgbe"])
                    ]
                ),
                (Some(17), "at least 1 VF".into(), eth("ens9")),
                (Some(20), "settings of VFs".into(), eth("ens1f0")),
            ]
        );
    }

    #[test]
    fn what_is_no_netplan_says_nothing_and_quotes_nothing() {
        for text in ["", "# comment\n", "network:\n", "network: 7\n", "other: {}\n"] {
            assert_eq!(claims(text), [], "{text}");
        }
        let text = "network:\n  ethernets:\n    e: {virtual-function-count: secret}\n";
        let reading = read(&[File { path: "x", text }]);
        assert_eq!((reading.claims.len(), reading.unread[0].line), (0, 3));
        assert!(!format!("{reading:?}").contains("secret"));
    }
}

//! netplan's `*.yaml`.
//!
//! Lost: all that is not about making VFs, and how files are merged key by key (each file is read
//! by itself). netplan knows no address, trust or rate of a VF, so a claim of settings here means
//! hardware VLANs alone.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;
use virtfn_host::{Condition, Demand, Field, Owner, VfCount};

use crate::yaml::{self, Mapping, Words, number};
use crate::{File, Reading};

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    network: Mapping<Network>,
}

#[derive(Deserialize)]
struct Network {
    #[serde(default)]
    ethernets: Mapping<BTreeMap<String, Mapping<Device>>>,
    #[serde(default)]
    vlans: Mapping<BTreeMap<String, Mapping<Vlan>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Device {
    #[serde(default, rename = "match")]
    matches: Mapping<Match>,
    set_name: Option<String>,
    virtual_function_count: Option<Spanned<u32>>,
    link: Option<Spanned<String>>,
}

#[derive(Deserialize)]
struct Match {
    name: Option<String>,
    macaddress: Option<String>,
    #[serde(default)]
    driver: Words,
}

#[derive(Deserialize)]
struct Vlan {
    renderer: Option<Spanned<String>>,
    link: Option<String>,
}

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        let document: Option<Document> = yaml::parse(*file, &mut reading);
        let Some(network) = document.and_then(|document| document.network.0) else { continue };
        let devices = network.ethernets.0.unwrap_or_default();
        let devices =
            devices.into_iter().filter_map(|(id, device)| Some((id, device.0?))).collect();
        Netplan { path: file.path, devices }
            .read(&network.vlans.0.unwrap_or_default(), &mut reading);
    }
    reading
}

struct Netplan<'a> {
    path: &'a str,
    devices: BTreeMap<String, Device>,
}

impl Netplan<'_> {
    fn read(&self, vlans: &BTreeMap<String, Mapping<Vlan>>, reading: &mut Reading) {
        for (id, device) in &self.devices {
            let stanzas = self.vfs_of(id);
            let (counted, line) = match (&device.virtual_function_count, stanzas.first()) {
                (Some(count), _) => (count.value, number(count.referenced.line())),
                (None, Some(line)) => (0, *line),
                (None, None) => continue,
            };
            let stanzas = u32::try_from(stanzas.len()).unwrap_or(u32::MAX);
            self.claim(id, line, Demand::Vfs(VfCount::Exactly(counted.max(stanzas))), reading);
        }
        self.read_orphans(reading);
        for vlan in vlans.values().filter_map(|vlan| vlan.0.as_ref()) {
            let renderer = vlan.renderer.as_ref().filter(|renderer| renderer.value == "sriov");
            let vf = vlan.link.as_ref().and_then(|vf| self.devices.get(vf));
            let pf = vf.and_then(|vf| vf.link.as_ref());
            if let (Some(renderer), Some(pf)) = (renderer, pf) {
                self.claim(
                    &pf.value,
                    number(renderer.referenced.line()),
                    Demand::Settings,
                    reading,
                );
            }
        }
    }

    /// The lines of the stanzas that are VFs of `pf`.
    fn vfs_of(&self, pf: &str) -> Vec<u32> {
        let links = self.devices.values().filter_map(|device| device.link.as_ref());
        let mut lines: Vec<u32> = links
            .filter(|link| link.value == pf)
            .map(|link| number(link.referenced.line()))
            .collect();
        lines.sort_unstable();
        lines
    }

    /// VFs whose PF another file describes: netplan merges its files.
    fn read_orphans(&self, reading: &mut Reading) {
        let mut pfs: BTreeMap<&str, u32> = BTreeMap::new();
        for link in self.devices.values().filter_map(|device| device.link.as_ref()) {
            if !self.devices.contains_key(&link.value) {
                *pfs.entry(&link.value).or_default() += 1;
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
        let device = self.devices.get(id);
        let Some(matches) = device.and_then(|device| device.matches.0.as_ref()) else {
            return vec![Condition::new(Field::Netdev, [id])];
        };
        let mut of = Vec::new();
        if let Some(name) = &matches.name {
            // With `set-name` the interface has another name by now.
            let renamed = device.is_some_and(|device| device.set_name.is_some());
            let field = if renamed { Field::KernelName } else { Field::Netdev };
            of.push(Condition::new(field, [name]));
        }
        if let Some(mac) = &matches.macaddress {
            of.push(Condition::new(Field::Mac, [mac]));
        }
        if !matches.driver.0.is_empty() {
            of.push(Condition::new(Field::Driver, &matches.driver.0));
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

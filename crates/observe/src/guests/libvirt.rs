//! libvirt's records: the status of what runs, the definitions, the networks that give out VFs.

use std::collections::BTreeSet;

use virtfn_formats::guest;
use virtfn_host::{Function, Guest, GuestState, ManagedBy, Pool, Reason, Unreadable};

use super::Records;
use crate::texts::Told;

const RUNS: &str = "run/libvirt/qemu";
const USERS: &str = "run/user";
const NETWORKS: [&str; 2] = ["etc/libvirt/qemu/networks", "run/libvirt/network"];

impl Records<'_> {
    /// The status files of libvirt's, and of every user's own libvirt.
    pub(super) fn libvirt_running(&mut self) {
        let is_user = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        let users = self.names(USERS, is_user);
        let of_user = |user: String| format!("{USERS}/{user}/libvirt/qemu/run");
        let folders = std::iter::once(RUNS.to_owned()).chain(users.into_iter().map(of_user));
        for folder in folders.collect::<Vec<_>>() {
            for name in self.names(&folder, |name| name.ends_with(".xml")) {
                let path = format!("{folder}/{name}");
                if let Some(text) = self.text(&path) {
                    self.libvirt_status(path, &text);
                }
            }
        }
    }

    fn libvirt_status(&mut self, path: String, text: &str) {
        let Some(domain) = guest::domain(text) else {
            let why = Reason::Failed("it has no domain in it".into());
            self.guests.unseen.push(Unreadable { path, why });
            return;
        };
        let Some(state) = domain.state else { return };
        let guest = Guest {
            name: domain.name,
            managed_by: ManagedBy::Libvirt,
            state,
            devices: domain.devices,
            pools: domain.networks,
        };
        self.running(guest, path, domain.emulator.as_deref());
    }

    pub(super) fn libvirt_defined(&mut self, told: &Told) {
        self.guests.unseen.extend(told.unseen.iter().cloned());
        let domains = told.files.iter().flatten().filter_map(|(_, text)| guest::domain(text));
        let defined: Vec<Guest> = domains
            .map(|domain| Guest {
                name: domain.name,
                managed_by: ManagedBy::Libvirt,
                state: GuestState::Defined,
                devices: domain.devices,
                pools: domain.networks,
            })
            .collect();
        self.guests.found.extend(defined);
        let named =
            |guest: &Guest| guest.managed_by == ManagedBy::Libvirt && !guest.pools.is_empty();
        if self.guests.found.iter().any(named) {
            self.libvirt_pools();
        }
        // Most networks give out no VFs.
        let pools: BTreeSet<String> =
            self.guests.pools.iter().map(|one| one.name.clone()).collect();
        for guest in &mut self.guests.found {
            guest.pools.retain(|pool| pools.contains(pool));
        }
        self.guests.found.retain(|guest| {
            guest.state.is_live() || !guest.devices.is_empty() || !guest.pools.is_empty()
        });
    }

    /// Networks that give out VFs, the definition of one before how it runs.
    fn libvirt_pools(&mut self) {
        let mut seen = BTreeSet::new();
        for folder in NETWORKS {
            for name in self.names(folder, |name| name.ends_with(".xml")) {
                let text = self.text(&format!("{folder}/{name}"));
                let Some(network) = text.and_then(|text| guest::network(&text)) else { continue };
                if seen.insert(network.name.clone()) {
                    let own = |function: &&Function| {
                        network.pf.as_ref().is_some_and(|pf| function.netdevs.contains(pf))
                    };
                    let pf = self.host.functions.values().find(own).map(|pf| pf.address);
                    let at = self.at(network.devices).into_iter().chain(pf).collect();
                    let managed_by = ManagedBy::Libvirt;
                    self.guests.pools.push(Pool { name: network.name, managed_by, at });
                }
            }
        }
    }
}

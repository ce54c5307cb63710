//! Proxmox VE's records: which guest has which function now, what each is given, the mappings.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use virtfn_formats::guest::{self, Given, Place, Reservation, Until};
use virtfn_host::{Guest, GuestState, ManagedBy, Pool};
use virtfn_pci::Address;

use super::Records;
use crate::texts::Told;

const RESERVATIONS: &str = "run/qemu-server/pci-id-reservations";
const MAPPINGS: &str = "etc/pve/mapping/pci.cfg";
const HOST_NAME: &str = "proc/sys/kernel/hostname";

impl Records<'_> {
    pub(super) fn proxmox_running(&mut self) {
        let Some(text) = self.text(RESERVATIONS) else { return };
        let mut by_guest: BTreeMap<(String, Option<u32>), BTreeSet<Address>> = BTreeMap::new();
        let now = self.now();
        for Reservation { device, guest, until } in guest::reservations(&text) {
            let pid = match until {
                Until::Ends(pid) => Some(pid),
                // It never came to be started.
                Until::Time(end) if now.is_some_and(|now| end <= now) => continue,
                Until::Time(_) => None,
            };
            by_guest.entry((guest, pid)).or_default().insert(device);
        }
        for ((name, pid), devices) in by_guest {
            let state = pid.map_or(GuestState::Starting, |pid| GuestState::Running { pid });
            let pools = BTreeSet::new();
            let guest = Guest { name, managed_by: ManagedBy::Proxmox, state, devices, pools };
            match pid {
                Some(_) => self.running(guest, RESERVATIONS.to_owned(), None),
                None => self.guests.found.push(guest),
            }
        }
    }

    /// Seconds since 1970. What a recording was made at, nobody knows.
    fn now(&self) -> Option<u64> {
        let since = self.root.is_live().then(|| SystemTime::now().duration_since(UNIX_EPOCH));
        since?.ok().map(|since| since.as_secs())
    }

    pub(super) fn proxmox_defined(&mut self, told: &Told) {
        self.guests.unseen.extend(told.unseen.iter().cloned());
        let mut wanted = BTreeSet::new();
        for (path, text) in told.files.iter().flatten() {
            let file = path.rsplit('/').next().unwrap_or_default();
            let name = file.strip_suffix(".conf").unwrap_or(file).to_owned();
            let mut guest = Guest {
                name,
                managed_by: ManagedBy::Proxmox,
                state: GuestState::Defined,
                devices: BTreeSet::new(),
                pools: BTreeSet::new(),
            };
            for line in guest::config(text) {
                match line.given {
                    Given::This(place) => guest.devices.extend(self.covered(&[place])),
                    Given::AnyOf(places) => {
                        let pool = format!("{} of VM {}", line.key, guest.name);
                        self.proxmox_pool(&pool, &places);
                        guest.pools.insert(pool);
                    }
                    Given::Mapping(mapping) => {
                        wanted.insert(mapping.clone());
                        guest.pools.insert(mapping);
                    }
                }
            }
            if !guest.devices.is_empty() || !guest.pools.is_empty() {
                self.guests.found.push(guest);
            }
        }
        if !wanted.is_empty() {
            self.proxmox_mappings(&wanted);
        }
    }

    fn proxmox_mappings(&mut self, wanted: &BTreeSet<String>) {
        let Some(text) = self.text(MAPPINGS) else { return };
        // A node of a cluster is called as its host.
        let node = self.root.peek(HOST_NAME, 1024);
        let node = node.known().and_then(|name| name.trim().split('.').next());
        for (name, places) in guest::mappings(&text, node) {
            if wanted.contains(&name) {
                self.proxmox_pool(&name, &places);
            }
        }
    }

    fn proxmox_pool(&mut self, name: &str, places: &[Place]) {
        let at = self.at(self.covered(places));
        self.guests.pools.push(Pool { name: name.to_owned(), managed_by: ManagedBy::Proxmox, at });
    }

    /// The functions of this host that are meant.
    fn covered(&self, places: &[Place]) -> BTreeSet<Address> {
        let there = |place: &Place| self.host.functions.range(place.span());
        places.iter().flat_map(there).map(|(address, _)| *address).collect()
    }
}

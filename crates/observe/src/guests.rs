//! Which virtual machines have functions of this host, or are given some when they start: by the
//! records of those who run them, and by the command lines of those that nobody keeps records of.
//!
//! Secrets stand in these files, so no tape keeps them: a recording has the guests themselves, as a
//! fact, or the files, if somebody else made it.
//!
//! Not read: what users define for themselves below their homes (`qemu:///session`); what runs of
//! that is found.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use virtfn_formats::guest::{self, Given, Place, Reservation, Until};
use virtfn_formats::{MAX_FILE_BYTES, SOURCES};
use virtfn_host::{
    Function, Guest, GuestState, Guests, Host, ManagedBy, Owner, Pool, Reason, Seen, Stale,
    Unreadable, Vm,
};
use virtfn_kernel::SysRoot;
use virtfn_kernel::processes::OpenNode;
use virtfn_pci::Address;

use crate::claims::is_foreign;
use crate::process::{Process, look_for};
use crate::texts::{Texts, Told};

/// Where a recording has the guests.
pub(crate) const FACT: &str = "virtfn/guests.json";
/// No host runs more guests than this; the kernel's own limit on processes is near.
const MAX_GUESTS: usize = 1 << 15;

const LIBVIRT_RUNS: &str = "run/libvirt/qemu";
const USERS: &str = "run/user";
const NETWORKS: [&str; 2] = ["etc/libvirt/qemu/networks", "run/libvirt/network"];
const RESERVATIONS: &str = "run/qemu-server/pci-id-reservations";
const MAPPINGS: &str = "etc/pve/mapping/pci.cfg";
const HOST_NAME: &str = "proc/sys/kernel/hostname";

/// Reads the guests; `nodes` are the VFIO nodes that processes have open.
pub(crate) fn read(
    root: &SysRoot,
    host: &Host,
    nodes: &[OpenNode],
    texts: &mut Texts,
) -> Seen<Guests> {
    match root.fact("guests", || Seen::Known(read_records(root, host, nodes, texts))) {
        Seen::Absent if is_foreign(root) => Seen::Known(read_records(root, host, nodes, texts)),
        told => told,
    }
}

fn read_records(root: &SysRoot, host: &Host, nodes: &[OpenNode], texts: &mut Texts) -> Guests {
    let mut records = Records { root, host, guests: Guests::default() };
    records.libvirt_running();
    records.proxmox_running();
    records.by_hand(nodes);
    records.libvirt_defined(texts.shared(root, source(Owner::Libvirt)));
    records.proxmox_defined(texts.shared(root, source(Owner::Proxmox)));
    let mut guests = records.guests;
    guests.found.truncate(MAX_GUESTS);
    guests
}

/// The one source of an owner that is the definitions of guests.
fn source(owner: Owner) -> &'static virtfn_formats::Source {
    let of_guests = SOURCES.iter().find(|source| source.owner == owner);
    of_guests.unwrap_or(&SOURCES[0])
}

struct Records<'a> {
    root: &'a SysRoot,
    host: &'a Host,
    guests: Guests,
}

impl Records<'_> {
    /// The status files of libvirt's, and of every user's own libvirt.
    fn libvirt_running(&mut self) {
        let is_user = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        let users = self.names(USERS, is_user);
        let of_user = |user: String| format!("{USERS}/{user}/libvirt/qemu/run");
        let folders =
            std::iter::once(LIBVIRT_RUNS.to_owned()).chain(users.into_iter().map(of_user));
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

    /// Takes a guest that runs by its record, if its process is still the one that it was.
    fn running(&mut self, guest: Guest, path: String, emulator: Option<&str>) {
        let Some(pid) = guest.state.pid() else { return };
        let now = match look_for(self.root, pid, emulator) {
            Process::Guest => {
                self.guests.found.push(guest);
                return;
            }
            Process::Gone => None,
            Process::Another(name) => Some(name),
        };
        let Guest { name, managed_by, .. } = guest;
        self.guests.stale.push(Stale { name, managed_by, pid, now, path });
    }

    fn proxmox_running(&mut self) {
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

    /// Guests in processes that have a VFIO node open and stand in no record.
    fn by_hand(&mut self, nodes: &[OpenNode]) {
        let recorded = |pid| self.guests.in_process(pid).is_some();
        let unknown: BTreeMap<u32, &str> = nodes
            .iter()
            .filter(|node| guest::is_vmm(&node.name) && !recorded(node.pid))
            .map(|node| (node.pid, node.name.as_str()))
            .collect();
        let path = |pid: &u32| format!("proc/{pid}/cmdline");
        let paths: Vec<String> = unknown.keys().map(path).collect();
        let lines = if paths.is_empty() { BTreeMap::new() } else { self.root.locked_peeks(&paths) };
        for (pid, program) in unknown {
            let line = lines.get(&path(&pid)).and_then(|line| line.known().map(String::as_str));
            if let Some(Vm { name, managed_by }) = line.and_then(|line| guest::vmm(program, line)) {
                let (devices, pools) = (BTreeSet::new(), BTreeSet::new());
                let state = GuestState::Running { pid };
                self.guests.found.push(Guest { name, managed_by, state, devices, pools });
            }
        }
    }

    fn libvirt_defined(&mut self, told: &Told) {
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

    fn proxmox_defined(&mut self, told: &Told) {
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

    /// The PFs of those that are VFs, and the others.
    fn at(&self, devices: BTreeSet<Address>) -> BTreeSet<Address> {
        let pf = |device: &Address| self.host.functions.get(device).and_then(Function::vf);
        devices.into_iter().map(|device| pf(&device).map_or(device, |vf| vf.pf)).collect()
    }

    fn names(&mut self, folder: &str, keep: impl FnMut(&str) -> bool) -> Vec<String> {
        match self.root.peek_names(folder, keep) {
            Seen::Known(names) => names.into_iter().take(MAX_GUESTS).collect(),
            Seen::Absent => Vec::new(),
            Seen::Unreadable(unreadable) => {
                self.guests.unseen.push(unreadable);
                Vec::new()
            }
        }
    }

    fn text(&mut self, path: &str) -> Option<String> {
        match self.root.peek(path, MAX_FILE_BYTES) {
            Seen::Known(text) => Some(text),
            Seen::Absent => None,
            Seen::Unreadable(unreadable) => {
                self.guests.unseen.push(unreadable);
                None
            }
        }
    }
}

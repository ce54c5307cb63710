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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use virtfn_host::{Holder, HolderKind};

    use super::*;
    use crate::{Facet, Look};

    /// A PF with three VFs, which a VFIO driver has.
    fn write_card(root: &Path) {
        let devices = root.join("sys/bus/pci/devices");
        fs::create_dir_all(&devices).unwrap();
        let bus = "sys/devices/pci0000:00/0000:00:01.0";
        let pf = format!("{bus}/0000:0b:00.0");
        for (index, vf) in ["0000:0b:10.0", "0000:0b:10.2", "0000:0b:10.4"].iter().enumerate() {
            let folder = root.join(bus).join(vf);
            write_function(root, &folder, "vfio-pci");
            symlink("../0000:0b:00.0", folder.join("physfn")).unwrap();
            fs::create_dir_all(root.join(&pf)).unwrap();
            symlink(format!("../{vf}"), root.join(&pf).join(format!("virtfn{index}"))).unwrap();
            symlink(format!("../../../../{bus}/{vf}"), devices.join(vf)).unwrap();
        }
        write_function(root, &root.join(&pf), "igb");
        fs::write(root.join(&pf).join("sriov_totalvfs"), "7\n").unwrap();
        fs::create_dir_all(root.join(&pf).join("net/eth0")).unwrap();
        symlink(format!("../../../../{pf}"), devices.join("0000:0b:00.0")).unwrap();
    }

    fn write_function(root: &Path, folder: &Path, driver: &str) {
        fs::create_dir_all(folder).unwrap();
        for (name, value) in [("vendor", "0x8086"), ("device", "0x10c9"), ("class", "0x020000")] {
            fs::write(folder.join(name), format!("{value}\n")).unwrap();
        }
        fs::create_dir_all(root.join("sys/bus/pci/drivers").join(driver)).unwrap();
        symlink(format!("../../../../bus/pci/drivers/{driver}"), folder.join("driver")).unwrap();
    }

    /// The card, with these files beside it, as a recording that somebody else made.
    fn host(files: &[(&str, &str)]) -> Host {
        let folder = tempfile::tempdir().unwrap();
        write_card(folder.path());
        for (path, text) in files.iter().chain(&[("etc/hostname", "pve1\n")]) {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let root = SysRoot::open(folder.path()).unwrap();
        crate::host(&root, &Look::at(&[Facet::Holders, Facet::Guests])).unwrap()
    }

    fn guests(host: &Host) -> &Guests {
        host.guests.known().unwrap()
    }

    /// `NAME STATE: ADDRESSES; POOLS`.
    fn told(host: &Host) -> Vec<String> {
        let line = |guest: &Guest| {
            let devices: Vec<String> = guest.devices.iter().map(|one| one.short()).collect();
            let pools: Vec<&str> = guest.pools.iter().map(String::as_str).collect();
            let (name, state) = (&guest.name, guest.state.word());
            format!("{name} {state}: {}; {}", devices.join(" "), pools.join(" "))
        };
        guests(host).found.iter().map(line).collect()
    }

    fn holders(host: &Host, address: &str) -> Vec<Holder> {
        let function = &host.functions[&address.parse::<Address>().unwrap()];
        function.holders.known().cloned().unwrap_or_default()
    }

    fn status(name: &str, pid: u32, devices: &str) -> String {
        format!(
            "<domstatus state='running' reason='booted' pid='{pid}'><domain type='kvm' id='1'>\
             <name>{name}</name><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>\
             {devices}</devices></domain></domstatus>"
        )
    }

    const FIRST: &str = "<interface type='hostdev' managed='yes'><source><address type='pci' \
        domain='0x0000' bus='0x0b' slot='0x10' function='0x0'/></source></interface>";
    const OUT_OF_POOL: &str = "<interface type='network'><source network='vfpool'/>\
        <actual type='hostdev' managed='yes'><source><address type='pci' domain='0x0000' \
        bus='0x0b' slot='0x10' function='0x2'/></source></actual></interface>";
    const POOLED: &str = "<domain><name>db</name><devices><interface type='network'>\
        <source network='vfpool'/></interface></devices></domain>";
    const POOL: &str = "<network><name>vfpool</name><forward mode='hostdev' managed='yes'>\
        <pf dev='eth0'/></forward></network>";

    #[test]
    fn libvirts_guests_are_told_by_what_runs_and_by_what_is_defined() {
        let web = status("web", 812, FIRST);
        let mine = status("mine", 900, OUT_OF_POOL);
        let host = host(&[
            ("run/libvirt/qemu/web.xml", &web),
            ("run/libvirt/qemu/web.pid", "812"),
            ("run/user/1000/libvirt/qemu/run/mine.xml", &mine),
            ("etc/libvirt/qemu/db.xml", POOLED),
            ("etc/libvirt/qemu/plain.xml", "<domain><name>plain</name></domain>"),
            ("etc/libvirt/qemu/networks/vfpool.xml", POOL),
            (
                "etc/libvirt/qemu/networks/default.xml",
                "<network><name>default</name><forward mode='nat'/></network>",
            ),
        ]);
        assert_eq!(
            told(&host),
            ["web running: 0b:10.0; ", "mine running: 0b:10.2; vfpool", "db defined: ; vfpool"]
        );
        let pf = "0000:0b:00.0".parse().unwrap();
        let owed = guests(&host).by_pool();
        assert_eq!(owed[&pf].iter().map(|(guest, _)| &guest.name).collect::<Vec<_>>(), ["db"]);
        assert_eq!(guests(&host).unseen, []);
        // Nobody could look into processes: the record is what there is to go by.
        let [holder] = &holders(&host, "0000:0b:10.0")[..] else { panic!("not one holder") };
        assert_eq!((holder.kind, holder.pid), (HolderKind::Unseen, Some(812)));
        assert_eq!(holder.to_string(), "a process (pid 812), VM web, through libvirt's record");
        assert_eq!(holders(&host, "0000:0b:10.4"), []);
    }

    #[test]
    fn a_record_without_its_process_is_no_guest() {
        let (web, db) = (status("web", 812, FIRST), status("db", 813, FIRST));
        let files = [
            ("run/libvirt/qemu/web.xml", web.as_str()),
            ("run/libvirt/qemu/db.xml", &db),
            ("proc/1/comm", "systemd\n"),
            ("proc/813/comm", "qemu-system-x86\n"),
        ];
        let host = host(&files);
        assert_eq!(told(&host), ["db running: 0b:10.0; "]);
        let [stale] = &guests(&host).stale[..] else { panic!("not one") };
        assert_eq!((stale.name.as_str(), stale.pid, &stale.now), ("web", 812, &None));
        assert_eq!(stale.path, "run/libvirt/qemu/web.xml");
    }

    #[test]
    fn proxmoxs_guests_are_told_by_their_lines_and_reservations() {
        let host = host(&[
            (
                "run/qemu-server/pci-id-reservations",
                "0000:0b:10.0 100 pid:812\n0000:0b:10.2 101 time:1767225600\n",
            ),
            ("etc/pve/qemu-server/100.conf", "name: web\nhostpci0: 0000:0b:10.0,pcie=1\n"),
            ("etc/pve/qemu-server/101.conf", "hostpci0: mapping=vfs\n"),
            ("etc/pve/qemu-server/102.conf", "hostpci0: 0b:10.2;0b:10.4\nhostpci1: 0b:10\n"),
            ("etc/pve/qemu-server/103.conf", "net0: virtio\n"),
            (
                "etc/pve/mapping/pci.cfg",
                "vfs\n\tmap node=pve1,path=0000:0b:10.4\n\tmap node=pve2,path=0000:0b:10.0\n",
            ),
            ("proc/sys/kernel/hostname", "pve1\n"),
        ]);
        assert_eq!(
            told(&host),
            [
                "100 running: 0b:10.0; ",
                "101 starting: 0b:10.2; ",
                "100 defined: 0b:10.0; ",
                "101 defined: ; vfs",
                "102 defined: 0b:10.0 0b:10.2 0b:10.4; hostpci0 of VM 102",
            ]
        );
        let pools: Vec<_> = guests(&host).pools.iter().map(|pool| pool.name.as_str()).collect();
        assert_eq!(pools, ["hostpci0 of VM 102", "vfs"]);
        let [holder] = &holders(&host, "0000:0b:10.2")[..] else { panic!("not one holder") };
        let said = "a process to come, VM 101, through Proxmox VE's record";
        assert_eq!(holder.to_string(), said);
    }

    #[test]
    fn what_is_no_record_is_said_to_be_unseen() {
        let host = host(&[("run/libvirt/qemu/web.xml", "<domst")]);
        assert_eq!(told(&host), Vec::<String>::new());
        assert_eq!(guests(&host).unseen[0].path, "run/libvirt/qemu/web.xml");
    }

    #[test]
    fn a_host_without_guests_has_none() {
        let host = host(&[]);
        assert_eq!(host.guests, Seen::Known(Guests::default()));
    }
}

//! From what files declare to the devices that they mean, and to what those shall be.

use std::collections::{BTreeMap, BTreeSet};

use virtfn_host::{
    Declared, DeclaredPf, DriverChoice, DriverWish, Function, Host, HostPolicy, MacAddress,
    MacWish, Matching, Nearest, PageSize, PfPolicy, Place, Policy, Reason, Role, Seen, Unreadable,
    VfId, VfIndex, VfPolicy, VfWish,
};
use virtfn_pci::{Address, Looked};

use crate::subject::Subject;

/// What files declare, tied to the devices of one machine.
#[derive(Clone, Debug, Default)]
pub struct Matched<'a> {
    /// The PFs, each with the entry that means it.
    pub pfs: BTreeMap<Address, &'a DeclaredPf>,
    /// Whole functions, each with its driver.
    pub devices: BTreeMap<Address, &'a DriverWish>,
    /// What the host has ready: all that files say of it.
    pub host: HostPolicy,
    /// Entries that cannot be followed here.
    pub faults: Vec<Unmatched>,
}

/// An entry that cannot be followed on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {why}")]
pub struct Unmatched {
    /// Where it stands.
    pub place: Place,
    /// Why not.
    pub why: Misfit,
}

/// Why an entry cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Nothing is like that.
    #[error("no device here is {matching}{}", seen(.nearest))]
    Nothing {
        /// What was looked for.
        matching: String,
        /// What is at the address that was named, or those devices that could have been meant.
        nearest: Vec<String>,
    },
    /// What it matches makes no VFs.
    #[error("{0}")]
    NoPf(Nearest),
    /// Another entry means the same device.
    #[error("{}: {first} declares it already", device.short())]
    Twice {
        /// The device.
        device: Address,
        /// The other entry.
        first: Place,
    },
    /// It fits several devices, and gives all of them the same address.
    #[error("{count} devices are {matching}, and they cannot share the address of a VF")]
    SharedMac {
        /// What was looked for.
        matching: String,
        /// How many are like that.
        count: usize,
    },
    /// Something that tells devices apart could not be seen.
    #[error("cannot tell whether a device is {matching}: {unreadable}")]
    Unseen {
        /// What was looked for.
        matching: String,
        /// What could not be seen.
        unreadable: Unreadable,
    },
    /// What only network devices have is asked of another kind's VFs.
    #[error("{}: is no network device: its VFs have no {}", device.short(), said.join(", "))]
    NoNetwork {
        /// The PF.
        device: Address,
        /// What is said, as the file says it.
        said: Vec<&'static str>,
    },
    /// Two files reserve different numbers of huge pages.
    #[error("{pages} pages of {size}: another entry says {there}")]
    PagesTwice {
        /// The size of one.
        size: PageSize,
        /// What the other says.
        there: u64,
        /// What this says.
        pages: u64,
    },
    /// A VF's address shall be derived from one that is not known.
    #[error("{pf}: no address can be derived for its VFs: it has no network interface here", pf = .0.short())]
    NoMac(Address),
}

fn seen(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!(" ({})", nearest.join(", ")) }
}

impl<'a> Matched<'a> {
    /// Finds each entry's devices. Needs the network interfaces where entries name them, and config
    /// space where they name serial numbers.
    #[must_use]
    pub fn of(host: &Host, declared: &'a Declared) -> Self {
        let mut matched = Self::default();
        matched.make_ready(declared);
        let mut places: BTreeMap<Address, &Place> = BTreeMap::new();
        for entry in &declared.pfs {
            let found = matched.find(host, &entry.matching, &entry.place, true);
            if found.len() > 1 && gives_macs(entry) {
                let matching = entry.matching.to_string();
                let why = Misfit::SharedMac { matching, count: found.len() };
                matched.fault(&entry.place, why);
                continue;
            }
            for address in found {
                if let Some(why) = twice(&mut places, address, &entry.place) {
                    matched.fault(&entry.place, why);
                } else if !is_network(host, address) && matched.asks_network(address, entry) {
                    // Said where it stands.
                } else if derives_macs(entry) && own_mac(host, address).is_none() {
                    matched.fault(&entry.place, Misfit::NoMac(address));
                } else {
                    matched.pfs.insert(address, entry);
                }
            }
        }
        let mut places = BTreeMap::new();
        for entry in &declared.devices {
            for address in matched.find(host, &entry.matching, &entry.place, false) {
                match twice(&mut places, address, &entry.place) {
                    Some(why) => matched.fault(&entry.place, why),
                    None => _ = matched.devices.insert(address, &entry.driver),
                }
            }
        }
        matched
    }

    /// What it is about.
    #[must_use]
    pub fn about(&self) -> BTreeSet<Subject> {
        let devices = self.pfs.keys().chain(self.devices.keys()).copied().map(Subject::Device);
        let host = (self.host != HostPolicy::default()).then_some(Subject::Host);
        devices.chain(host).collect()
    }

    /// Joins what the files say of the host; two numbers of the same pages are a fault.
    fn make_ready(&mut self, declared: &Declared) {
        for entry in &declared.host {
            for (size, pages) in &entry.policy.hugepages {
                let there = self.host.hugepages.entry(*size).or_insert(*pages);
                if there != pages {
                    let why = Misfit::PagesTwice { size: *size, there: *there, pages: *pages };
                    self.faults.push(Unmatched { place: entry.place.clone(), why });
                }
            }
            for module in &entry.policy.modules {
                if !self.host.modules.contains(module) {
                    self.host.modules.push(module.clone());
                }
            }
        }
    }

    /// For whom each VF is, where the files say so.
    #[must_use]
    pub fn owners(&self, host: &Host) -> BTreeMap<Address, String> {
        let mut owners = BTreeMap::new();
        for (pf, entry) in &self.pfs {
            let vfs = host.functions.get(pf).and_then(Function::pf).map(|pf| &pf.vfs);
            for (index, address) in vfs.into_iter().flatten() {
                owners.extend(entry.wish(*index).owner.map(|owner| (*address, owner)));
            }
        }
        owners
    }

    /// What shall be, from what is: what no entry speaks of stays as it is.
    #[must_use]
    pub fn on(&self, host: &Host, now: &Policy) -> Policy {
        let mut wanted = Policy { host: self.host.clone(), ..Policy::default() };
        for (address, entry) in &self.pfs {
            let plain = || PfPolicy {
                vfs: 0,
                autoprobe: None,
                eswitch: None,
                firmware_vfs: None,
                groups: BTreeMap::new(),
                vf: BTreeMap::new(),
            };
            let base = now.pfs.get(address).cloned().unwrap_or_else(plain);
            let base = match entry.eswitch {
                Some(mode) => base.with_eswitch(mode),
                None => base,
            };
            wanted.pfs.insert(*address, base);
            wanted = wanted.with_vfs(*address, entry.vfs);
            let own = own_mac(host, *address);
            for index in (0..entry.vfs).map(VfIndex) {
                let vf = VfId { pf: *address, index };
                wanted = wanted.with_vf(vf, vf_policy(host, vf, own, &entry.wish(index)));
            }
            if let Some(pf) = wanted.pfs.get_mut(address) {
                pf.autoprobe = entry.autoprobe.or(pf.autoprobe);
                pf.firmware_vfs = entry.firmware_vfs.or(pf.firmware_vfs);
                pf.groups.extend(entry.groups.clone());
            }
        }
        for (address, driver) in &self.devices {
            let variants = host.functions.get(address).map(|function| &function.variants);
            wanted = wanted.with_device(*address, choice(driver, variants));
        }
        wanted
    }

    /// Faults for all that an entry says which only network devices have; says whether there are any.
    fn asks_network(&mut self, device: Address, entry: &DeclaredPf) -> bool {
        let defaults = std::iter::once((&entry.defaults_place, &entry.defaults));
        let ranges = entry.vf.iter().map(|vfs| (&vfs.place, &vfs.wish));
        let before = self.faults.len();
        for (place, wish) in defaults.chain(ranges) {
            let said = wish.of_networks();
            if !said.is_empty() {
                self.fault(place, Misfit::NoNetwork { device, said });
            }
        }
        self.faults.len() > before
    }

    fn find(&mut self, host: &Host, matching: &Matching, place: &Place, pf: bool) -> Vec<Address> {
        let mut found: Vec<Address> = Vec::new();
        let mut unseen = None;
        // What is no PF is never meant by a kind, only by name.
        let candidate =
            |function: &&Function| !pf || matching.is_identity() || function.pf().is_some();
        for function in host.functions.values().filter(candidate) {
            match is(host, function, matching) {
                Seen::Known(true) => found.push(function.address),
                Seen::Known(false) | Seen::Absent => {}
                Seen::Unreadable(unreadable) => unseen = Some(unreadable),
            }
        }
        let matching_text = || matching.to_string();
        if let (true, Some(unreadable)) = (found.is_empty(), unseen) {
            self.fault(place, Misfit::Unseen { matching: matching_text(), unreadable });
        } else if found.is_empty() {
            let nearest = nearest(host, matching);
            self.fault(place, Misfit::Nothing { matching: matching_text(), nearest });
        }
        if pf {
            for address in &found {
                if let Err(nearest) = host.pf(*address) {
                    self.fault(place, Misfit::NoPf(nearest));
                }
            }
            found.retain(|address| host.pf(*address).is_ok());
        }
        found
    }

    fn fault(&mut self, place: &Place, why: Misfit) {
        self.faults.push(Unmatched { place: place.clone(), why });
    }
}

/// Notes who declares a device; says who did before.
fn twice<'a>(
    places: &mut BTreeMap<Address, &'a Place>,
    device: Address,
    place: &'a Place,
) -> Option<Misfit> {
    let first = places.insert(device, place)?;
    let why = Misfit::Twice { device, first: first.clone() };
    places.insert(device, first);
    Some(why)
}

/// A network controller (PCI Code and ID Assignment, class 02).
fn is_network(host: &Host, device: Address) -> bool {
    host.functions.get(&device).is_some_and(|function| function.ids.class >> 16 == 0x02)
}

/// Is the function all that is said of it?
fn is(host: &Host, function: &Function, matching: &Matching) -> Seen<bool> {
    let has = |name: &String| function.netdevs.contains(name);
    let plainly = matching.pci.is_none_or(|pci| pci == function.address)
        && matching.vendor.is_none_or(|vendor| vendor == function.ids.vendor)
        && matching.device.is_none_or(|device| device == function.ids.device)
        && (matching.driver.is_none() || matching.driver == function.driver)
        && matching.netdev.as_ref().is_none_or(has);
    if !plainly {
        return Seen::Known(false);
    }
    let has_mac = matching.mac.map_or(Seen::Known(true), |mac| has_mac(host, function, mac));
    match (has_mac, matching.serial) {
        (Seen::Known(true), Some(serial)) => has_serial(function, serial),
        (seen, _) => seen,
    }
}

/// Is this the permanent address of the function's interface? A VF's may be anything.
fn has_mac(host: &Host, function: &Function, mac: MacAddress) -> Seen<bool> {
    if matches!(function.role, Role::Vf(_) | Role::Leaving { .. }) {
        return Seen::Known(false);
    }
    let own = |netdevs: &Vec<virtfn_host::Netdev>| {
        let of_it = netdevs
            .iter()
            .filter(|netdev| netdev.function == Some(function.address) && !netdev.is_representor());
        of_it.into_iter().any(|netdev| netdev.permanent_mac.or(netdev.mac) == Some(mac))
    };
    host.netdevs.as_ref().map(own)
}

fn has_serial(function: &Function, serial: u64) -> Seen<bool> {
    function.config.as_ref().and_then(|config| {
        match config.capabilities().serial_number() {
            Looked::Found(own) => Seen::Known(own.0 == serial),
            Looked::Absent => Seen::Known(false),
            // Without root, the kernel shows no more than the header.
            Looked::NotVisible(_) => Seen::Unreadable(Unreadable {
                path: format!("sys/bus/pci/devices/{}/config", function.address),
                why: Reason::NotPermitted,
            }),
        }
    })
}

/// What is at the address that was named, or which PFs there are.
fn nearest(host: &Host, matching: &Matching) -> Vec<String> {
    let here = matching.pci.and_then(|pci| host.functions.get(&pci));
    if let Some(function) = here {
        let (ids, driver) = (function.ids, function.driver.as_deref().unwrap_or("none"));
        return vec![format!(
            "at {} is {:04x}:{:04x}, driver {driver}",
            function.address.short(),
            ids.vendor,
            ids.device
        )];
    }
    let names = host.pfs().map(|(pf, _)| match pf.netdevs.first() {
        Some(name) => format!("{} {name}", pf.address.short()),
        None => pf.address.short(),
    });
    let named: Vec<String> = names.take(4).collect();
    if named.is_empty() { named } else { vec![format!("PFs here: {}", named.join(", "))] }
}

fn gives_macs(entry: &DeclaredPf) -> bool {
    entry.vf.iter().any(|vfs| matches!(vfs.wish.mac, Some(MacWish::Given(_))))
}

fn derives_macs(entry: &DeclaredPf) -> bool {
    (0..entry.vfs).any(|index| entry.wish(VfIndex(index)).mac == Some(MacWish::Auto))
}

/// The PF's permanent address, from which those of its VFs are derived.
fn own_mac(host: &Host, pf: Address) -> Option<MacAddress> {
    host.netdevs_of(pf).find_map(|netdev| netdev.permanent_mac.or(netdev.mac))
}

fn vf_policy(host: &Host, vf: VfId, own: Option<MacAddress>, wish: &VfWish) -> VfPolicy {
    let mut admin = wish.admin.clone();
    admin.mac = match wish.mac {
        Some(MacWish::Auto) => own.map(|mac| mac.derived(vf.index)),
        Some(MacWish::Given(mac)) => Some(mac),
        None => None,
    };
    let variants = host.functions.get(&vf.pf).and_then(|pf| Some(&pf.pf()?.vf_variants));
    VfPolicy {
        admin,
        driver: wish.driver.as_ref().map(|driver| choice(driver, variants)),
        msix: wish.msix,
        netdev: wish.netdev.clone(),
        port: wish.port.clone(),
    }
}

fn choice(driver: &DriverWish, variants: Option<&Seen<Vec<String>>>) -> DriverChoice {
    match driver {
        DriverWish::Default => DriverChoice::Default,
        DriverWish::None => DriverChoice::None,
        DriverWish::Named(name) => DriverChoice::Named(name.clone()),
        DriverWish::Vfio => {
            let best = variants.and_then(|all| all.known()).and_then(|all| all.first());
            DriverChoice::Named(best.map_or_else(|| "vfio-pci".to_owned(), Clone::clone))
        }
    }
}

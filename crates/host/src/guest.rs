//! The virtual machines that have functions of this host, or are promised some.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use virtfn_pci::Address;

use crate::{Unreadable, Vm};

/// What the records of those who run guests say, and what their processes show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guests {
    /// The guests. One that runs and is defined too is here twice: what it has and what it is given
    /// when it starts may differ.
    pub found: Vec<Guest>,
    /// Where guests get functions from that nobody can name before they start.
    pub pools: Vec<Pool>,
    /// Records of guests that run no more.
    pub stale: Vec<Stale>,
    /// Records that could not be read: there may be more guests in them.
    pub unseen: Vec<Unreadable>,
}

/// One guest, as it runs or as it is defined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// What those who run it call it; text from outside.
    pub name: String,
    /// Who runs it.
    pub managed_by: ManagedBy,
    /// Whether it runs.
    pub state: GuestState,
    /// The functions that it has, or is given by name.
    pub devices: BTreeSet<Address>,
    /// The pools that it takes a function from, by name.
    pub pools: BTreeSet<String>,
}

/// Who runs a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ManagedBy {
    /// libvirt.
    Libvirt,
    /// Proxmox VE.
    Proxmox,
    /// Whoever started QEMU by hand.
    Qemu,
    /// Whoever started another VMM by hand.
    Other,
}

/// Whether a guest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuestState {
    /// It runs in this process.
    Running {
        /// The process.
        pid: u32,
    },
    /// Its process is there, and its processors stand still.
    Paused {
        /// The process.
        pid: u32,
    },
    /// It is being started, and has its devices already.
    Starting,
    /// It does not run by this record, and gets its devices when it starts.
    Defined,
}

/// Functions of which a guest takes a free one when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its name: a network of libvirt's, a mapping of Proxmox's.
    pub name: String,
    /// Whose it is.
    pub managed_by: ManagedBy,
    /// The PFs whose VFs it gives out, and functions that it gives out and that are no VFs.
    pub at: BTreeSet<Address>,
}

/// A record of a guest whose process is not there any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// The guest.
    pub name: String,
    /// Whose record it is.
    pub managed_by: ManagedBy,
    /// The process that it had.
    pub pid: u32,
    /// What has that process's number now, if anything has.
    pub now: Option<String>,
    /// The record.
    pub path: String,
}

impl GuestState {
    /// The guest's process, where it is known.
    #[must_use]
    pub const fn pid(self) -> Option<u32> {
        match self {
            Self::Running { pid } | Self::Paused { pid } => Some(pid),
            Self::Starting | Self::Defined => None,
        }
    }

    /// Does it have its devices now?
    #[must_use]
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Defined)
    }

    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running { .. } => "running",
            Self::Paused { .. } => "paused",
            Self::Starting => "starting",
            Self::Defined => "defined",
        }
    }
}

impl Guest {
    /// The machine by its name.
    #[must_use]
    pub fn vm(&self) -> Vm {
        Vm { name: self.name.clone(), managed_by: self.managed_by }
    }

    /// Is it the same guest, by another record?
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (self.managed_by, &self.name) == (other.managed_by, &other.name)
    }
}

impl Guests {
    /// The guest in a process.
    #[must_use]
    pub fn in_process(&self, pid: u32) -> Option<&Guest> {
        self.found.iter().find(|guest| guest.state.pid() == Some(pid))
    }

    /// Who has each function or is given it, those that have it first; a guest is named once for
    /// each.
    #[must_use]
    pub fn by_function(&self) -> BTreeMap<Address, Vec<&Guest>> {
        let mut all: BTreeMap<Address, Vec<&Guest>> = BTreeMap::new();
        let live = self.found.iter().filter(|guest| guest.state.is_live());
        let defined = self.found.iter().filter(|guest| !guest.state.is_live());
        for guest in live.chain(defined) {
            for device in &guest.devices {
                let named = all.entry(*device).or_default();
                if !named.iter().any(|one| one.is(guest)) {
                    named.push(guest);
                }
            }
        }
        all
    }

    /// Who gets a function out of a pool when it starts, by the pool's PFs and functions. A guest
    /// that runs has what the pool gave it.
    #[must_use]
    pub fn by_pool(&self) -> BTreeMap<Address, Vec<(&Guest, &Pool)>> {
        let runs = |guest: &Guest, pool: &str| {
            let live = self.found.iter().filter(|one| one.state.is_live());
            // Proxmox VE's reservations do not say where a function came from.
            let got =
                |one: &Guest| one.managed_by == ManagedBy::Proxmox || one.pools.contains(pool);
            live.filter(|one| one.is(guest)).any(got)
        };
        let mut all: BTreeMap<Address, Vec<(&Guest, &Pool)>> = BTreeMap::new();
        for guest in self.found.iter().filter(|guest| !guest.state.is_live()) {
            let own = |pool: &&Pool| {
                pool.managed_by == guest.managed_by && guest.pools.contains(&pool.name)
            };
            for pool in self.pools.iter().filter(own).filter(|pool| !runs(guest, &pool.name)) {
                for at in &pool.at {
                    all.entry(*at).or_default().push((guest, pool));
                }
            }
        }
        all
    }
}

impl fmt::Display for ManagedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Libvirt => "libvirt",
            Self::Proxmox => "Proxmox VE",
            Self::Qemu => "QEMU",
            Self::Other => "another VMM",
        })
    }
}

impl fmt::Display for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VM {} ({})", self.name, self.state.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VF: &str = "0000:0b:10.0";

    fn guest(name: &str, state: GuestState, devices: &[&str], pools: &[&str]) -> Guest {
        Guest {
            name: name.into(),
            managed_by: ManagedBy::Libvirt,
            state,
            devices: devices.iter().filter_map(|one| one.parse().ok()).collect(),
            pools: pools.iter().map(|one| (*one).to_owned()).collect(),
        }
    }

    #[test]
    fn a_guest_that_has_what_it_is_given_is_named_once() {
        let found = vec![
            guest("web", GuestState::Defined, &[VF], &[]),
            guest("db", GuestState::Defined, &[VF], &[]),
            guest("web", GuestState::Running { pid: 812 }, &[VF], &[]),
        ];
        let guests = Guests { found, ..Guests::default() };
        let told: Vec<String> =
            guests.by_function().into_values().flatten().map(ToString::to_string).collect();
        assert_eq!(told, ["VM web (running)", "VM db (defined)"]);
        assert_eq!(guests.in_process(812).map(|guest| guest.name.as_str()), Some("web"));
        assert_eq!(guests.in_process(813), None);
    }

    #[test]
    fn a_pool_is_owed_to_those_that_do_not_run() {
        let found = vec![
            guest("web", GuestState::Defined, &[], &["vfs"]),
            guest("web", GuestState::Running { pid: 812 }, &[VF], &["vfs"]),
            guest("db", GuestState::Defined, &[], &["vfs", "default"]),
        ];
        let pf: Address = "0000:0b:00.0".parse().unwrap();
        let pool = |name: &str, managed_by| Pool {
            name: name.into(),
            managed_by,
            at: BTreeSet::from([pf]),
        };
        let pools = vec![pool("vfs", ManagedBy::Libvirt), pool("vfs", ManagedBy::Proxmox)];
        let guests = Guests { found, pools, ..Guests::default() };
        let owed = guests.by_pool();
        let names: Vec<&str> = owed[&pf].iter().map(|(guest, _)| guest.name.as_str()).collect();
        assert_eq!(names, ["db"]);
    }
}

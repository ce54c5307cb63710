//! The groups that the kernel would make: its algorithm, step by step.
//!
//! `drivers/iommu/iommu.c`, `pci_device_group` of Linux 6.12, run over every function in the order in
//! which the kernel finds them. The order matters: a function joins groups that are there already.

use std::collections::{BTreeMap, BTreeSet};

use virtfn_host::{Function, Host};
use virtfn_pci::Address;

use crate::acs::{self, Acs, Unseen};
use crate::cover::Cover;
use crate::isolation::{MAX_DEPTH, controller, parents, siblings};
use crate::kind::{Kind, is_multifunction};
use crate::quirks;

/// The groups that the kernel would make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// In the order in which they would be made.
    pub groups: Vec<Group>,
    /// Functions that the firmware's tables put behind no IOMMU.
    pub left_out: BTreeSet<Address>,
    /// A function joins its group only when a driver first tries it, as with Arm's IOMMUs and with
    /// virtio-iommu (before Linux 6.15; `drivers/base/dd.c`, `really_probe`).
    pub joined_late: bool,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Group {
    /// Its functions.
    pub members: BTreeSet<Address>,
    /// What could not be seen of them or of the way to them: each may change the group.
    pub unseen: Vec<Unseen>,
}

/// Predicts the groups of all functions. With an IOMMU running, ports count as their registers say;
/// without, as the kernel would set them.
#[must_use]
pub fn groups(host: &Host) -> Groups {
    let cover = Cover::of(host);
    let mut maker = Maker::new(host);
    let mut left_out = BTreeSet::new();
    for function in in_order(host) {
        if cover.has(host, function) {
            maker.place(function);
        } else {
            left_out.insert(function.address);
        }
    }
    Groups { groups: maker.groups, left_out, joined_late: cover.is_joined_late() }
}

/// The order in which the kernel finds functions: a bus before the buses below it, and VFs last,
/// which come when somebody makes them.
fn in_order(host: &Host) -> Vec<&Function> {
    let mut functions: Vec<(bool, usize, &Function)> = host
        .functions
        .values()
        .map(|function| (function.vf().is_some(), parents(host, function).count(), function))
        .collect();
    functions.sort_by_key(|(vf, depth, function)| (*vf, *depth, function.address));
    functions.into_iter().map(|(_, _, function)| function).collect()
}

struct Maker<'h> {
    host: &'h Host,
    groups: Vec<Group>,
    of: BTreeMap<Address, usize>,
    /// The way from each bridge to the root.
    ways: BTreeMap<Address, Way>,
    judged: BTreeMap<Address, Acs>,
}

/// The way from a bridge to the root.
#[derive(Clone, Default)]
struct Way {
    /// Some port on it lets requests turn round.
    open: bool,
    /// A port on it that could not be judged.
    unseen: Option<Unseen>,
}

impl<'h> Maker<'h> {
    fn new(host: &'h Host) -> Self {
        let (of, ways, judged) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { host, groups: Vec::new(), of, ways, judged }
    }

    fn place(&mut self, function: &'h Function) {
        let mut unseen = Vec::new();
        let at = self.find(function, &mut unseen).unwrap_or_else(|| {
            self.groups.push(Group::default());
            self.groups.len() - 1
        });
        self.of.insert(function.address, at);
        if let Some(group) = self.groups.get_mut(at) {
            group.members.insert(function.address);
            group.unseen.extend(unseen);
        }
    }

    /// The group that a function would join.
    fn find(&mut self, function: &'h Function, unseen: &mut Vec<Unseen>) -> Option<usize> {
        let mut last = function;
        if let Some(real) = controller(self.host, function) {
            last = real;
            if let Some(group) = self.of.get(&real.address) {
                return Some(*group);
            }
        }
        // Up to the last bridge that puts its own name on the requests.
        let chain: Vec<&Function> = parents(self.host, last).collect();
        for bridge in chain {
            if quirks::translates_at(bridge) {
                break;
            }
            if self.renames(bridge, unseen) {
                last = bridge;
                if let Some(group) = self.of.get(&bridge.address) {
                    return Some(*group);
                }
            }
        }
        // Further up to where nothing turns a request round before it reaches the IOMMU.
        let chain: Vec<&Function> = parents(self.host, last).collect();
        for bridge in chain {
            if !self.is_open(bridge, unseen) {
                break;
            }
            last = bridge;
            if let Some(group) = self.of.get(&bridge.address) {
                return Some(*group);
            }
        }
        self.with_its_device(last, unseen)
    }

    /// Does a bridge forward requests under its own name? (`pci_for_each_dma_alias`)
    fn renames(&mut self, bridge: &Function, unseen: &mut Vec<Unseen>) -> bool {
        let kind = bridge.config.known().map(|config| Kind::of(bridge, &config.capabilities()));
        match kind {
            Some(Ok(kind)) => matches!(kind, Kind::PciBridge),
            Some(Err(what)) => {
                unseen.push(what);
                false
            }
            None => {
                unseen.push(Unseen::config(bridge));
                false
            }
        }
    }

    /// Does any port from this one up to the root let requests turn round?
    /// (`pci_acs_path_enabled`)
    fn is_open(&mut self, bridge: &'h Function, unseen: &mut Vec<Unseen>) -> bool {
        let path: Vec<&Function> =
            std::iter::once(bridge).chain(parents(self.host, bridge)).take(MAX_DEPTH).collect();
        let known = path.iter().position(|port| self.ways.contains_key(&port.address));
        // From the root down, or from where the answer is known.
        let (mut way, fresh) = match known {
            Some(at) => {
                (self.ways.get(&path[at].address).cloned().unwrap_or_default(), &path[..at])
            }
            None => (Way::default(), &path[..]),
        };
        for port in fresh.iter().rev() {
            let mut seen = Vec::new();
            way.open |= !self.isolates(port, &mut seen);
            way.unseen = way.unseen.or_else(|| seen.pop());
            self.ways.insert(port.address, way.clone());
        }
        unseen.extend(way.unseen.filter(|_| !way.open));
        way.open
    }

    /// `pci_acs_enabled`; what could not be seen counts as isolating, and is said.
    fn isolates(&mut self, function: &'h Function, unseen: &mut Vec<Unseen>) -> bool {
        let host = self.host;
        let acs = self.judged.entry(function.address).or_insert_with(|| acs::judge(host, function));
        if let Acs::Unseen(what) = acs {
            unseen.push(what.clone());
        }
        !matches!(acs, Acs::Lacks { .. })
    }

    /// The group of another function of the same device that is not kept apart either.
    /// (`get_pci_function_alias_group`)
    fn with_its_device(&mut self, last: &'h Function, unseen: &mut Vec<Unseen>) -> Option<usize> {
        match is_multifunction(last) {
            Ok(false) => return None,
            Ok(true) => {}
            Err(what) => {
                unseen.push(what);
                return None;
            }
        }
        if self.isolates(last, unseen) {
            return None;
        }
        let others: Vec<&Function> = siblings(self.host, last).collect();
        others.into_iter().find_map(|other| {
            let group = *self.of.get(&other.address)?;
            (!self.isolates(other, unseen)).then_some(group)
        })
    }
}

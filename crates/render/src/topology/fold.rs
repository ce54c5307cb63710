//! What is shown of a tree: each function, or many as one: the VFs of a PF, and the chip's own
//! functions, of which a server has hundreds that go to nobody.

use std::collections::BTreeMap;

use super::Topology;
use super::node::Node;
use crate::words::count;

/// More VFs than this become one.
const FEW: usize = 8;
/// So many of the chip's own functions side by side become one.
const MANY_QUIET: usize = 4;

/// Whether the VFs of a PF are shown one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Where they are few, or were asked about.
    Many,
    /// Always.
    Never,
}

/// One thing that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) what: What,
    /// Links from the root bus.
    pub(super) depth: usize,
    /// The index of what it hangs below.
    pub(super) above: Option<usize>,
    /// Is it the last of those that hang where it hangs?
    pub(super) last: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A function, by its index.
    Function(usize),
    /// A PF's VFs or some of the chip's own functions, by theirs; never none.
    Many(Vec<usize>),
}

impl What {
    /// The function, or the first of many.
    pub(super) fn first(&self) -> usize {
        match self {
            Self::Function(at) => *at,
            Self::Many(all) => all.first().copied().unwrap_or_default(),
        }
    }
}

/// All that is shown, in the order of the tree.
pub(super) fn shown(topology: &Topology) -> Vec<Shown> {
    let mut shown: Vec<Shown> = Vec::new();
    let runs = quiet_runs(topology);
    // Where each function is shown, and where each fold is, by its PF or its first.
    let mut at: Vec<Option<usize>> = vec![None; topology.places.len()];
    let mut folds: BTreeMap<usize, usize> = BTreeMap::new();
    for (number, place) in topology.places.iter().enumerate() {
        let above = place.above.and_then(|above| at.get(above).copied().flatten());
        let vf = place.above.filter(|pf| topology.is_folded(*pf, number));
        let folded = vf.or_else(|| runs.get(&number).copied());
        if let Some(fold) = folded.and_then(|key| folds.get(&key)) {
            if let Some(Shown { what: What::Many(all), .. }) = shown.get_mut(*fold) {
                all.push(number);
            }
            continue;
        }
        if let Some(slot) = at.get_mut(number) {
            *slot = Some(shown.len());
        }
        let what = match folded {
            Some(key) => {
                folds.insert(key, shown.len());
                What::Many(vec![number])
            }
            None => What::Function(number),
        };
        shown.push(Shown { what, depth: place.depth, above, last: false });
    }
    mark_last(&mut shown);
    shown
}

/// The chip's own functions that are folded, each with the first of its run.
fn quiet_runs(topology: &Topology) -> BTreeMap<usize, usize> {
    let mut runs: Vec<Vec<usize>> = Vec::new();
    for (number, place) in topology.places.iter().enumerate() {
        let leaf = place.end == number + 1;
        let Some(node) = topology.functions.get(number).filter(|_| leaf) else { continue };
        if topology.fold == Fold::Never || !topology.is_quiet(node) {
            continue;
        }
        let above = |at: &usize| topology.places.get(*at).map(|place| place.above);
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| last + 1 == number) => {
                if run.last().and_then(above) == Some(place.above) {
                    run.push(number);
                } else {
                    runs.push(vec![number]);
                }
            }
            _ => runs.push(vec![number]),
        }
    }
    let many = runs.into_iter().filter(|run| run.len() >= MANY_QUIET);
    many.flat_map(|run| run.clone().into_iter().map(move |at| (at, run[0]))).collect()
}

fn mark_last(shown: &mut [Shown]) {
    let mut last: BTreeMap<Option<usize>, usize> = BTreeMap::new();
    for (number, one) in shown.iter().enumerate() {
        last.insert(one.above, number);
    }
    for number in last.into_values() {
        if let Some(one) = shown.get_mut(number) {
            one.last = true;
        }
    }
}

impl Topology {
    /// Is this one of the chip's own functions, which nobody asked about and nobody uses?
    fn is_quiet(&self, node: &Node) -> bool {
        node.system
            && node.holders.as_ref().is_none_or(Vec::is_empty)
            && self.end_at(node).is_none()
            && !self.asked.contains(&node.address)
    }

    /// Is this function a VF that is shown with all others of its PF?
    fn is_folded(&self, pf: usize, vf: usize) -> bool {
        let (Some(pf), Some(vf)) = (self.functions.get(pf), self.functions.get(vf)) else {
            return false;
        };
        let many = pf.vfs.is_some_and(|vfs| vfs.there > FEW);
        many && vf.pf == Some(pf.address)
            && self.fold == Fold::Many
            && !self.asked.contains(&pf.address)
            && !self.asked.contains(&vf.address)
    }
}

/// What a fold says.
pub(super) struct Summary {
    /// `256 VFs`, `12 system functions`.
    pub(super) count: String,
    /// `03:10.0 to 04:13.6`.
    pub(super) range: String,
    /// `128 igbvf, 128 vfio-pci`.
    pub(super) drivers: String,
    /// `a group each`, `all in group 6`, …
    pub(super) groups: String,
    /// `12 used`; `None`: nobody uses any.
    pub(super) users: Option<String>,
}

impl Summary {
    pub(super) fn of(topology: &Topology, vfs: &[usize]) -> Self {
        let nodes: Vec<&Node> = vfs.iter().filter_map(|at| topology.functions.get(*at)).collect();
        let ends = (nodes.first(), nodes.last());
        let range = match ends {
            (Some(first), Some(last)) => {
                format!("{} to {}", first.address.short(), last.address.short())
            }
            _ => String::new(),
        };
        Self {
            count: match nodes.first() {
                Some(node) if !node.is_vf() => format!("{} system functions", nodes.len()),
                _ => count(nodes.len(), "VF", "VFs"),
            },
            range,
            drivers: drivers(&nodes),
            groups: groups(topology, &nodes),
            users: users(&nodes),
        }
    }
}

fn drivers(vfs: &[&Node]) -> String {
    let mut by: BTreeMap<&str, usize> = BTreeMap::new();
    for vf in vfs {
        *by.entry(vf.driver.as_deref().unwrap_or("no driver")).or_default() += 1;
    }
    let all = by.len() == 1;
    let said = |(name, number): (&str, usize)| {
        if all { name.to_owned() } else { format!("{number} {name}") }
    };
    by.into_iter().map(said).collect::<Vec<_>>().join(", ")
}

fn groups(topology: &Topology, vfs: &[&Node]) -> String {
    let mut by: BTreeMap<usize, usize> = BTreeMap::new();
    for vf in vfs {
        if let Some(group) = topology.groups_of.of.get(&vf.address) {
            *by.entry(*group).or_default() += 1;
        }
    }
    let alone = |group: &usize| topology.groups.get(*group).is_some_and(|g| g.devices.len() == 1);
    let name = |group: &usize| topology.groups.get(*group).map(super::Group::name);
    match by.keys().next() {
        None => "in no group".into(),
        Some(one) if by.len() == 1 => format!("all in {}", name(one).unwrap_or_default()),
        Some(_) if by.keys().all(alone) => "each in a group of its own".into(),
        Some(_) => format!("in {}", count(by.len(), "group", "groups")),
    }
}

fn users(vfs: &[&Node]) -> Option<String> {
    let unseen = vfs.iter().filter(|vf| vf.holders.is_none() && vf.is_vf()).count();
    let used = vfs.iter().filter(|vf| vf.holders.as_ref().is_some_and(|all| !all.is_empty()));
    match (used.count(), unseen) {
        (0, 0) => None,
        (0, _) => Some("users not seen".into()),
        (used, 0) => Some(format!("{used} in use")),
        (used, unseen) => Some(format!("{used} in use, {unseen} not seen")),
    }
}

//! `virtfn topology`: how a machine's PCI Express functions hang together, from the root complex to
//! the VFs, and where isolation ends.
//!
//! [`Topology::of`] builds the model once; `text`, `svg` and `html` write it. Each takes time linear
//! in the functions: a host of 8 PFs with 256 VFs each is drawn as fast as it is read.

mod enclosure;
mod ends;
mod fold;
mod groups;
mod html;
mod layout;
mod node;
mod panel;
mod registers;
mod style;
mod svg;
mod text;
mod tree;

pub use ends::End;
pub use fold::Fold;
pub use groups::Group;
pub(crate) use html::{page, page_styled};
pub use node::{AcsState, Link, Node, VfCount};
pub(crate) use style::PICTURE;
pub use tree::{Place, places};

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use virtfn_host::{Function, Host};
use virtfn_pci::Address;
use virtfn_predict::{Acs, Ground, Judgement, Kind};

use self::ends::Paths;
use self::groups::Groups;
use crate::Document;
use crate::unseen::Unseen;
use crate::words::count;

/// No line names more places than this.
const MOST_NAMED: usize = 4;

/// `virtfn.topology/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Topology {
    schema: &'static str,
    /// What it all comes to, in one line.
    pub summary: String,
    /// Whose rules predicted the groups, as `Linux 6.12`; `null`: the kernel made them, or there
    /// are none.
    pub predicted_by: Option<&'static str>,
    /// The functions, each before those that hang below it; VFs follow their PF.
    pub functions: Vec<Node>,
    /// The IOMMU groups.
    pub groups: Vec<Group>,
    /// Where isolation ends, by address.
    pub ends: Vec<End>,
    /// What belongs here and could not be seen.
    pub unseen: Vec<Unseen>,
    #[serde(skip)]
    places: Vec<Place>,
    #[serde(skip)]
    groups_of: Groups,
    /// The end at each function, by its index.
    #[serde(skip)]
    ends_at: BTreeMap<Address, usize>,
    #[serde(skip)]
    asked: BTreeSet<Address>,
    #[serde(skip)]
    fold: Fold,
}

impl Document for Topology {
    const SCHEMA: &'static str = "virtfn.topology/1";
}

impl Topology {
    /// A host's topology; with `asked`, the way from the root to these functions and all below them.
    #[must_use]
    pub fn of(host: &Host, asked: &[Address], fold: Fold) -> Self {
        let asked: BTreeSet<Address> = asked.iter().copied().collect();
        let places = places(&wanted(host, &asked));
        let paths = Paths::of(host);
        let groups = Groups::of(host);
        let mut ends = ends::ends(host, &places, &groups, &paths);
        let here: BTreeSet<Address> = places.iter().map(|place| place.address).collect();
        ends.retain(|end| here.contains(&end.at));
        let functions: Vec<&Function> =
            places.iter().filter_map(|place| host.functions.get(&place.address)).collect();
        let mut topology = Self {
            schema: Self::SCHEMA,
            summary: String::new(),
            predicted_by: groups.predicted_by,
            functions: functions.iter().map(|function| node(host, function, &paths)).collect(),
            groups: groups.all.clone(),
            ends_at: ends.iter().enumerate().map(|(at, end)| (end.at, at)).collect(),
            ends,
            unseen: unseen(&functions, &paths),
            places,
            groups_of: groups,
            asked,
            fold,
        };
        topology.summary = topology.sum_up();
        topology
    }

    /// Was everything seen?
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unseen.is_empty()
    }

    fn group_of(&self, node: &Node) -> Option<&Group> {
        self.groups.get(*self.groups_of.of.get(&node.address)?)
    }

    fn end_at(&self, node: &Node) -> Option<&End> {
        self.ends.get(*self.ends_at.get(&node.address)?)
    }

    fn sum_up(&self) -> String {
        let vfs = self.functions.iter().filter(|node| node.is_vf()).count();
        let pfs = self.functions.iter().filter(|node| node.vfs.is_some()).count();
        let mut parts = vec![count(self.functions.len(), "function", "functions")];
        if pfs > 0 {
            parts.push(format!("{} with {}", count(pfs, "PF", "PFs"), count(vfs, "VF", "VFs")));
        }
        let here = self.functions.iter().filter_map(|node| self.groups_of.of.get(&node.address));
        let groups = here.collect::<BTreeSet<_>>().len();
        parts.push(match (groups, self.predicted_by) {
            (0, _) => "no IOMMU group".into(),
            (_, None) => count(groups, "IOMMU group", "IOMMU groups"),
            (_, Some(rules)) => format!(
                "in no IOMMU group; {rules} would make {}",
                count(groups, "IOMMU group", "IOMMU groups")
            ),
        });
        format!("{}. {}", parts.join(", "), self.verdict(groups))
    }

    /// Where isolation ends, in a sentence.
    fn verdict(&self, groups: usize) -> String {
        let ends: Vec<&End> = self.ends.iter().filter(|end| end.same_as.is_none()).collect();
        let unseen = self.unseen.iter().any(|unseen| unseen.what == "acs");
        let mut named: Vec<String> =
            ends.iter().take(MOST_NAMED).map(|end| end.at.short()).collect();
        if ends.len() > MOST_NAMED {
            named.push(format!("{} more", ends.len() - MOST_NAMED));
        }
        match named.split_last() {
            _ if groups == 0 => "Nothing isolates them.".into(),
            None if unseen => "Whether they are kept apart could not all be seen.".into(),
            None => "Each group is kept apart from all others.".into(),
            Some((one, [])) => format!("Isolation ends at {one}."),
            Some((last, most)) => format!("Isolation ends at {} and {last}.", most.join(", ")),
        }
    }
}

/// What was asked about, with the way to it and all below it; all, where nothing was.
fn wanted<'h>(host: &'h Host, asked: &BTreeSet<Address>) -> BTreeMap<Address, &'h Function> {
    let all: BTreeMap<Address, &Function> =
        host.functions.iter().map(|(address, function)| (*address, function)).collect();
    if asked.is_empty() {
        return all;
    }
    let places = places(&all);
    let mut wanted = BTreeMap::new();
    let at = |place: &Place| Some((place.address, *all.get(&place.address)?));
    for (own, place) in places.iter().enumerate() {
        if !asked.contains(&place.address) {
            continue;
        }
        wanted.extend(places.get(own..place.end).unwrap_or_default().iter().filter_map(at));
        let up = |place: &&Place| place.above.and_then(|above| places.get(above));
        wanted.extend(std::iter::successors(Some(place), up).filter_map(at));
    }
    wanted
}

fn node(host: &Host, function: &Function, paths: &Paths) -> Node {
    let own = paths.own(function).and_then(|isolation| isolation.path.first());
    let (kind, acs) = match own {
        Some(_) if function.is_bridge() => {
            (own.and_then(|own| own.kind), virtfn_predict::judge(host, function))
        }
        Some(own) => (own.kind, own.acs.clone()),
        // A VF is alone, whatever its registers say.
        None => (Some(Kind::Endpoint), Acs::Isolates(Ground::Alone)),
    };
    Node::of(host, function, kind, &acs)
}

/// What could not be seen of the way to the root, and of who uses a PF or VF.
fn unseen(functions: &[&Function], paths: &Paths) -> Vec<Unseen> {
    let mut unseen: BTreeMap<(Address, &str), Unseen> = BTreeMap::new();
    for function in functions {
        if let Judgement::Unknown(what) = paths.judge(function) {
            let at = what.address;
            let note = || Unseen::new(Some(at), "acs", &what.unreadable);
            unseen.entry((at, "acs")).or_insert_with(note);
        }
        let sriov = function.pf().is_some() || function.vf().is_some();
        if let Some(holders) = function.holders.unreadable().filter(|_| sriov) {
            let at = function.address;
            unseen.insert((at, "holders"), Unseen::new(Some(at), "holders", holders));
        }
    }
    unseen.into_values().collect()
}

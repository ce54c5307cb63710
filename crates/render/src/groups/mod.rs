//! `virtfn groups`: the IOMMU groups as the kernel made them, or as it would.

mod text;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use virtfn_host::{Cpu, Function, Host};
use virtfn_pci::Address;
use virtfn_predict::{Judgement, below, isolation, leak, remedies};

use crate::Document;
use crate::unseen::Unseen;
use tree::Tree;

/// `virtfn.groups/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Groups {
    schema: &'static str,
    /// Whose rules predicted them, as `Linux 6.12`; `null`: the kernel made them.
    pub predicted_by: Option<&'static str>,
    /// The groups, by number.
    pub groups: Vec<Group>,
    /// The functions that are in none.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub ungrouped: Vec<Address>,
    /// What a prediction should have seen and could not.
    pub unseen: Vec<Unseen>,
    /// The functions that were asked about; none: all.
    #[serde(skip)]
    asked: Vec<Address>,
    /// A predicted group has a function only once a driver has tried it.
    #[serde(skip)]
    joined_late: bool,
    /// What a text says of each function.
    #[serde(skip)]
    notes: BTreeMap<Address, Note>,
    /// The way to the root from what was asked about and shares a group.
    #[serde(skip)]
    tree: Tree,
}

impl Document for Groups {
    const SCHEMA: &'static str = "virtfn.groups/1";
}

/// One group.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Group {
    /// Its number; `null` in a prediction. Numbers move from boot to boot.
    pub id: Option<u32>,
    /// Its functions.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub devices: Vec<Address>,
    /// Where isolation ends, and why; empty for a group of one.
    pub why: Vec<Why>,
    /// Functions in other groups that its functions can reach past the IOMMU all the same, through a
    /// switch without ACS: what goes to a VM takes them along.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub reaches: Vec<Address>,
    /// The kind of its default domain: `DMA`, `DMA-FQ`, `identity`, …
    pub domain: Option<String>,
}

/// Why functions share a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Why {
    /// The function at which isolation ends.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub at: Address,
    /// In words.
    pub reason: String,
    /// The ACS services that it lacks.
    pub missing: Vec<String>,
    /// What would part them, best first.
    pub remedies: Vec<Remedy>,
}

/// What would part functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Remedy {
    /// What to do.
    pub text: String,
    /// It makes smaller groups, and what is in them can still reach the others.
    pub lowers_security: bool,
}

/// Where the isolation of a group's functions ends, each place once.
fn whys(host: &Host, members: &BTreeSet<Address>) -> Vec<Why> {
    let guests = guests_of(host, members);
    let mut whys: Vec<Why> = Vec::new();
    // A device alone is apart from nobody in particular: there is nothing to say why.
    let together = guests.first().filter(|_| guests.len() > 1);
    if let (Some(first), true) = (together, host.kernel.cpu.known().is_some_and(Cpu::is_power)) {
        return vec![one_endpoint(first)];
    }
    for function in guests.iter().filter(|_| guests.len() > 1) {
        if let Judgement::Broken(end) = isolation(host, function).judgement()
            && whys.iter().all(|why| why.at != end.address)
        {
            let remedies = remedies(host, &end).into_iter();
            whys.push(Why {
                at: end.address,
                reason: end.reason(),
                missing: end.missing_names().into_iter().map(str::to_owned).collect(),
                remedies: remedies
                    .map(|remedy| Remedy {
                        text: remedy.text,
                        lowers_security: remedy.lowers_security,
                    })
                    .collect(),
            });
        }
    }
    whys
}

/// On POWER firmware makes the groups, and ACS does not come into it.
fn one_endpoint(first: &Function) -> Why {
    let text = "put one of the cards in a slot of another host bridge".to_owned();
    Why {
        at: first.address,
        reason: "POWER's firmware made one partitionable endpoint (PE) of them".into(),
        missing: Vec::new(),
        remedies: vec![Remedy { text, lowers_security: false }],
    }
}

/// What the members can reach beyond their group.
fn reaches(host: &Host, members: &BTreeSet<Address>) -> Vec<Address> {
    let leaks = guests_of(host, members).into_iter().filter_map(|guest| leak(host, guest));
    let switches: BTreeSet<Address> = leaks.map(|leak| leak.switch).collect();
    let within: BTreeSet<Address> =
        switches.into_iter().flat_map(|switch| below(host, switch)).collect();
    within.difference(members).copied().collect()
}

/// The functions that could go to somebody: all but bridges.
fn guests_of<'h>(host: &'h Host, members: &BTreeSet<Address>) -> Vec<&'h Function> {
    let members = members.iter().filter_map(|address| host.functions.get(address));
    members.filter(|function| !function.is_bridge()).collect()
}

/// A function in a text.
#[derive(Clone, Debug)]
struct Note {
    name: String,
    driver: Option<String>,
    bridge: bool,
    /// The VFs of a PF.
    vfs: Vec<Address>,
}

impl Note {
    fn of(host: &Host, function: &Function) -> Self {
        Self {
            name: host.names.of(function.ids.vendor, function.ids.device),
            driver: function.driver.clone(),
            bridge: function.is_bridge(),
            vfs: function.pf().map(|pf| pf.vfs.values().copied().collect()).unwrap_or_default(),
        }
    }
}

impl Groups {
    /// The groups that the kernel made; with `asked`, those of these functions.
    #[must_use]
    pub fn of(host: &Host, asked: &[Address]) -> Self {
        let members = host.groups.values().map(|group| {
            let domain = group.domain.known().cloned();
            (Some(group.id), domain, group.members.clone())
        });
        let ungrouped = host.functions.values().filter(|function| function.iommu_group.is_none());
        let ungrouped = ungrouped.map(|function| function.address).collect();
        Self::new(host, asked, members.collect(), ungrouped)
    }

    /// The groups that the kernel would make; with `asked`, those of these functions.
    #[must_use]
    pub fn predicted(host: &Host, asked: &[Address]) -> Self {
        let prediction = virtfn_predict::groups(host);
        let wanted = |group: &&virtfn_predict::Group| {
            asked.is_empty() || asked.iter().any(|address| group.members.contains(address))
        };
        let unseen = prediction.groups.iter().filter(wanted).flat_map(|group| &group.unseen);
        let unseen: BTreeMap<Address, Unseen> = unseen
            .map(|one| (one.address, Unseen::new(Some(one.address), "acs", &one.unreadable)))
            .collect();
        let ungrouped = prediction.left_out.into_iter().collect();
        let mut members: Vec<_> =
            prediction.groups.into_iter().map(|group| (None, None, group.members)).collect();
        members.sort_by_key(|(_, _, members)| members.first().copied());
        Self {
            predicted_by: Some(virtfn_predict::RULES),
            joined_late: prediction.joined_late,
            unseen: unseen.into_values().collect(),
            ..Self::new(host, asked, members, ungrouped)
        }
    }

    fn new(
        host: &Host,
        asked: &[Address],
        all: Vec<(Option<u32>, Option<String>, BTreeSet<Address>)>,
        ungrouped: Vec<Address>,
    ) -> Self {
        // Who asks about a PF asks about its VFs.
        let pfs = asked.iter().filter_map(|address| host.functions.get(address)?.pf());
        let vfs = pfs.flat_map(|pf| pf.vfs.values().copied());
        let wanted: BTreeSet<Address> = asked.iter().copied().chain(vfs).collect();
        let is_wanted = |address: &Address| wanted.is_empty() || wanted.contains(address);
        let mut groups = Vec::new();
        let mut tree = Tree::default();
        for (id, domain, members) in all {
            if !members.iter().any(is_wanted) {
                continue;
            }
            let why = whys(host, &members);
            if !why.is_empty() && !wanted.is_empty() {
                tree.add(host, &guests_of(host, &members), &why, id);
            }
            let reaches = reaches(host, &members);
            let devices = members.into_iter().collect();
            groups.push(Group { id, devices, why, reaches, domain });
        }
        let note = |function: &Function| (function.address, Note::of(host, function));
        Self {
            schema: Self::SCHEMA,
            predicted_by: None,
            groups,
            ungrouped: ungrouped.into_iter().filter(is_wanted).collect(),
            unseen: Vec::new(),
            asked: asked.to_vec(),
            joined_late: false,
            notes: host.functions.values().map(note).collect(),
            tree,
        }
    }

    /// Was everything seen that the answer rests on?
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unseen.is_empty()
    }

    /// The group of a function.
    fn group_of(&self, address: Address) -> Option<&Group> {
        self.groups.iter().find(|group| group.devices.contains(&address))
    }

    /// The functions of a group that could go to somebody: all but bridges.
    fn guests<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = Address> + 'a {
        let is_bridge = |address: &Address| self.notes.get(address).is_some_and(|note| note.bridge);
        group.devices.iter().copied().filter(move |address| !is_bridge(address))
    }
}

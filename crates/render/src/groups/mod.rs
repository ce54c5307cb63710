//! `virtfn groups`: the IOMMU groups as the kernel made them.

mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use virtfn_host::{Function, Host};
use virtfn_pci::Address;
use virtfn_predict::{Judgement, isolation};

use crate::Document;

/// `virtfn.groups/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Groups {
    schema: &'static str,
    /// The groups, by number.
    pub groups: Vec<Group>,
    /// The functions that are in none.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub ungrouped: Vec<Address>,
    /// The functions that were asked about; none: all.
    #[serde(skip)]
    asked: Vec<Address>,
    /// What a text says of each function.
    #[serde(skip)]
    notes: BTreeMap<Address, Note>,
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
}

/// Where the isolation of a group's functions ends, each place once.
fn whys(host: &Host, group: &virtfn_host::IommuGroup) -> Vec<Why> {
    let members = group.members.iter().filter_map(|address| host.functions.get(address));
    let guests: Vec<&Function> = members.filter(|function| !function.is_bridge()).collect();
    let mut whys: Vec<Why> = Vec::new();
    // A device alone is apart from nobody in particular: there is nothing to say why.
    for function in guests.iter().filter(|_| guests.len() > 1) {
        if let Judgement::Broken(end) = isolation(host, function).judgement()
            && whys.iter().all(|why| why.at != end.address)
        {
            whys.push(Why {
                at: end.address,
                reason: end.reason(),
                missing: end.missing_names().into_iter().map(str::to_owned).collect(),
            });
        }
    }
    whys
}

/// A function in a text.
#[derive(Clone, Debug)]
struct Note {
    name: String,
    driver: Option<String>,
    bridge: bool,
}

impl Groups {
    /// A host's groups; with `asked`, those of these functions.
    #[must_use]
    pub fn of(host: &Host, asked: &[Address]) -> Self {
        let wanted: BTreeSet<Address> = asked.iter().copied().collect();
        let is_wanted = |address: &Address| wanted.is_empty() || wanted.contains(address);
        let group = |group: &virtfn_host::IommuGroup| Group {
            id: Some(group.id),
            devices: group.members.iter().copied().collect(),
            why: whys(host, group),
            domain: group.domain.known().cloned(),
        };
        let groups = host.groups.values().filter(|group| group.members.iter().any(is_wanted));
        let ungrouped = host.functions.values().filter(|function| function.iommu_group.is_none());
        let note = |function: &Function| {
            let name = host.names.of(function.ids.vendor, function.ids.device);
            let bridge = function.is_bridge();
            (function.address, Note { name, driver: function.driver.clone(), bridge })
        };
        Self {
            schema: Self::SCHEMA,
            groups: groups.map(group).collect(),
            ungrouped: ungrouped.map(|function| function.address).filter(is_wanted).collect(),
            asked: asked.to_vec(),
            notes: host.functions.values().map(note).collect(),
        }
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

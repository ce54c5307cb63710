//! Where isolation ends, and what that means for those below.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use virtfn_host::{Function, Host};
use virtfn_pci::Address;
use virtfn_predict::{Break, Isolation, Judgement, isolation, leak};

use super::tree::Place;
use super::{Group, Groups};
use crate::words::count;

/// A place where isolation ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct End {
    /// The function that does not isolate: the link above it is where isolation ends.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub at: Address,
    /// Why, in words, without the address.
    pub reason: String,
    /// The ACS services that it lacks; empty where none would mend it.
    pub missing: Vec<&'static str>,
    /// What follows for those below, a sentence each.
    pub means: Vec<String>,
    /// An earlier end that says all of this too: functions of one device each end isolation.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub same_as: Option<Address>,
}

impl End {
    /// Why, with what is missing, as a sentence: `Root port has no ACS (missing SV RR CR UF).`
    pub(super) fn why(&self) -> String {
        let mut why: String = self.reason.chars().take(1).flat_map(char::to_uppercase).collect();
        why.extend(self.reason.chars().skip(1));
        match self.missing.as_slice() {
            [] => format!("{why}."),
            missing => format!("{why} (missing {}).", missing.join(" ")),
        }
    }
}

/// How each function is kept apart. A VF is as its PF is, as far as the way to the root goes.
pub(super) struct Paths(BTreeMap<Address, Isolation>);

impl Paths {
    pub(super) fn of(host: &Host) -> Self {
        let has_pf = |function: &Function| {
            function.vf().is_some_and(|vf| host.functions.contains_key(&vf.pf))
        };
        let own = host.functions.values().filter(|function| !has_pf(function));
        Self(own.map(|function| (function.address, isolation(host, function))).collect())
    }

    /// The function's own step and those above it.
    pub(super) fn own(&self, function: &Function) -> Option<&Isolation> {
        self.0.get(&function.address)
    }

    pub(super) fn judge(&self, function: &Function) -> Judgement {
        match (self.own(function), function.vf().and_then(|vf| self.0.get(&vf.pf))) {
            (Some(own), _) => own.judgement(),
            (None, Some(pf)) => pf.above().judgement(),
            (None, None) => Judgement::Isolated,
        }
    }
}

/// The places where isolation ends, in the order of their addresses.
pub(super) fn ends(host: &Host, places: &[Place], groups: &Groups, paths: &Paths) -> Vec<End> {
    let mut found: BTreeMap<Address, Found> = BTreeMap::new();
    for (number, group) in groups.all.iter().enumerate() {
        let guests = group.guests(host);
        // A device alone is apart from nobody in particular.
        for guest in guests.iter().filter(|_| guests.len() > 1) {
            if let Judgement::Broken(end) = paths.judge(guest) {
                found.entry(end.address).or_insert_with(|| Found::at(end)).groups.insert(number);
            }
        }
    }
    let mut mixed = Mixed::new(places, groups);
    for place in places {
        let Some(function) = host.functions.get(&place.address) else { continue };
        let is_guest = !function.is_bridge() && function.vf().is_none();
        let leak = leak(host, function).filter(|_| is_guest && groups.has(place.address));
        if let Some(leak) = leak.filter(|leak| mixed.is(leak.switch)) {
            let at = leak.port.address;
            found.entry(at).or_insert_with(|| Found::at(leak.port)).switch = Some(leak.switch);
        }
    }
    in_words(host, found, &groups.all)
}

struct Found {
    end: Break,
    /// Those that are joined by it, by their index.
    groups: BTreeSet<usize>,
    /// The switch through which it lets requests pass to other groups.
    switch: Option<Address>,
}

impl Found {
    const fn at(end: Break) -> Self {
        Self { end, groups: BTreeSet::new(), switch: None }
    }
}

/// Below which bridges there is more than one group.
struct Mixed<'a> {
    places: &'a [Place],
    groups: &'a Groups,
    /// Where each bridge is among the places.
    at: BTreeMap<Address, usize>,
    known: BTreeMap<Address, bool>,
}

impl<'a> Mixed<'a> {
    fn new(places: &'a [Place], groups: &'a Groups) -> Self {
        let at = places.iter().enumerate().map(|(at, place)| (place.address, at)).collect();
        Self { places, groups, at, known: BTreeMap::new() }
    }

    fn is(&mut self, bridge: Address) -> bool {
        if let Some(known) = self.known.get(&bridge) {
            return *known;
        }
        let below = self.at.get(&bridge).and_then(|at| {
            let end = self.places.get(*at)?.end;
            self.places.get(at + 1..end)
        });
        let groups = below.unwrap_or_default().iter();
        let groups = groups.filter_map(|place| self.groups.of_guest.get(&place.address));
        let mixed = groups.collect::<BTreeSet<_>>().len() > 1;
        self.known.insert(bridge, mixed);
        mixed
    }
}

fn in_words(host: &Host, found: BTreeMap<Address, Found>, groups: &[Group]) -> Vec<End> {
    let mut first: BTreeMap<(String, Vec<String>), Address> = BTreeMap::new();
    let mut ends = Vec::new();
    for (at, found) in found {
        let reason = found.end.reason();
        let means = means(host, &found, groups);
        let same_as = first.get(&(reason.clone(), means.clone())).copied();
        if same_as.is_none() {
            first.insert((reason.clone(), means.clone()), at);
        }
        ends.push(End { at, reason, missing: found.end.missing_names(), means, same_as });
    }
    ends
}

fn means(host: &Host, found: &Found, groups: &[Group]) -> Vec<String> {
    let joined = found.groups.iter().filter_map(|number| groups.get(*number));
    let mut means: Vec<String> = joined
        .map(|group| {
            let members = count(group.guests(host).len(), "device", "devices");
            let verb = if group.id.is_some() { "can" } else { "could" };
            format!("The {members} of {} {verb} only go to one VM together.", group.name())
        })
        .collect();
    means.extend(found.switch.map(|switch| {
        format!(
            "What is below it can reach all else below switch {}, past the IOMMU.",
            switch.short()
        )
    }));
    means
}

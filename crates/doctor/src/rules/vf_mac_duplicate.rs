//! Has another function the VF's address?

use std::collections::{BTreeMap, BTreeSet};

use virtfn_host::{Function, Host, MacAddress};
use virtfn_pci::Address;

use crate::evidence::list;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::{Addresses, Interfaces, admin, is_network, place, unseen};

pub(crate) const RULE: Rule = Rule {
    id: "vf-mac-duplicate",
    label: "same address",
    about: About::EachVf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Together(judge),
    page: include_str!("vf_mac_duplicate.md"),
};

/// No line names more functions than this.
const MAX_NAMED: usize = 4;

fn judge(host: &Host, functions: &[&Function]) -> Vec<Opinion> {
    let known = Known::of(host);
    functions.iter().map(|function| judge_one(host, &known, function)).collect()
}

/// Every network function's addresses, and whose each is.
struct Known<'h> {
    of: BTreeMap<Address, Addresses<'h>>,
    whose: BTreeMap<MacAddress, BTreeSet<Address>>,
}

impl<'h> Known<'h> {
    fn of(host: &'h Host) -> Self {
        let interfaces = Interfaces::of(host);
        let functions = host.functions.values().filter(|function| is_network(function));
        let addresses = |one: &'h Function| (one.address, Addresses::of(host, &interfaces, one));
        let of: BTreeMap<_, _> = functions.map(addresses).collect();
        let mut whose: BTreeMap<MacAddress, BTreeSet<Address>> = BTreeMap::new();
        for (address, addresses) in &of {
            for mac in addresses.all() {
                whose.entry(mac).or_default().insert(*address);
            }
        }
        Self { of, whose }
    }

    /// Who else has this address. Ports of one bond share theirs by design.
    fn others(&self, own: Address, mac: MacAddress) -> Vec<Address> {
        let master = |address: Address| self.of.get(&address).and_then(|one| one.master);
        let bonded = |other: Address| master(own).is_some() && master(own) == master(other);
        let all = self.whose.get(&mac).into_iter().flatten().copied();
        all.filter(|other| *other != own && !bonded(*other)).take(MAX_NAMED).collect()
    }
}

fn judge_one(host: &Host, known: &Known<'_>, function: &Function) -> Opinion {
    let Some(mine) = known.of.get(&function.address) else {
        return Opinion::not_applicable("is no network function");
    };
    let Some(first) = mine.all().next() else {
        let admin = admin(host, function);
        return match admin.known() {
            Some(_) => Opinion::pass("has no address yet")
                .saw(place(host, function), "mac 00:00:00:00:00:00"),
            None => unseen(host, function, &admin, "its address"),
        };
    };
    let shared = mine.all().map(|mac| (mac, known.others(function.address, mac)));
    let Some((mac, others)) = shared.into_iter().find(|(_, others)| !others.is_empty()) else {
        return Opinion::pass("nobody else here has its address")
            .saw(place(host, function), format!("mac {first}"));
    };
    let names = list(others.iter().map(|other| other.short()));
    let opinion = Opinion::warn(format!("its address {mac} is that of {names} too"))
        .saw(place(host, function), format!("mac {mac}"));
    let others = others.iter().filter_map(|other| host.functions.get(other));
    let opinion = others
        .fold(opinion, |opinion, other| opinion.saw(place(host, other), format!("mac {mac}")));
    let vf = function.vf().map(|vf| format!("{}/{}", vf.pf.short(), vf.index));
    opinion.fixes(vf.map(|vf| format!("virtfn set {vf} --mac auto")))
}

//! The virtual machines of the list: those of one function, and what is to be minded about them.

use std::collections::BTreeMap;

use serde::Serialize;
use virtfn_host::{Guest, GuestState, Guests, ManagedBy, Stale};
use virtfn_pci::Address;

use super::{Kind, List, Listed};
use crate::paint::Tone;
use crate::words::{place, plain};

/// More names than this are counted.
const NAMED: usize = 6;

/// A virtual machine that has a function, or is given it when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListedGuest {
    /// What those who run it call it.
    pub name: String,
    /// Who runs it: `libvirt`, `proxmox`, `qemu` by hand, or `other` VMMs by hand.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub manager: ManagedBy,
    /// `running`, `paused` and `starting` have it; `defined`: it gets it when it starts.
    pub state: &'static str,
    /// The pool out of which it gets one of the PF's VFs, or this function if it is free; `null`:
    /// it is named for this function.
    pub pool: Option<String>,
}

/// A record of a guest that runs no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StaleGuest {
    /// The guest.
    pub name: String,
    /// Whose record it is.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub manager: ManagedBy,
    /// The process that it had.
    pub pid: u32,
    /// What has that process's number now; `null`: nothing.
    pub now: Option<String>,
    /// The record.
    pub path: String,
}

/// The guests of every function, found by one walk over all.
pub(super) struct ByFunction<'h> {
    /// Could every record be read?
    complete: bool,
    named: BTreeMap<Address, Vec<&'h Guest>>,
    pooled: BTreeMap<Address, Vec<(&'h Guest, &'h virtfn_host::Pool)>>,
}

impl<'h> ByFunction<'h> {
    pub(super) fn of(guests: &'h Guests) -> Self {
        let complete = guests.unseen.is_empty();
        Self { complete, named: guests.by_function(), pooled: guests.by_pool() }
    }

    /// The guests of one function; `None` where there may be some that were not seen.
    pub(super) fn at(&self, address: Address) -> Option<Vec<ListedGuest>> {
        let listed = |guest: &Guest, pool: Option<&str>| ListedGuest {
            name: guest.name.clone(),
            manager: guest.managed_by,
            state: guest.state.word(),
            pool: pool.map(str::to_owned),
        };
        let named = self.named.get(&address).into_iter().flatten();
        let pooled = self.pooled.get(&address).into_iter().flatten();
        let all: Vec<ListedGuest> = named
            .map(|guest| listed(guest, None))
            .chain(pooled.map(|(guest, pool)| listed(guest, Some(&pool.name))))
            .collect();
        (self.complete || !all.is_empty()).then_some(all)
    }
}

impl From<&Stale> for StaleGuest {
    fn from(stale: &Stale) -> Self {
        let Stale { name, managed_by, pid, now, path } = stale.clone();
        Self { name, manager: managed_by, pid, now, path: place(&path) }
    }
}

impl ListedGuest {
    fn words(&self) -> String {
        format!("VM {} ({})", self.name, self.state)
    }

    pub(super) fn is_live(&self) -> bool {
        self.state != GuestState::Defined.word()
    }
}

impl Listed {
    /// The guests that have it, or are given it by name.
    pub(super) fn named_guests(&self) -> impl Iterator<Item = &ListedGuest> {
        self.guests.iter().flatten().filter(|guest| guest.pool.is_none())
    }

    /// The same in the words of a table.
    pub(super) fn guest_words(&self) -> impl Iterator<Item = String> {
        self.named_guests().map(ListedGuest::words)
    }

    /// Do several guests claim it, of which one can have it?
    pub(super) fn is_contested(&self) -> bool {
        self.named_guests().nth(1).is_some()
    }
}

impl List {
    /// What is to be minded about guests: functions that several are given, records of guests that
    /// are gone; then the pools.
    pub(super) fn guests_text(&self) -> String {
        let warn = |line: String| format!("{}\n", Tone::Warn.paint(&plain(&line)));
        let mut text: String = self.contested().map(warn).collect();
        if !text.is_empty() {
            text.push_str("hint: virtfn explain vf-in-two-domains\n");
        }
        text.extend(self.stale().map(warn));
        let pools = self.functions.iter().flat_map(pool_lines);
        text.extend(pools.map(|line| format!("{}\n", plain(&line))));
        if text.is_empty() { text } else { format!("\n{text}") }
    }

    fn contested(&self) -> impl Iterator<Item = String> {
        let contested = self.functions.iter().filter(|function| function.is_contested());
        contested.map(|function| {
            let names: Vec<String> = function.guest_words().collect();
            let (last, first) = names.split_last().map_or(("", &[][..]), |(l, f)| (l.as_str(), f));
            let (short, first) = (function.address.short(), first.join(", "));
            format!("! {short} is claimed by {first} and {last}: only one can have it")
        })
    }

    fn stale(&self) -> impl Iterator<Item = String> {
        self.stale_guests.iter().map(|stale| {
            let StaleGuest { name, manager, pid, now, path } = stale;
            let now = match now {
                Some(program) => format!("process {pid} is {program} now"),
                None => format!("there is no process {pid}"),
            };
            format!("! VM {name} runs by {manager}'s record, and {now}: {path}")
        })
    }
}

/// What the pools of a PF, or the function itself, owe to guests.
fn pool_lines(function: &Listed) -> Vec<String> {
    let mut pools: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for guest in function.guests.iter().flatten() {
        if let Some(pool) = &guest.pool {
            pools.entry(pool).or_default().push(&guest.name);
        }
    }
    let what = if function.kind == Kind::Pf { "gives a VF each" } else { "gives this, if free," };
    let line = |(pool, names): (&str, Vec<&str>)| {
        let more = names.len().saturating_sub(NAMED);
        let named = names.iter().take(NAMED).map(|name| format!("VM {name}"));
        let mut named: Vec<String> = named.collect();
        named.extend((more > 0).then(|| format!("{more} more")));
        let (short, named) = (function.address.short(), named.join(", "));
        let when = if names.len() == 1 { "when it starts" } else { "when they start" };
        let what = if names.len() == 1 { what.replace(" each", "") } else { what.to_owned() };
        format!("{short}: pool {pool} {what} to {named} {when}")
    };
    pools.into_iter().map(line).collect()
}

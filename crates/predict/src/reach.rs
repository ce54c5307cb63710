//! Whom a function can reach past the IOMMU although the kernel keeps them in groups apart.
//!
//! A request that enters a switch by a downstream port without ACS may leave by any other port of
//! the switch. Linux 6.12 asks the ports from a function up to the root, but makes a group for each
//! downstream port: two cards behind one switch without ACS get two groups, and can still write to
//! each other.

use std::collections::BTreeSet;

use virtfn_host::{Function, Host};
use virtfn_pci::Address;

use crate::acs::Lack;
use crate::isolation::{Break, isolation, parents};
use crate::kind::Kind;

/// A switch through which a function reaches what is in other groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The switch's upstream port: everything below it is within reach.
    pub switch: Address,
    /// The downstream port that lets requests turn round.
    pub port: Break,
}

/// The highest switch on the way to the root whose port below lets a function's requests turn round.
#[must_use]
pub fn leak(host: &Host, function: &Function) -> Option<Leak> {
    let breaks = isolation(host, function).breaks().collect::<Vec<_>>();
    breaks.into_iter().rev().find_map(|port| {
        let at_switch = port.kind == Some(Kind::DownstreamPort)
            && matches!(port.lack, Lack::NoCapability | Lack::SwitchedOff | Lack::Quirk(_));
        let switch = host.functions.get(&port.address)?.parent?;
        at_switch.then_some(Leak { switch, port })
    })
}

/// What hangs below a bridge, bridges left out.
#[must_use]
pub fn below(host: &Host, bridge: Address) -> BTreeSet<Address> {
    let guests = host.functions.values().filter(|function| !function.is_bridge());
    guests
        .filter(|function| parents(host, function).any(|above| above.address == bridge))
        .map(|function| function.address)
        .collect()
}

//! The shape of a machine: what hangs below what, in the order in which it is read.
//!
//! A PF's VFs hang below their PF, whatever bus their addresses are on: that is how people think of
//! them, and it keeps a card in one place.

use std::collections::{BTreeMap, BTreeSet};

use virtfn_host::{Function, Role};
use virtfn_pci::Address;

/// A function's place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The function.
    pub address: Address,
    /// Links from the root bus: 0 on it.
    pub depth: usize,
    /// The index of what it hangs below; `None` on a root bus.
    pub above: Option<usize>,
    /// The index of the first place that is not below it.
    pub end: usize,
    /// Is it the last of those that hang where it hangs?
    pub last: bool,
}

/// The place of each of these functions: parents before what hangs below them, each subtree in one piece. Takes
/// time linear in the functions, a sort of them aside, and ends on any tree, rings
/// included.
#[must_use]
pub fn places(functions: &BTreeMap<Address, &Function>) -> Vec<Place> {
    let mut below: BTreeMap<Option<Address>, Vec<Address>> = BTreeMap::new();
    for function in functions.values() {
        below.entry(above(functions, function)).or_default().push(function.address);
    }
    let mut order = Order { below, places: Vec::new(), seen: BTreeSet::new() };
    let tops = order.below.remove(&None).unwrap_or_default();
    // Functions that hang below one another in a ring are on no way from a root: they come last.
    for top in tops.into_iter().chain(functions.keys().copied()) {
        order.place(top);
    }
    order.mark_last_of_roots();
    order.places
}

/// What a function is drawn below: a VF's PF, else the bridge above, where they are listed.
pub(super) fn above(
    functions: &BTreeMap<Address, &Function>,
    function: &Function,
) -> Option<Address> {
    let pf = match function.role {
        Role::Vf(id) => Some(id.pf),
        Role::Leaving { pf } => Some(pf),
        Role::Plain | Role::Pf(_) => None,
    };
    let listed = |address: &Address| functions.contains_key(address);
    pf.filter(listed).or_else(|| function.parent.filter(listed))
}

struct Order {
    below: BTreeMap<Option<Address>, Vec<Address>>,
    places: Vec<Place>,
    seen: BTreeSet<Address>,
}

impl Order {
    /// Places a function and all below it, without recursion: a recording may claim any depth.
    fn place(&mut self, top: Address) {
        let mut waiting = vec![Visit::Enter { address: top, above: None, depth: 0, last: false }];
        while let Some(visit) = waiting.pop() {
            match visit {
                Visit::Leave(at) => self.close(at),
                Visit::Enter { address, above, depth, last } => {
                    if !self.seen.insert(address) {
                        continue;
                    }
                    let at = self.places.len();
                    self.places.push(Place { address, depth, above, end: at + 1, last });
                    waiting.push(Visit::Leave(at));
                    let below = self.below.remove(&Some(address)).unwrap_or_default();
                    let count = below.len();
                    let enter = |(number, address)| Visit::Enter {
                        address,
                        above: Some(at),
                        depth: depth + 1,
                        last: number + 1 == count,
                    };
                    waiting.extend(below.into_iter().enumerate().map(enter).rev());
                }
            }
        }
    }

    fn mark_last_of_roots(&mut self) {
        if let Some(last) = self.places.iter_mut().rev().find(|place| place.above.is_none()) {
            last.last = true;
        }
    }

    fn close(&mut self, at: usize) {
        let end = self.places.len();
        if let Some(place) = self.places.get_mut(at) {
            place.end = end;
        }
    }
}

enum Visit {
    Enter { address: Address, above: Option<usize>, depth: usize, last: bool },
    Leave(usize),
}

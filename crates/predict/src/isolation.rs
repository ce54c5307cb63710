//! The path from a function to the root, and where on it isolation ends.

use std::fmt;

use virtfn_host::{Function, Host};
use virtfn_pci::{AcsFlags, Address};

use crate::acs::{self, Acs, Ground, Lack, Unseen};
use crate::kind::{Kind, is_multifunction};

/// Whose rules these are. A group's explanation should name them: they differ between versions.
pub const RULES: &str = "Linux 6.12";

/// No tree of 256 buses is deeper; a recording may claim one.
pub(crate) const MAX_DEPTH: usize = 256;

/// How well a function is kept apart from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isolation {
    /// The function itself, then every port and bridge above it up to the root bus.
    pub path: Vec<Step>,
}

/// One element of the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where it is.
    pub address: Address,
    /// What it is; `None` where that could not be seen.
    pub kind: Option<Kind>,
    /// Whether it keeps requests apart.
    pub acs: Acs,
}

/// A place where isolation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Break {
    /// The element that does not isolate.
    pub address: Address,
    /// What it is.
    pub kind: Option<Kind>,
    /// Why it does not.
    pub lack: Lack,
    /// The services that it lacks; empty where none would mend it.
    pub missing: AcsFlags,
}

/// The verdict over a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing on the path lets a request past the IOMMU.
    Isolated,
    /// Isolation ends here: the element nearest to the root, at which the kernel's group starts.
    Broken(Break),
    /// Nothing is known to be wrong, and this could not be seen.
    Unknown(Unseen),
}

/// Judges the path from a function to the root bus as the kernel does when it makes groups. With
/// no IOMMU running it judges by what the kernel would switch on.
#[must_use]
pub fn isolation(host: &Host, function: &Function) -> Isolation {
    let own = Step {
        address: function.address,
        kind: kind(function),
        acs: among_its_device(host, function),
    };
    let above = ancestors(host, function).map(|(address, bridge)| match bridge {
        Some(bridge) => Step { address, kind: kind(bridge), acs: acs::judge(host, bridge) },
        None => Step { address, kind: None, acs: Acs::Unseen(Unseen::missing(address)) },
    });
    Isolation { path: std::iter::once(own).chain(above).collect() }
}

/// The bridges above, nearest first; one that the host does not list ends the climb.
fn ancestors<'h>(
    host: &'h Host,
    function: &Function,
) -> impl Iterator<Item = (Address, Option<&'h Function>)> {
    let find = |address: Address| (address, host.functions.get(&address));
    let first = function.parent.map(find);
    std::iter::successors(first, move |(_, bridge)| (*bridge)?.parent.map(find)).take(MAX_DEPTH)
}

fn kind(function: &Function) -> Option<Kind> {
    let walk = function.config.known()?.capabilities();
    Kind::of(function, &walk).ok()
}

/// Is the function kept apart from the others of its device? (`get_pci_function_alias_group`)
fn among_its_device(host: &Host, function: &Function) -> Acs {
    if function.controller.is_some() {
        let lack = Lack::BehindController;
        return Acs::Lacks { lack, missing: AcsFlags::default() };
    }
    let mut siblings = siblings(host, function).peekable();
    if siblings.peek().is_none() || is_multifunction(function) == Ok(false) {
        return Acs::Isolates(Ground::Alone);
    }
    let own = acs::judge(host, function);
    let missing = match &own {
        Acs::Isolates(_) | Acs::Unseen(_) => return own,
        Acs::Lacks { missing, .. } => *missing,
    };
    let mut unseen = None;
    for sibling in siblings {
        match acs::judge(host, sibling) {
            Acs::Lacks { .. } => return Acs::Lacks { lack: Lack::SharedDevice, missing },
            Acs::Unseen(what) => unseen = Some(what),
            Acs::Isolates(_) => {}
        }
    }
    unseen.map_or(Acs::Isolates(Ground::Alone), Acs::Unseen)
}

/// The controller under whose name its requests go. (`pci_real_dma_dev`)
pub(crate) fn controller<'h>(host: &'h Host, function: &Function) -> Option<&'h Function> {
    host.functions.get(&function.controller?)
}

/// The bridges above that the host lists, nearest first.
pub(crate) fn parents<'h>(
    host: &'h Host,
    function: &Function,
) -> impl Iterator<Item = &'h Function> {
    ancestors(host, function).map_while(|(_, bridge)| bridge)
}

/// The other functions with the same bus and device number.
pub(crate) fn siblings<'h>(
    host: &'h Host,
    function: &Function,
) -> impl Iterator<Item = &'h Function> {
    let own = function.address;
    let at = move |number| Address::new(own.domain(), own.bus(), own.device(), number);
    let others = (0..8).filter_map(at).filter(move |address| *address != own);
    others.filter_map(|address| host.functions.get(&address))
}

impl Isolation {
    /// The verdict. A break is certain even where something else could not be seen.
    #[must_use]
    pub fn judgement(&self) -> Judgement {
        if let Some(last) = self.breaks().last() {
            return Judgement::Broken(last);
        }
        self.unseen().next().cloned().map_or(Judgement::Isolated, Judgement::Unknown)
    }

    /// Every element that does not isolate, nearest to the function first. All but the last are
    /// hidden by the last: mending them alone changes nothing.
    pub fn breaks(&self) -> impl Iterator<Item = Break> {
        self.path.iter().filter_map(|step| match step.acs {
            Acs::Lacks { lack, missing } => {
                Some(Break { address: step.address, kind: step.kind, lack, missing })
            }
            Acs::Isolates(_) | Acs::Unseen(_) => None,
        })
    }

    /// What could not be seen, nearest to the function first.
    pub fn unseen(&self) -> impl Iterator<Item = &Unseen> {
        self.path.iter().filter_map(|step| match &step.acs {
            Acs::Unseen(unseen) => Some(unseen),
            Acs::Isolates(_) | Acs::Lacks { .. } => None,
        })
    }

    /// The same path without the function itself: what its VFs will meet.
    #[must_use]
    pub fn above(&self) -> Self {
        Self { path: self.path.iter().skip(1).cloned().collect() }
    }
}

impl Break {
    /// Why isolation ends here, in words, without the address: `root port has no ACS`.
    #[must_use]
    pub fn reason(&self) -> String {
        match self.kind {
            Some(kind) => format!("{kind} {}", self.lack),
            None => format!("it {}", self.lack),
        }
    }

    /// The missing services by their short names, `SV` first.
    #[must_use]
    pub fn missing_names(&self) -> Vec<&'static str> {
        self.missing.names().collect()
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.address.short();
        match self.kind {
            Some(kind) => write!(f, "{kind} {at} {}", self.lack),
            None => write!(f, "{at} {}", self.lack),
        }
    }
}

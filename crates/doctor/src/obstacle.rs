//! What keeps a function from user space as it is this moment: the short answer for whoever is about
//! to hand it over, where the rules give the long one.

use std::fmt;

use virtfn_host::{Function, Holder, Host, Seen, is_vfio_driver};
use virtfn_pci::Address;

use crate::evidence::group;

/// One thing that is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// No IOMMU translates it.
    NotTranslated,
    /// Its driver is none of VFIO's.
    Driver {
        /// The function.
        device: Address,
        /// Who has it.
        driver: Option<String>,
    },
    /// Drivers of the host have others of its group, and the kernel gives a group away whole.
    Group {
        /// Its number.
        id: u32,
        /// Who they are, each with its driver.
        busy: Vec<(Address, String)>,
    },
    /// Somebody uses it.
    Held(Holder),
    /// Whether somebody uses it could not be seen.
    HoldersUnseen(String),
}

/// What is in the way of handing `function` to user space through VFIO.
///
/// Needs the functions with their drivers and groups, and who holds what.
#[must_use]
pub fn obstacles(host: &Host, function: &Function) -> Vec<Obstacle> {
    let mut found = Vec::new();
    let group = group(host, function);
    if group.is_none_or(|group| group.is_noiommu()) {
        found.push(Obstacle::NotTranslated);
    }
    if !function.driver.as_deref().is_some_and(is_vfio_driver) {
        let (device, driver) = (function.address, function.driver.clone());
        found.push(Obstacle::Driver { device, driver });
    }
    if let Some(group) = group {
        let others = group.members.iter().filter(|member| **member != function.address);
        let others = others.filter_map(|member| host.functions.get(member));
        let busy = others.filter(|other| !other.is_bridge() && holds_host(other));
        let busy = busy.filter_map(|other| Some((other.address, other.driver.clone()?)));
        let busy: Vec<_> = busy.collect();
        if !busy.is_empty() {
            found.push(Obstacle::Group { id: group.id, busy });
        }
    }
    match &function.holders {
        Seen::Known(holders) => found.extend(holders.iter().cloned().map(Obstacle::Held)),
        Seen::Absent => {}
        Seen::Unreadable(unseen) => found.push(Obstacle::HoldersUnseen(unseen.to_string())),
    }
    found
}

/// Does a driver of the host have it? The kernel gives a group away only when none has any of it;
/// pci-stub promises to do no DMA, as bridges' drivers do (`driver_managed_dma`).
pub(crate) fn holds_host(function: &Function) -> bool {
    function.driver.as_deref().is_some_and(|name| !is_vfio_driver(name) && name != "pci-stub")
}

impl Obstacle {
    /// What to type about it, where a command mends it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        let bind = |device: &Address| format!("virtfn bind {} vfio-pci", device.short());
        match self {
            Self::NotTranslated => vec!["virtfn doctor says how to switch the IOMMU on".into()],
            Self::Driver { device, .. } => vec![bind(device)],
            Self::Group { busy, .. } => busy.iter().map(|(other, _)| bind(other)).collect(),
            Self::Held(_) | Self::HoldersUnseen(_) => Vec::new(),
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTranslated => f.write_str("no IOMMU translates it"),
            Self::Driver { driver: Some(driver), .. } => {
                write!(f, "driver {driver} has it, and VFIO has to")
            }
            Self::Driver { driver: None, .. } => f.write_str("no driver has it, and VFIO has to"),
            Self::Group { id, busy } => {
                let names = busy.iter().map(|(at, driver)| format!("{} ({driver})", at.short()));
                let names: Vec<_> = names.collect();
                write!(f, "its group {id} also holds {}", names.join(", "))
            }
            Self::Held(holder) => write!(f, "is in use by {holder}"),
            Self::HoldersUnseen(unseen) => write!(f, "who uses it could not be seen: {unseen}"),
        }
    }
}

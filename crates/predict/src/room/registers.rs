//! Do the registers of the SR-IOV capability agree with each other?

use std::fmt;

use virtfn_host::{Function, Host, Seen};
use virtfn_pci::{Address, Looked, Sriov, SriovCapabilities};

use super::{Answer, Cause, Errno, Limit};
use crate::acs::Unseen;

/// How a device's SR-IOV registers contradict each other (`drivers/pci/iov.c`, `sriov_enable`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// `InitialVFs` must be `TotalVFs` in a device whose VFs do not migrate.
    Initial {
        /// `InitialVFs`.
        initial: u16,
        /// `TotalVFs`.
        total: u16,
    },
    /// Its VFs depend on those of a function that is not there.
    LinkToNothing(Address),
    /// Its VFs depend on those of a function that can have none.
    LinkToPlain(Address),
}

pub(super) fn judge(host: &Host, function: &Function) -> Answer {
    let walk = match &function.config {
        Seen::Known(config) => config.capabilities(),
        Seen::Absent | Seen::Unreadable(_) => return Err(Unseen::config(function)),
    };
    let Looked::Found(sriov) = walk.sriov() else {
        return Err(Unseen::config(function));
    };
    let found = numbers(sriov).or_else(|| link(host, function, sriov));
    Ok(found.map(|found| Limit { most: 0, cause: Cause::Registers(found) }))
}

fn numbers(sriov: &Sriov) -> Option<Contradiction> {
    let (initial, total) = (sriov.initial_vfs, sriov.total_vfs);
    let migrates = sriov.capabilities.has(SriovCapabilities::MIGRATION);
    (initial > total || (!migrates && initial != total))
        .then_some(Contradiction::Initial { initial, total })
}

/// A function that names itself depends on no other. The number is a device and function on the
/// PF's bus, or a function alone inside the root complex.
fn link(host: &Host, function: &Function, sriov: &Sriov) -> Option<Contradiction> {
    let own = function.address;
    let [_, devfn] = own.routing_id().to_be_bytes();
    let inside = function.parent.is_none();
    let link = if inside { devfn & !7 | sriov.dependency_link & 7 } else { sriov.dependency_link };
    if link == devfn {
        return None;
    }
    let at = Address::from_routing_id(own.domain(), u16::from_be_bytes([own.bus(), link]));
    match host.functions.get(&at) {
        None => Some(Contradiction::LinkToNothing(at)),
        Some(other) if other.pf().is_none() => Some(Contradiction::LinkToPlain(at)),
        Some(_) => None,
    }
}

impl Contradiction {
    pub(super) const fn errno(self) -> Errno {
        match self {
            Self::Initial { .. } => Errno::Io,
            Self::LinkToNothing(_) => Errno::NoDev,
            Self::LinkToPlain(_) => Errno::NoSys,
        }
    }
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Initial { initial, total } => {
                write!(
                    f,
                    "its registers contradict each other: InitialVFs {initial}, TotalVFs {total}"
                )
            }
            Self::LinkToNothing(at) => {
                write!(f, "its VFs depend on those of {}, which is not there", at.short())
            }
            Self::LinkToPlain(at) => {
                write!(f, "its VFs depend on those of {}, which can have none", at.short())
            }
        }
    }
}

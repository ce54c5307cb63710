//! What a view should have shown and could not.

use serde::Serialize;
use virtfn_host::{Reason, Unreadable, VfId};
use virtfn_pci::Address;

/// One fact that could not be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unseen {
    /// The function that it is about; `null`: the whole host.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub address: Option<Address>,
    /// Which fact: `holders`, `vf-settings`, …
    pub what: &'static str,
    /// Where it would have been read.
    pub path: String,
    /// What stood in the way.
    pub why: String,
}

impl Unseen {
    /// A fact that was asked for and not to be read.
    #[must_use]
    pub fn new(address: Option<Address>, what: &'static str, seen: &Unreadable) -> Self {
        Self { address, what, path: seen.path.clone(), why: seen.why.to_string() }
    }

    /// A fact that a recording does not have.
    #[must_use]
    pub fn unrecorded(address: Address, what: &'static str, path: &str) -> Self {
        Self {
            address: Some(address),
            what,
            path: path.to_owned(),
            why: "not in this recording".into(),
        }
    }

    /// The settings of a VF that is not in the list which the kernel gave of its PF's VFs.
    #[must_use]
    pub fn untold(address: Address, vf: VfId) -> Self {
        Self {
            address: Some(address),
            what: "vf-settings",
            path: format!("virtfn/vfs-{}.json", vf.pf),
            why: format!("its PF's driver told nothing of VF {}", vf.index),
        }
    }

    /// Would root see it?
    #[must_use]
    pub fn needs_root(&self) -> bool {
        self.why == Reason::NotPermitted.to_string()
    }
}

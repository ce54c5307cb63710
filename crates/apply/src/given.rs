//! What a function was before a virtual machine got it: kept until it is given back.
//!
//! The machine's manager puts back what it changed, if it lives that long. This record outlives it, and
//! outlives a run of ours that is killed. It lies below `/run`, and goes at a reboot together with the
//! virtual machines.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use virtfn_host::{DriverChoice, Function, Host, Policy, VfAdmin, VfId, VfPolicy};
use virtfn_pci::Address;

use crate::error::ApplyError;
use crate::give::Taker;
use crate::record;

/// A function that a virtual machine was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The function.
    pub function: Address,
    /// Which VF it is, if it is one.
    pub vf: Option<VfId>,
    /// To whom, in words: `VM web`.
    pub to: String,
    /// What it was.
    pub was: VfPolicy,
}

impl Given {
    /// What a machine has of the function now: of a VF those settings alone that a virtual machine's
    /// manager changes. `policy` is what the machine has, with what a killed run owes it.
    pub(crate) fn of(host: &Host, policy: &Policy, taker: &Taker<'_>) -> Self {
        let function = host.functions.get(&taker.function);
        let vf = function.and_then(Function::vf);
        let was = match vf {
            Some(vf) => policy.pfs.get(&vf.pf).and_then(|pf| pf.vf.get(&vf.index)).cloned(),
            None => function.map(|function| VfPolicy {
                driver: DriverChoice::of(function),
                ..VfPolicy::default()
            }),
        };
        let was = was.unwrap_or_default();
        let VfAdmin { mac, vlan, qos, proto, .. } = was.admin;
        let admin = VfAdmin { mac, vlan, qos, proto, ..VfAdmin::default() };
        let was = VfPolicy { admin, driver: was.driver, ..VfPolicy::default() };
        Self { function: taker.function, vf, to: taker.name.to_owned(), was }
    }

    /// The function as it was, on top of what the machine has now.
    #[must_use]
    pub fn back(&self, policy: Policy) -> Policy {
        match self.vf {
            Some(vf) => policy.with_vf(vf, self.was.clone()),
            None => policy.with_device(
                self.function,
                self.was.driver.clone().unwrap_or(DriverChoice::Default),
            ),
        }
    }

    /// The record of a function, if a virtual machine was given it and it was not given back.
    #[must_use]
    pub fn read(state: &Path, function: Address) -> Option<Self> {
        record::read(&path(state, function))
    }

    pub(crate) fn write(&self, state: &Path) -> Result<(), ApplyError> {
        record::write(self, &path(state, self.function))
    }

    pub(crate) fn remove(state: &Path, function: Address) -> Result<(), ApplyError> {
        record::remove(path(state, function))
    }
}

fn path(state: &Path, function: Address) -> PathBuf {
    state.join(format!("{function}.given"))
}

//! What a run must put back, written down before it takes it away.
//!
//! A run turns `sriov_drivers_autoprobe` off while it settles new VFs. Killed there, the next run
//! could not tell its value from one that an administrator chose: the journal says what it was, and
//! which VFs are still to be given to a driver: to the kernel's own choice, or back to the one that
//! they were taken from for a setting that no driver may see change. Another number of VFs goes
//! through none, and what was set on them is gone with them: the journal has what they shall be. It
//! lies below `/run`, and goes at a reboot together with the VFs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use virtfn_host::{DriverChoice, Limits, PfPolicy, Policy, VfId, VfIndex, VfPolicy};
use virtfn_pci::Address;
use virtfn_plan::{Action, Plan, Target};

use crate::error::ApplyError;
use crate::record;

/// What a run owes one PF.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    /// What `sriov_drivers_autoprobe` shall be in the end, where the run turns it.
    autoprobe: Option<bool>,
    /// VFs that the kernel shall find drivers for.
    probe: BTreeSet<VfIndex>,
    /// VFs that are taken from this driver for a while, and given back to it.
    #[serde(default)]
    back: BTreeMap<VfIndex, String>,
    /// The VFs that are made.
    made: Option<Made>,
}

/// VFs that take the place of others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    /// How many.
    vfs: u16,
    /// What they shall be.
    vf: BTreeMap<VfIndex, VfPolicy>,
    /// The groups in which they shall share rates: some drivers' go with the VFs.
    #[serde(default)]
    groups: BTreeMap<String, Option<Limits>>,
}

impl Journal {
    /// What `plan` owes `pf`, with what a killed run owed before and this one goes on with; nothing
    /// when a kill leaves nothing that the next run cannot see.
    pub(crate) fn of(
        plan: &Plan,
        pf: Address,
        policy: &Policy,
        killed: Option<Self>,
    ) -> Option<Self> {
        let wanted = policy.pfs.get(&pf)?;
        let killed = killed.unwrap_or_default();
        let owed = |vf: VfId, driver: &String| killed.back.get(&vf.index) == Some(driver);
        let mut journal = Self { made: killed.made, ..Self::default() };
        for step in &plan.steps {
            match &step.action {
                Action::SetAutoprobe { pf: at, .. } if *at == pf => {
                    journal.autoprobe = wanted.autoprobe;
                }
                Action::Probe { target: Target::Vf(vf), driver: None } if vf.pf == pf => {
                    journal.probe.insert(vf.index);
                }
                Action::Probe { target: Target::Vf(vf), driver: Some(driver) }
                    if vf.pf == pf && (takes(plan, *vf, driver) || owed(*vf, driver)) =>
                {
                    journal.back.insert(vf.index, driver.clone());
                }
                Action::SetNumVfs { pf: at, to: vfs @ 1.., .. } if *at == pf => {
                    journal.made = Made::of(*vfs, wanted);
                }
                _ => {}
            }
        }
        (journal != Self::default()).then_some(journal)
    }

    /// The journal that a killed run left for `pf`.
    pub(crate) fn read(folder: &Path, pf: Address) -> Option<Self> {
        record::read(&path(folder, pf))
    }

    /// Writes it, whole or not at all, before the first step.
    pub(crate) fn write(&self, folder: &Path, pf: Address) -> Result<(), ApplyError> {
        record::write(self, &path(folder, pf))
    }

    /// Removes it: all is put back.
    pub(crate) fn remove(folder: &Path, pf: Address) -> Result<(), ApplyError> {
        record::remove(path(folder, pf))
    }

    /// Makes what a killed run owed part of what shall be.
    pub(crate) fn settle(self, policy: &mut Policy, pf: Address) {
        let Some(policy) = policy.pfs.get_mut(&pf) else { return };
        policy.autoprobe = self.autoprobe.or(policy.autoprobe);
        if let Some(made) = self.made {
            made.settle(policy);
        }
        for (index, vf) in &mut policy.vf {
            if !matches!(vf.driver, None | Some(DriverChoice::None)) {
                continue;
            }
            if let Some(driver) = self.back.get(index) {
                vf.driver = Some(DriverChoice::Named(driver.clone()));
            } else if self.probe.contains(index) {
                vf.driver = Some(DriverChoice::Default);
            }
        }
    }
}

/// Does `plan` take this VF from this driver?
fn takes(plan: &Plan, vf: VfId, driver: &str) -> bool {
    plan.steps.iter().any(|step| {
        matches!(&step.action, Action::Unbind { target, driver: has_it }
            if *target == Target::Vf(vf) && has_it == driver)
    })
}

impl Made {
    /// Nothing, where they shall be as the kernel makes them.
    fn of(vfs: u16, wanted: &PfPolicy) -> Option<Self> {
        let plain = |vf: &VfPolicy| *vf == VfPolicy::default();
        let (vf, groups) = (wanted.vf.clone(), wanted.groups.clone());
        (!vf.values().all(plain) || !groups.is_empty()).then_some(Self { vfs, vf, groups })
    }

    /// Before the old ones were gone, all is still to be seen; with none, or with the new ones, what
    /// they shall be is known from here alone.
    fn settle(self, policy: &mut PfPolicy) {
        if policy.vfs != 0 && policy.vfs != self.vfs {
            return;
        }
        policy.vfs = self.vfs;
        let has_ports = policy.has_ports();
        if has_ports {
            policy.groups.extend(self.groups);
        }
        for (index, shall) in self.vf {
            let now = policy.vf.entry(index).or_default();
            now.admin = shall.admin.or(&now.admin);
            now.driver = shall.driver.or(now.driver.take());
            if has_ports {
                now.port = shall.port.or(&now.port);
            }
        }
    }
}

fn path(folder: &Path, pf: Address) -> PathBuf {
    folder.join(format!("{pf}.journal"))
}

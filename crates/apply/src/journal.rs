//! What a run must put back, written down before it takes it away.
//!
//! A run turns `sriov_drivers_autoprobe` off while it settles new VFs. Killed there, the next run
//! could not tell its value from one that an administrator chose: the journal says what it was, and
//! which VFs are still to be given to the kernel's own choice of driver. Another number of VFs goes
//! through none, and what was set on them is gone with them: the journal has what they shall be. It
//! lies below `/run`, and goes at a reboot together with the VFs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use virtfn_host::{DriverChoice, PfPolicy, Policy, VfIndex, VfPolicy};
use virtfn_pci::Address;
use virtfn_plan::{Action, Plan, Target};

use crate::error::ApplyError;

/// What a run owes one PF.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    /// What `sriov_drivers_autoprobe` shall be in the end, where the run turns it.
    autoprobe: Option<bool>,
    /// VFs that the kernel shall find drivers for.
    probe: BTreeSet<VfIndex>,
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
}

/// A journal has one line; a larger file is not ours.
const MAX_BYTES: u64 = 1 << 20;

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
        let mut journal = Self { made: killed.and_then(|killed| killed.made), ..Self::default() };
        for step in &plan.steps {
            match &step.action {
                Action::SetAutoprobe { pf: at, .. } if *at == pf => {
                    journal.autoprobe = wanted.autoprobe;
                }
                Action::Probe { target: Target::Vf(vf), driver: None } if vf.pf == pf => {
                    journal.probe.insert(vf.index);
                }
                Action::SetNumVfs { pf: at, to: vfs @ 1.., .. } if *at == pf => {
                    journal.made = Made::of(*vfs, wanted);
                }
                _ => {}
            }
        }
        (journal.autoprobe.is_some() || journal.made.is_some()).then_some(journal)
    }

    /// The journal that a killed run left for `pf`.
    pub(crate) fn read(folder: &Path, pf: Address) -> Option<Self> {
        let path = path(folder, pf);
        let length = std::fs::metadata(&path).ok()?.len();
        let bytes = if length <= MAX_BYTES { std::fs::read(&path).ok()? } else { return None };
        serde_json::from_slice(&bytes).ok()
    }

    /// Writes it, whole or not at all, before the first step.
    pub(crate) fn write(&self, folder: &Path, pf: Address) -> Result<(), ApplyError> {
        let path = path(folder, pf);
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer(&mut file, self)?;
            file.flush()?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|source| ApplyError::State {
            path: path.clone(),
            doing: "cannot write",
            source,
        })
    }

    /// Removes it: all is put back.
    pub(crate) fn remove(folder: &Path, pf: Address) -> Result<(), ApplyError> {
        let path = path(folder, pf);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ApplyError::State { path, doing: "cannot remove", source: error })
            }
            _ => Ok(()),
        }
    }

    /// Makes what a killed run owed part of what shall be.
    pub(crate) fn settle(self, policy: &mut Policy, pf: Address) {
        let Some(policy) = policy.pfs.get_mut(&pf) else { return };
        policy.autoprobe = self.autoprobe.or(policy.autoprobe);
        if let Some(made) = self.made {
            made.settle(policy);
        }
        for (index, vf) in &mut policy.vf {
            if self.probe.contains(index) && matches!(vf.driver, None | Some(DriverChoice::None)) {
                vf.driver = Some(DriverChoice::Default);
            }
        }
    }
}

impl Made {
    /// Nothing, where they shall be as the kernel makes them.
    fn of(vfs: u16, wanted: &PfPolicy) -> Option<Self> {
        let plain = |vf: &VfPolicy| *vf == VfPolicy::default();
        let vf = wanted.vf.clone();
        (!vf.values().all(plain)).then_some(Self { vfs, vf })
    }

    /// Before the old ones were gone, all is still to be seen; with none, or with the new ones, what
    /// they shall be is known from here alone.
    fn settle(self, policy: &mut PfPolicy) {
        if policy.vfs != 0 && policy.vfs != self.vfs {
            return;
        }
        policy.vfs = self.vfs;
        for (index, shall) in self.vf {
            let now = policy.vf.entry(index).or_default();
            now.admin = shall.admin.or(&now.admin);
            now.driver = shall.driver.or(now.driver.take());
        }
    }
}

fn path(folder: &Path, pf: Address) -> PathBuf {
    folder.join(format!("{pf}.journal"))
}

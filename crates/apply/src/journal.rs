//! What a run must put back, written down before it takes it away.
//!
//! A run turns `sriov_drivers_autoprobe` off while it settles new VFs. Killed there, the next run
//! could not tell its value from one that an administrator chose: the journal says what it was, and
//! which VFs are still to be given to the kernel's own choice of driver. It lies below `/run`, and
//! goes at a reboot together with the VFs.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use virtfn_host::{DriverChoice, Policy, VfIndex};
use virtfn_pci::Address;
use virtfn_plan::{Action, Plan, Target};

use crate::error::ApplyError;

/// What a run owes one PF.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    /// What `sriov_drivers_autoprobe` shall be in the end.
    autoprobe: bool,
    /// VFs that the kernel shall find drivers for.
    probe: BTreeSet<VfIndex>,
}

/// A journal has one line; a larger file is not ours.
const MAX_BYTES: u64 = 1 << 20;

impl Journal {
    /// What `plan` owes `pf`; nothing when it does not touch the switch.
    pub(crate) fn of(plan: &Plan, pf: Address, policy: &Policy) -> Option<Self> {
        let switched = plan
            .steps
            .iter()
            .any(|step| matches!(step.action, Action::SetAutoprobe { pf: at, .. } if at == pf));
        let autoprobe = policy.pfs.get(&pf)?.autoprobe?;
        let probed = |action: &Action| match action {
            Action::Probe { target: Target::Vf(vf), driver: None } if vf.pf == pf => Some(vf.index),
            _ => None,
        };
        let probe = plan.steps.iter().filter_map(|step| probed(&step.action)).collect();
        switched.then_some(Self { autoprobe, probe })
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
    pub(crate) fn settle(&self, policy: &mut Policy, pf: Address) {
        let Some(policy) = policy.pfs.get_mut(&pf) else { return };
        policy.autoprobe = Some(self.autoprobe);
        for (index, vf) in &mut policy.vf {
            if self.probe.contains(index) && matches!(vf.driver, None | Some(DriverChoice::None)) {
                vf.driver = Some(DriverChoice::Default);
            }
        }
    }
}

fn path(folder: &Path, pf: Address) -> PathBuf {
    folder.join(format!("{pf}.journal"))
}

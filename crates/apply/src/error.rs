//! Why a machine was not changed, or not wholly.

use std::path::PathBuf;

use virtfn_kernel::WriteError;
use virtfn_pci::Address;
use virtfn_plan::{Action, Interrupted, PlanError, Subject};

/// Why a machine was not changed, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It cannot be looked at.
    #[error(transparent)]
    Observe(#[from] virtfn_observe::Error),
    /// There is no plan for it.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Somebody would lose a function; nothing was changed.
    #[error("in use")]
    InUse(Vec<Interrupted>),
    /// Another run is at it; nothing was changed.
    #[error("{}: another virtfn{} is changing it", subject.short(), pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Locked {
        /// What it is changing.
        subject: Subject,
        /// The other run.
        pid: Option<u32>,
    },
    /// A write to a PF waits in the kernel for somebody who does not let go of a VF, and every
    /// other such write on the host would wait behind it; nothing was changed.
    #[error("{}: an earlier write to its sriov_numvfs still waits in the kernel, for a user of one of its VFs; no VFs can be made or removed on this host until that ends", pf.short())]
    Stuck {
        /// The PF.
        pf: Address,
    },
    /// virtfn's own files below `/run`.
    #[error("{}: {doing}", path.display())]
    State {
        /// Which.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// Steps that failed; those that do not need them ran.
    #[error("{} of {} steps failed", failed.len(), steps)]
    Steps {
        /// Each with its reason.
        failed: Vec<FailedStep>,
        /// How many there were.
        steps: usize,
    },
    /// Several devices were to be changed, and not all were.
    #[error("{} not as they should be", failed.iter().map(|(subject, _)| subject.short()).collect::<Vec<_>>().join(", "))]
    Devices {
        /// Each with its reason.
        failed: Vec<(Subject, ApplyError)>,
    },
    /// A virtual machine's manager did not do its part.
    #[error("{}: {source}", function.short())]
    Hands {
        /// The function.
        function: Address,
        /// What the manager said.
        source: crate::give::HandsError,
    },
    /// A function that was to be handed over and was not, and that is not what it was before.
    #[error("{because}; and it could not be put back: {left}")]
    NotPutBack {
        /// Why it was not handed over.
        because: Box<ApplyError>,
        /// What is left.
        left: String,
    },
    /// Every step ran, and the machine is still not what was asked for.
    #[error("the kernel took every write, and still this is to be done: {}", left.join("; "))]
    Drift {
        /// What is left.
        left: Vec<String>,
    },
}

/// A step that failed.
#[derive(Debug)]
pub struct FailedStep {
    /// Which.
    pub action: Action,
    /// What the kernel said to it.
    pub cause: Cause,
    /// What the kernel wrote into its log meanwhile, about these functions.
    pub log: Vec<String>,
}

/// What was wrong with a step.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The kernel refused the write.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The kernel took the write, and something else came of it.
    #[error("{0}")]
    ReadBack(String),
}

impl FailedStep {
    /// What the error means for this step, in words; the kernel's own come before it.
    #[must_use]
    pub fn meaning(&self) -> Option<&'static str> {
        use rustix::io::Errno;
        let Cause::Write(error) = &self.cause else { return None };
        let errno = error.errno()?;
        let numvfs = matches!(self.action, Action::SetNumVfs { .. });
        let eswitch = matches!(self.action, Action::SetEswitch { .. });
        let firmware = matches!(self.action, Action::SetFirmware { .. });
        let setting = matches!(self.action, Action::SetVf { .. });
        let port = matches!(self.action, Action::SetPort { .. } | Action::SetGroup { .. });
        Some(match errno {
            Errno::BUSY if numvfs => "the driver is busy, or already has another number of VFs",
            Errno::NOENT if numvfs => {
                "no driver has the PF, or its driver makes no VFs through sysfs"
            }
            Errno::NOMEM if numvfs => {
                "no room for the VFs: too little memory space in the bridge's window, or no bus numbers left"
            }
            Errno::RANGE if numvfs => "more VFs than the driver allows",
            Errno::PERM if numvfs => "the driver refuses so many VFs",
            Errno::OPNOTSUPP if numvfs => "the driver cannot make VFs in its present state",
            Errno::IO if numvfs => "the device's own SR-IOV registers contradict each other",
            Errno::BUSY if eswitch => {
                "the card's switch is in use: by VFs, by traffic rules, or by a firmware reset"
            }
            Errno::OPNOTSUPP if firmware => "this driver cannot change it",
            Errno::INVAL | Errno::RANGE if firmware => "the card's firmware refuses this number",
            Errno::OPNOTSUPP if eswitch => "this driver cannot change it",
            Errno::OPNOTSUPP if port => "this driver cannot set that",
            Errno::INVAL if port => "the driver refuses this value, or refuses it in this mode",
            Errno::BUSY if port => "a driver has the VF, or VFs are still in the group",
            Errno::INVAL if setting => {
                "the driver refuses this value, or refuses it now (the PF's link may be down)"
            }
            Errno::OPNOTSUPP if setting => "this driver cannot set that",
            Errno::PROTONOSUPPORT if setting => "this driver knows no such kind of VLAN tag",
            Errno::AGAIN | Errno::BUSY if setting => "the VF is still in reset",
            Errno::PERM | Errno::ACCESS => "not permitted: it needs root",
            Errno::NODEV => "the driver does not take this device",
            Errno::BUSY => "somebody has it",
            _ => return None,
        })
    }
}

//! From a wish to a changed machine: look, plan, lock, look again, guard, write, read back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use virtfn_host::{Function, Host, PfPolicy, Policy, PortPolicy};
use virtfn_kernel::SysRoot;
use virtfn_pci::Address;
use virtfn_plan::{Action, Interrupted, Part, Plan, Step, Subject, Target, parts, verify};

use crate::error::{ApplyError, FailedStep};
use crate::execute::{Count, execute, roll_back};
use crate::given::Given;
use crate::guard;
use crate::journal::Journal;
use crate::live;
use crate::lock::Locks;
use crate::machine::{Machine, Sight};
use crate::place;

/// After the last step, all is as it shall be within this time.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);
/// A look takes milliseconds, and more with many VFs.
const PAUSE: Duration = Duration::from_millis(200);

/// Whether users of functions are spared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InUse {
    /// Nothing is changed while somebody would lose a function.
    Refuse,
    /// They lose it.
    Cut,
}

/// What becomes of a device some of whose steps failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// What was done stays: the same command again does the rest.
    Keep,
    /// It is put back to what it was.
    RollBack,
}

/// How a step ended.
#[derive(Clone, Copy, Debug)]
pub enum Ended<'a> {
    /// It is done, and was read back.
    Done,
    /// It failed.
    Failed(&'a FailedStep),
    /// It needs one that failed, and was not tried.
    Skipped,
}

/// What a run tells while it goes on.
#[derive(Clone, Debug)]
pub enum Progress<'a> {
    /// An earlier run was cut short on this PF; what it owed is done now.
    Recovers(Address),
    /// What may come in the way, or will not be as one would wish.
    Note(&'a str),
    /// Somebody loses something by what comes next, as was asked for.
    Cuts(&'a [Interrupted]),
    /// A step begins.
    Step {
        /// Its place among the steps, from 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// The step.
        step: &'a Step,
    },
    /// A step ended, or will never begin.
    Ended {
        /// The step.
        step: &'a Step,
        /// How.
        how: Ended<'a>,
    },
    /// A virtual machine's manager is asked to take a function.
    Hands {
        /// The function.
        function: Address,
        /// To whom, in words: `VM web`.
        to: &'a str,
    },
    /// A virtual machine's manager is asked to give a function back.
    HandsBack {
        /// The function.
        function: Address,
        /// From whom, in words: `VM web`.
        from: &'a str,
    },
    /// A device some of whose steps failed was put back to what it was.
    RolledBack {
        /// The device, or the host.
        subject: Subject,
        /// What could not be put back.
        left: Option<String>,
    },
}

/// How to run.
pub struct Options<'a> {
    /// Where locks and journals lie: `/run/virtfn`.
    pub state: PathBuf,
    /// Whether users are spared.
    pub in_use: InUse,
    /// What becomes of what was half done.
    pub on_failure: OnFailure,
    /// Hears how far it is.
    pub progress: &'a mut dyn FnMut(Progress<'_>),
}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// How many steps it took.
    pub steps: usize,
    /// The machine as it is now, looked at again.
    pub host: Host,
}

/// Changes what `machine` has into what `wish` makes of it. `about` names the functions that the
/// wish is about, a VF by its PF: those are locked.
///
/// `wish` is given the machine and the policy that it has, and gives back what shall be. Nothing is
/// changed at all while anybody would lose a function that is to be spared; what else keeps one
/// device from what it shall have keeps no other from it.
///
/// # Errors
/// When nothing was changed (in use, locked, no plan), or when not all of it was.
pub fn run<E: From<ApplyError>>(
    machine: &mut dyn Machine,
    about: &BTreeSet<Subject>,
    wish: impl Fn(&Host, Policy) -> Result<Policy, E>,
    options: &mut Options<'_>,
) -> Result<Outcome, E> {
    Held::take(about, &options.state)?.run(machine, wish, Records::Forget, options)
}

/// What becomes of what is written down of a function that a virtual machine was given, where this run
/// changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Records {
    /// Somebody sets the function anew: what it was is past.
    Forget,
    /// The run makes it what is written there.
    Keep,
}

/// Devices that no other run changes until this drops.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    about: &'a BTreeSet<Subject>,
    #[allow(dead_code, reason = "held, not read")]
    locks: Locks,
}

/// What shall be, device by device, and nobody loses anything by it.
#[derive(Clone)]
pub(crate) struct Ready {
    pub(crate) host: Host,
    pub(crate) was: Policy,
    pub(crate) parts: Vec<Part>,
    pub(crate) whole: Plan,
}

impl Ready {
    /// As much of it as loads modules.
    pub(crate) fn modules_alone(&self) -> Self {
        let loads = |step: &Step| matches!(step.action, Action::LoadModule { .. });
        let mut ready = self.clone();
        for plan in ready.parts.iter_mut().filter_map(|part| part.plan.as_mut().ok()) {
            plan.steps.retain(loads);
        }
        ready
    }
}

impl<'a> Held<'a> {
    pub(crate) fn take(about: &'a BTreeSet<Subject>, state: &Path) -> Result<Self, ApplyError> {
        std::fs::create_dir_all(state).map_err(|source| state_error(state, source))?;
        let locks = Locks::take(state, about.iter().copied())?;
        Ok(Self { about, locks })
    }

    pub(crate) fn run<E: From<ApplyError>>(
        &self,
        machine: &mut dyn Machine,
        wish: impl Fn(&Host, Policy) -> Result<Policy, E>,
        records: Records,
        options: &mut Options<'_>,
    ) -> Result<Outcome, E> {
        let ready = self.make_ready(machine, &wish, options)?;
        let failed = run_parts(machine, &ready.was, &ready.parts, options);
        if records == Records::Forget {
            forget(&ready, &options.state)?;
        }
        let (after, drift) = look_again(machine, self.about, &ready.parts, &failed)?;
        finish(ready.parts.len(), failed.into_iter().chain(drift).collect())?;
        Ok(Outcome { steps: ready.whole.steps.len(), host: after })
    }

    /// Looks, plans, and proves that nobody loses what is to be spared.
    pub(crate) fn make_ready<E: From<ApplyError>>(
        &self,
        machine: &mut dyn Machine,
        wish: &impl Fn(&Host, Policy) -> Result<Policy, E>,
        options: &mut Options<'_>,
    ) -> Result<Ready, E> {
        let devices = || self.about.iter().copied().filter_map(Subject::device);
        for pf in devices().filter(|pf| Journal::read(&options.state, *pf).is_some()) {
            (options.progress)(Progress::Recovers(pf));
        }
        let host = machine.observe(self.about, Sight::Whole)?;
        let (mut host, was, policy) = wanted(host, self.about, wish, &options.state)?;
        let mut devices = parts(&host, &policy);
        if machine.settle_doubts(&mut host, &joined(&devices)) {
            devices = parts(&host, &policy);
        }
        let whole = joined(&devices);
        guard(&whole, options)?;
        if let Some(pf) = guard::stuck(&host, &whole) {
            return Err(ApplyError::Stuck { pf }.into());
        }
        for note in &whole.notes {
            (options.progress)(Progress::Note(note));
        }
        Ok(Ready { host, was, parts: devices, whole })
    }

    /// Runs the steps that were made ready.
    pub(crate) fn go_on(
        machine: &mut dyn Machine,
        ready: &Ready,
        options: &mut Options<'_>,
    ) -> Result<(), ApplyError> {
        finish(ready.parts.len(), run_parts(machine, &ready.was, &ready.parts, options))
    }

    /// The machine once it is as it shall be, whoever made it so.
    pub(crate) fn look_again(
        &self,
        machine: &mut dyn Machine,
        parts: &[Part],
    ) -> Result<Host, ApplyError> {
        let (after, drift) = look_again(machine, self.about, parts, &[])?;
        finish(parts.len(), drift)?;
        Ok(after)
    }
}

/// What VFs were before a virtual machine got them is nothing to the VFs that come in their place, and to
/// those that somebody sets since.
fn forget(ready: &Ready, state: &Path) -> Result<(), ApplyError> {
    for step in &ready.whole.steps {
        let changed = match &step.action {
            Action::SetNumVfs { pf, .. } => {
                let pf = ready.host.functions.get(pf).and_then(Function::pf);
                pf.map(|pf| pf.vfs.values().copied().collect()).unwrap_or_default()
            }
            Action::SetVf { vf, .. } => {
                place::of(&ready.host, Target::Vf(*vf)).into_iter().collect()
            }
            Action::SetOverride { target, .. }
            | Action::Unbind { target, .. }
            | Action::Probe { target, .. } => {
                place::of(&ready.host, *target).into_iter().collect::<Vec<_>>()
            }
            _ => Vec::new(),
        };
        for function in changed {
            Given::remove(state, function)?;
        }
    }
    Ok(())
}

/// Runs the parts that have a plan, and gives back what failed of which device.
fn run_parts(
    machine: &mut dyn Machine,
    was: &Policy,
    parts: &[Part],
    options: &mut Options<'_>,
) -> Vec<(Subject, ApplyError)> {
    let mut count = Count::of(joined(parts).steps.len());
    let mut failed = Vec::new();
    for part in parts {
        let ran = match &part.plan {
            Ok(plan) => execute(machine, part, plan, &mut count, options),
            Err(error) => Err(error.clone().into()),
        };
        if let Err(error) = ran {
            let half_done = matches!(error, ApplyError::Steps { .. });
            if half_done && options.on_failure == OnFailure::RollBack {
                roll_back(machine, was, part, options);
            }
            failed.push((part.about, error));
        }
    }
    failed
}

/// The steps of all parts in one plan.
fn joined(parts: &[Part]) -> Plan {
    let mut whole = Plan::default();
    for plan in parts.iter().filter_map(|part| part.plan.as_ref().ok()) {
        whole.steps.extend(plan.steps.iter().cloned());
        whole.notes.extend(plan.notes.iter().cloned());
    }
    whole
}

/// The machine after the steps, and what is still to be done. What nobody waited for comes in its own
/// time: a driver of the kernel's choice, the address that it makes up.
fn look_again(
    machine: &mut dyn Machine,
    about: &BTreeSet<Subject>,
    devices: &[Part],
    failed: &[(Subject, ApplyError)],
) -> Result<(Host, Vec<(Subject, ApplyError)>), ApplyError> {
    let deadline = machine.now() + SETTLE_LIMIT;
    let pfs = || devices.iter().flat_map(|part| part.policy.pfs.values());
    let vectors = pfs().flat_map(|pf| pf.vf.values()).any(|vf| vf.msix.is_some());
    let devlink = pfs().any(depends_on_devlink);
    loop {
        let after = machine.observe(about, Sight::State { vectors, devlink })?;
        if drift(&after, devices, failed).is_empty() {
            return Ok((after, Vec::new()));
        }
        if machine.now() >= deadline {
            // What is told of it is told with all that there is to know.
            let after = machine.observe(about, Sight::Whole)?;
            let drift = drift(&after, devices, failed);
            return Ok((after, drift));
        }
        machine.pause(PAUSE);
    }
}

/// Does what shall be of a PF show itself in devlink's answers? A driver without devlink has no mode of its
/// switch to keep.
fn depends_on_devlink(pf: &PfPolicy) -> bool {
    let ports = || pf.vf.values().any(|vf| vf.port != PortPolicy::default());
    pf.eswitch.is_some() || pf.firmware_vfs.is_some() || !pf.groups.is_empty() || ports()
}

/// What is still to be done of those devices whose steps all ran.
fn drift(
    after: &Host,
    parts: &[Part],
    failed: &[(Subject, ApplyError)],
) -> Vec<(Subject, ApplyError)> {
    let ran = |part: &&Part| !failed.iter().any(|(about, _)| *about == part.about);
    let left = |part: &Part| {
        let plan = part.plan.as_ref().ok()?;
        match verify(after, &part.policy, plan) {
            Ok(left) if left.is_empty() => None,
            Ok(left) => Some((part.about, ApplyError::Drift { left })),
            Err(error) => Some((part.about, error.into())),
        }
    };
    parts.iter().filter(ran).filter_map(left).collect()
}

/// One device's failure is the run's; those of several are told device by device.
fn finish(devices: usize, mut failed: Vec<(Subject, ApplyError)>) -> Result<(), ApplyError> {
    match (devices, failed.pop()) {
        (_, None) => Ok(()),
        (1, Some((_, error))) => Err(error),
        (_, Some(last)) => {
            failed.push(last);
            failed.sort_by_key(|(about, _)| *about);
            Err(ApplyError::Devices { failed })
        }
    }
}

/// The plans that [`run`] would follow, a device each; nothing is locked, written or opened for
/// them.
///
/// # Errors
/// When the machine cannot be looked at, or the wish cannot be had.
pub fn dry_run<E: From<ApplyError>>(
    root: &SysRoot,
    about: &BTreeSet<Subject>,
    wish: impl Fn(&Host, Policy) -> Result<Policy, E>,
    state: &Path,
) -> Result<Vec<Part>, E> {
    let (host, _, policy) = wanted(live::observe(root, about, Sight::Whole)?, about, &wish, state)?;
    Ok(parts(&host, &policy))
}

/// The machine, what it has with all that a killed run still owes, and what shall be: the wish on top
/// of that.
fn wanted<E: From<ApplyError>>(
    host: Host,
    about: &BTreeSet<Subject>,
    wish: &impl Fn(&Host, Policy) -> Result<Policy, E>,
    state: &Path,
) -> Result<(Host, Policy, Policy), E> {
    let mut policy = Policy::of(&host);
    policy.pfs.retain(|pf, _| about.contains(&Subject::Device(*pf)));
    for pf in about.iter().copied().filter_map(Subject::device) {
        if let Some(journal) = Journal::read(state, pf) {
            journal.settle(&mut policy, pf);
        }
    }
    let wanted = wish(&host, policy.clone())?;
    Ok((host, policy, wanted))
}

fn guard(plan: &Plan, options: &mut Options<'_>) -> Result<(), ApplyError> {
    let hit = guard::interrupted(plan);
    match options.in_use {
        _ if hit.is_empty() => Ok(()),
        InUse::Refuse => Err(ApplyError::InUse(hit)),
        InUse::Cut => {
            (options.progress)(Progress::Cuts(&hit));
            Ok(())
        }
    }
}

fn state_error(path: &Path, source: std::io::Error) -> ApplyError {
    ApplyError::State { path: path.to_owned(), doing: "cannot make the folder", source }
}

//! From a wish to a changed machine: look, plan, lock, look again, guard, write, read back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use virtfn_host::{Host, Policy};
use virtfn_kernel::{SysRoot, Watch};
use virtfn_observe::{Facet, Look};
use virtfn_pci::Address;
use virtfn_plan::{Interrupted, Part, Plan, Step, parts, verify};

use crate::error::{ApplyError, FailedStep};
use crate::execute::{Count, execute, roll_back};
use crate::guard;
use crate::journal::Journal;
use crate::lock::Locks;

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
    /// A device some of whose steps failed was put back to what it was.
    RolledBack {
        /// The device.
        device: Address,
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
    /// Sees every write.
    pub watch: &'a mut dyn Watch,
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

/// Changes what a machine has into what `wish` makes of it. `about` names the functions that the
/// wish is about, a VF by its PF: those are locked.
///
/// `wish` is given the machine and the policy that it has, and gives back what shall be. Nothing is
/// changed at all while anybody would lose a function that is to be spared; what else keeps one
/// device from what it shall have keeps no other from it.
///
/// # Errors
/// When nothing was changed (in use, locked, no plan), or when not all of it was.
pub fn run<E: From<ApplyError>>(
    root: &SysRoot,
    about: &BTreeSet<Address>,
    wish: impl Fn(&Host, Policy) -> Result<Policy, E>,
    options: &mut Options<'_>,
) -> Result<Outcome, E> {
    let make = std::fs::create_dir_all(&options.state);
    make.map_err(|source| state_error(&options.state, source))?;
    let _locks = Locks::take(&options.state, about.iter().copied())?;
    for pf in about.iter().filter(|pf| Journal::read(&options.state, **pf).is_some()) {
        (options.progress)(Progress::Recovers(*pf));
    }
    let (mut host, policy) = wanted(root, about, &wish, &options.state)?;
    let mut devices = parts(&host, &policy);
    if guard::settle_doubts(root, &mut host, &joined(&devices)) {
        devices = parts(&host, &policy);
    }
    let whole = joined(&devices);
    guard(&whole, options)?;
    if let Some(pf) = guard::stuck(root, &host, &whole) {
        return Err(ApplyError::Stuck { pf }.into());
    }
    for note in &whole.notes {
        (options.progress)(Progress::Note(note));
    }
    let failed = run_parts(root, &host, &devices, options);
    let after = observe(root, about)?;
    let drift = drift(&after, &devices, &failed);
    finish(devices.len(), failed.into_iter().chain(drift).collect())?;
    Ok(Outcome { steps: whole.steps.len(), host: after })
}

/// Runs the parts that have a plan, and gives back what failed of which device.
fn run_parts(
    root: &SysRoot,
    host: &Host,
    parts: &[Part],
    options: &mut Options<'_>,
) -> Vec<(Address, ApplyError)> {
    let mut count = Count::of(joined(parts).steps.len());
    let mut failed = Vec::new();
    for part in parts {
        let ran = match &part.plan {
            Ok(plan) => execute(root, host, part, plan, &mut count, options),
            Err(error) => Err(error.clone().into()),
        };
        if let Err(error) = ran {
            let half_done = matches!(error, ApplyError::Steps { .. });
            if half_done && options.on_failure == OnFailure::RollBack {
                roll_back(root, host, part, |about| observe(root, about), options);
            }
            failed.push((part.device, error));
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

/// What is still to be done of those devices whose steps all ran.
fn drift(
    after: &Host,
    parts: &[Part],
    failed: &[(Address, ApplyError)],
) -> Vec<(Address, ApplyError)> {
    let ran = |part: &&Part| !failed.iter().any(|(device, _)| *device == part.device);
    let left = |part: &Part| {
        let plan = part.plan.as_ref().ok()?;
        match verify(after, &part.policy, plan) {
            Ok(left) if left.is_empty() => None,
            Ok(left) => Some((part.device, ApplyError::Drift { left })),
            Err(error) => Some((part.device, error.into())),
        }
    };
    parts.iter().filter(ran).filter_map(left).collect()
}

/// One device's failure is the run's; those of several are told device by device.
fn finish(devices: usize, mut failed: Vec<(Address, ApplyError)>) -> Result<(), ApplyError> {
    match (devices, failed.pop()) {
        (_, None) => Ok(()),
        (1, Some((_, error))) => Err(error),
        (_, Some(last)) => {
            failed.push(last);
            failed.sort_by_key(|(device, _)| *device);
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
    about: &BTreeSet<Address>,
    wish: impl Fn(&Host, Policy) -> Result<Policy, E>,
    state: &Path,
) -> Result<Vec<Part>, E> {
    let (host, policy) = wanted(root, about, &wish, state)?;
    Ok(parts(&host, &policy))
}

/// The machine, and what shall be: the wish, on top of what a killed run still owes.
fn wanted<E: From<ApplyError>>(
    root: &SysRoot,
    about: &BTreeSet<Address>,
    wish: &impl Fn(&Host, Policy) -> Result<Policy, E>,
    state: &Path,
) -> Result<(Host, Policy), E> {
    let host = observe(root, about)?;
    let mut policy = Policy::of(&host);
    policy.pfs.retain(|pf, _| about.contains(pf));
    for pf in about {
        if let Some(journal) = Journal::read(state, *pf) {
            journal.settle(&mut policy, *pf);
        }
    }
    let policy = wish(&host, policy)?;
    Ok((host, policy))
}

fn observe(root: &SysRoot, about: &BTreeSet<Address>) -> Result<Host, ApplyError> {
    let look = Look::at(&[
        Facet::Config,
        Facet::Details,
        Facet::Around,
        Facet::Locked,
        Facet::Netdevs,
        Facet::Admin,
        Facet::Devlink,
        Facet::Holders,
        Facet::Kernel,
        Facet::Modules,
        Facet::Names,
    ]);
    Ok(virtfn_observe::host(root, &look.of(about.iter().copied()))?)
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

//! From a wish to a changed machine: look, plan, lock, look again, guard, write, read back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use virtfn_host::{Host, Policy};
use virtfn_kernel::{Door, SysRoot, Watch};
use virtfn_observe::{Facet, Look};
use virtfn_pci::Address;
use virtfn_plan::{Action, Interrupted, Plan, Step, Target, diff, verify};

use crate::error::{ApplyError, FailedStep};
use crate::guard;
use crate::journal::Journal;
use crate::lock::Locks;
use crate::steps;

/// Whether users of functions are spared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InUse {
    /// Nothing is changed while somebody would lose a function.
    Refuse,
    /// They lose it.
    Cut,
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
}

/// How to run.
pub struct Options<'a> {
    /// Where locks and journals lie: `/run/virtfn`.
    pub state: PathBuf,
    /// Whether users are spared.
    pub in_use: InUse,
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
/// `wish` is given the machine and the policy that it has, and gives back what shall be.
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
    let mut plan = diff(&host, &policy).map_err(ApplyError::from)?;
    if guard::settle_doubts(root, &mut host, &plan) {
        plan = diff(&host, &policy).map_err(ApplyError::from)?;
    }
    guard(&plan, options)?;
    if let Some(pf) = guard::stuck(root, &host, &plan) {
        return Err(ApplyError::Stuck { pf }.into());
    }
    for note in &plan.notes {
        (options.progress)(Progress::Note(note));
    }
    execute(root, &host, &policy, &plan, about, options)?;
    let after = observe(root, about)?;
    let left = verify(&after, &policy, &plan).map_err(ApplyError::from)?;
    if !left.is_empty() {
        return Err(ApplyError::Drift { left }.into());
    }
    Ok(Outcome { steps: plan.steps.len(), host: after })
}

/// The plan that [`run`] would follow; nothing is locked, written or opened for it.
///
/// # Errors
/// When there is none.
pub fn dry_run<E: From<ApplyError>>(
    root: &SysRoot,
    about: &BTreeSet<Address>,
    wish: impl Fn(&Host, Policy) -> Result<Policy, E>,
    state: &Path,
) -> Result<Plan, E> {
    let (host, policy) = wanted(root, about, &wish, state)?;
    Ok(diff(&host, &policy).map_err(ApplyError::from)?)
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

/// Runs the steps. A step that fails takes those along that need it; all others run, and every
/// failure is told.
fn execute(
    root: &SysRoot,
    host: &Host,
    policy: &Policy,
    plan: &Plan,
    about: &BTreeSet<Address>,
    options: &mut Options<'_>,
) -> Result<(), ApplyError> {
    for pf in about {
        if let Some(journal) = Journal::of(plan, *pf, policy) {
            journal.write(&options.state, *pf)?;
        }
    }
    let log = Log::start(root);
    let mut door = Door::open(root, &mut *options.watch);
    let mut failures = Failures::default();
    let of = plan.steps.len();
    for (number, step) in (1..).zip(&plan.steps) {
        if failures.block(&step.action) {
            continue;
        }
        (options.progress)(Progress::Step { number, of, step });
        if let Err(cause) = steps::run(root, host, &mut door, &step.action) {
            let before = &plan.steps[..number - 1];
            undo(root, host, &mut door, before, &step.action);
            let log = log.since_start(root, &step.action);
            failures.add(FailedStep { action: step.action.clone(), cause, log });
        }
    }
    for pf in about.iter().filter(|pf| !failures.owes(**pf)) {
        Journal::remove(&options.state, *pf)?;
    }
    failures.into_result(of)
}

/// A function that could not be given to a driver goes back to how its reservation was, and to the
/// driver that it was taken from. What fails here changes nothing in the failure to tell.
fn undo(root: &SysRoot, host: &Host, door: &mut Door<'_>, before: &[Step], failed: &Action) {
    let (Action::Probe { target, driver: Some(_) } | Action::Unbind { target, .. }) = failed else {
        return;
    };
    let reserved = before.iter().find_map(|step| match &step.action {
        Action::SetOverride { target: at, from, to } if at == target => {
            Some((from.clone(), to.clone()))
        }
        _ => None,
    });
    if let Some((from, to)) = reserved {
        let back = Action::SetOverride { target: *target, from: to, to: from };
        let _ = steps::run(root, host, door, &back);
        let _ = steps::run(root, host, door, &Action::Probe { target: *target, driver: None });
    }
}

/// What failed, and what cannot run for it.
#[derive(Default)]
struct Failures {
    steps: Vec<FailedStep>,
    pfs: BTreeSet<Address>,
    targets: BTreeSet<Target>,
    modules: bool,
}

impl Failures {
    /// Does `action` need something that failed? What puts a switch back never does.
    fn block(&self, action: &Action) -> bool {
        let target = match action {
            Action::SetAutoprobe { .. } => return false,
            Action::SetOverride { target, .. }
            | Action::Unbind { target, .. }
            | Action::Probe { target, .. } => Some(target),
            _ => None,
        };
        action.pf().is_some_and(|pf| self.pfs.contains(&pf))
            || target.is_some_and(|target| self.modules || self.targets.contains(target))
    }

    fn add(&mut self, failed: FailedStep) {
        match &failed.action {
            Action::SetNumVfs { pf, .. } | Action::SetAutoprobe { pf, .. } => {
                self.pfs.insert(*pf);
            }
            Action::SetOverride { target, .. }
            | Action::Unbind { target, .. }
            | Action::Probe { target, .. } => {
                self.targets.insert(*target);
            }
            Action::LoadModule { .. } => self.modules = true,
            Action::SetVf { .. } => {}
        }
        self.steps.push(failed);
    }

    /// Is the PF's switch still not where it belongs?
    fn owes(&self, pf: Address) -> bool {
        self.steps
            .iter()
            .any(|failed| matches!(failed.action, Action::SetAutoprobe { pf: at, .. } if at == pf))
    }

    fn into_result(self, steps: usize) -> Result<(), ApplyError> {
        if self.steps.is_empty() {
            Ok(())
        } else {
            Err(ApplyError::Steps { failed: self.steps, steps })
        }
    }
}

/// What the kernel wrote into its log while the steps ran.
struct Log {
    before: usize,
}

impl Log {
    fn start(root: &SysRoot) -> Self {
        Self { before: root.kernel_log().known().map_or(0, Vec::len) }
    }

    /// The new lines that speak of the step's function or of its PF's driver.
    fn since_start(&self, root: &SysRoot, action: &Action) -> Vec<String> {
        let lines = root.kernel_log().known().cloned().unwrap_or_default();
        let mut about: Vec<String> = action.pf().map(|pf| pf.to_string()).into_iter().collect();
        if let Action::Unbind { target, .. } | Action::Probe { target, .. } = action {
            about.extend(crate::place::now(root, *target).map(|address| address.to_string()));
        }
        let speaks = |line: &String| about.iter().any(|name| line.contains(name));
        lines.into_iter().skip(self.before).filter(speaks).take(8).collect()
    }
}

fn state_error(path: &Path, source: std::io::Error) -> ApplyError {
    ApplyError::State { path: path.to_owned(), doing: "cannot make the folder", source }
}

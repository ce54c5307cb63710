//! Runs the steps of one device, and undoes them where they fail and shall be undone.

use std::collections::BTreeSet;

use virtfn_host::{Host, Policy};
use virtfn_kernel::{Door, SysRoot};
use virtfn_pci::Address;
use virtfn_plan::{Action, Part, Plan, Step, Target, diff};

use crate::error::{ApplyError, FailedStep};
use crate::guard;
use crate::journal::Journal;
use crate::run::{Ended, Options, Progress};
use crate::steps;

/// The steps of all parts, counted while they run.
pub(crate) struct Count {
    number: usize,
    of: usize,
}

impl Count {
    pub(crate) const fn of(steps: usize) -> Self {
        Self { number: 0, of: steps }
    }
}

/// Runs a part's steps. A step that fails takes those along that need it; all others run, and
/// every failure is told.
pub(crate) fn execute(
    root: &SysRoot,
    host: &Host,
    part: &Part,
    plan: &Plan,
    count: &mut Count,
    options: &mut Options<'_>,
) -> Result<(), ApplyError> {
    if let Some(journal) = Journal::of(plan, part.device, &part.policy) {
        journal.write(&options.state, part.device)?;
    }
    let failures = run_steps(root, host, plan, count, options);
    if !failures.owes(part.device) {
        Journal::remove(&options.state, part.device)?;
    }
    failures.into_result(plan.steps.len())
}

fn run_steps(
    root: &SysRoot,
    host: &Host,
    plan: &Plan,
    count: &mut Count,
    options: &mut Options<'_>,
) -> Failures {
    let log = Log::start(root);
    let mut door = Door::open(root, &mut *options.watch);
    let mut failures = Failures::default();
    for (at, step) in plan.steps.iter().enumerate() {
        count.number += 1;
        if failures.block(&step.action) {
            (options.progress)(Progress::Ended { step, how: Ended::Skipped });
            continue;
        }
        (options.progress)(Progress::Step { number: count.number, of: count.of, step });
        let ran = steps::run(root, host, &mut door, &step.action);
        if ran.is_err() {
            undo(root, host, &mut door, &plan.steps[..at], &step.action);
        }
        match ran {
            Ok(()) => (options.progress)(Progress::Ended { step, how: Ended::Done }),
            Err(cause) => {
                let log = log.since_start(root, &step.action);
                let failed = FailedStep { action: step.action.clone(), cause, log };
                (options.progress)(Progress::Ended { step, how: Ended::Failed(&failed) });
                failures.add(failed);
            }
        }
    }
    failures
}

/// Puts a device back to what it had before its steps failed, if that takes nothing from anybody.
/// What fails here is told, and changes nothing in the failure that led to it.
pub(crate) fn roll_back(
    root: &SysRoot,
    before: &Host,
    part: &Part,
    observe: impl Fn(&BTreeSet<Address>) -> Result<Host, ApplyError>,
    options: &mut Options<'_>,
) {
    let device = part.device;
    let told = back(root, before, part, observe, options);
    (options.progress)(Progress::RolledBack { device, left: told.err() });
}

fn back(
    root: &SysRoot,
    before: &Host,
    part: &Part,
    observe: impl Fn(&BTreeSet<Address>) -> Result<Host, ApplyError>,
    options: &mut Options<'_>,
) -> Result<(), String> {
    let device = part.device;
    let mut was = Policy::of(before);
    was.pfs.retain(|pf, _| *pf == device && part.policy.pfs.contains_key(pf));
    let mut now = observe(&BTreeSet::from([device])).map_err(|error| error.to_string())?;
    let mut plan = diff(&now, &was).map_err(|error| error.to_string())?;
    if guard::settle_doubts(root, &mut now, &plan) {
        plan = diff(&now, &was).map_err(|error| error.to_string())?;
    }
    if let Some(hit) = guard::interrupted(&plan).first() {
        return Err(format!("{} is in use by now", hit.function.short()));
    }
    let part = Part { device, policy: was, plan: Ok(plan.clone()) };
    let mut options = Options {
        state: options.state.clone(),
        in_use: options.in_use,
        on_failure: options.on_failure,
        watch: &mut *options.watch,
        progress: &mut |_| {},
    };
    let mut count = Count::of(plan.steps.len());
    execute(root, &now, &part, &plan, &mut count, &mut options).map_err(|error| match error {
        ApplyError::Steps { failed, .. } => {
            let told = failed.iter().map(|failed| format!("{}: {}", failed.action, failed.cause));
            told.collect::<Vec<_>>().join("; ")
        }
        error => error.to_string(),
    })
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
            Action::SetNumVfs { pf, .. }
            | Action::SetAutoprobe { pf, .. }
            | Action::SetEswitch { pf, .. } => {
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

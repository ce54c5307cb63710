//! Runs the steps of one device, and undoes them where they fail and shall be undone.

use std::collections::BTreeSet;

use virtfn_host::{GroupChoice, Policy, PortChange};
use virtfn_pci::Address;
use virtfn_plan::{Action, Part, Plan, Step, Subject, Target, diff};

use crate::error::{ApplyError, FailedStep};
use crate::guard;
use crate::journal::Journal;
use crate::machine::{Machine, Sight, place};
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
    machine: &mut dyn Machine,
    part: &Part,
    plan: &Plan,
    count: &mut Count,
    options: &mut Options<'_>,
) -> Result<(), ApplyError> {
    let device = part.about.device();
    if let Some(device) = device {
        let killed = Journal::read(&options.state, device);
        if let Some(journal) = Journal::of(plan, device, &part.policy, killed) {
            journal.write(&options.state, device)?;
        }
    }
    let failures = run_steps(machine, plan, count, options);
    if let Some(device) = device.filter(|device| !failures.owes(*device)) {
        Journal::remove(&options.state, device)?;
    }
    failures.into_result(plan.steps.len())
}

fn run_steps(
    machine: &mut dyn Machine,
    plan: &Plan,
    count: &mut Count,
    options: &mut Options<'_>,
) -> Failures {
    let mut log = Log::start(machine);
    let mut failures = Failures::default();
    for (at, step) in plan.steps.iter().enumerate() {
        count.number += 1;
        if failures.block(&step.action) {
            (options.progress)(Progress::Ended { step, how: Ended::Skipped });
            continue;
        }
        (options.progress)(Progress::Step { number: count.number, of: count.of, step });
        let ran = steps::run(machine, &step.action);
        if ran.is_err() {
            undo(machine, &plan.steps[..at], &step.action);
        }
        match ran {
            Ok(()) => (options.progress)(Progress::Ended { step, how: Ended::Done }),
            Err(cause) => {
                let log = log.since_start(machine, &step.action);
                let failed = FailedStep { action: step.action.clone(), cause, log };
                (options.progress)(Progress::Ended { step, how: Ended::Failed(&failed) });
                failures.add(failed);
            }
        }
    }
    failures
}

/// Puts a device back to what it had before its steps failed, if that takes nothing from anybody.
/// What fails here is told, and changes nothing in the failure that led to it. `was` is what it had,
/// with what a killed run before this one owed it.
pub(crate) fn roll_back(
    machine: &mut dyn Machine,
    was: &Policy,
    part: &Part,
    options: &mut Options<'_>,
) {
    let subject = part.about;
    let told = back(machine, was, part, options);
    (options.progress)(Progress::RolledBack { subject, left: told.err() });
}

fn back(
    machine: &mut dyn Machine,
    was: &Policy,
    part: &Part,
    options: &mut Options<'_>,
) -> Result<(), String> {
    let about = part.about;
    let mut was = was.clone();
    was.pfs.retain(|pf, _| Subject::Device(*pf) == about && part.policy.pfs.contains_key(pf));
    for (pf, was) in &mut was.pfs {
        let made = part.policy.pfs.get(pf).into_iter().flat_map(|wanted| wanted.groups.keys());
        for group in made {
            was.groups.entry(group.clone()).or_insert(None);
        }
    }
    let mut now = machine
        .observe(&BTreeSet::from([about]), Sight::Whole)
        .map_err(|error| error.to_string())?;
    let mut plan = diff(&now, &was).map_err(|error| error.to_string())?;
    if machine.settle_doubts(&mut now, &plan) {
        plan = diff(&now, &was).map_err(|error| error.to_string())?;
    }
    if let Some(hit) = guard::interrupted(&plan).first() {
        return Err(format!("{} is in use by now", hit.function.short()));
    }
    let part = Part { about, policy: was, plan: Ok(plan.clone()) };
    let mut options = Options {
        state: options.state.clone(),
        in_use: options.in_use,
        on_failure: options.on_failure,
        progress: &mut |_| {},
    };
    let mut count = Count::of(plan.steps.len());
    execute(machine, &part, &plan, &mut count, &mut options).map_err(|error| match error {
        ApplyError::Steps { failed, .. } => {
            let told = failed.iter().map(|failed| format!("{}: {}", failed.action, failed.cause));
            told.collect::<Vec<_>>().join("; ")
        }
        error => error.to_string(),
    })
}

/// A function that could not be given to a driver goes back to how its reservation was, and to the
/// driver that it was taken from. What fails here changes nothing in the failure to tell.
fn undo(machine: &mut dyn Machine, before: &[Step], failed: &Action) {
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
        let _ = steps::run(machine, &back);
        let _ = steps::run(machine, &Action::Probe { target: *target, driver: None });
    }
}

/// What failed, and what cannot run for it.
#[derive(Default)]
struct Failures {
    steps: Vec<FailedStep>,
    pfs: BTreeSet<Address>,
    targets: BTreeSet<Target>,
    groups: BTreeSet<(Address, String)>,
    modules: bool,
}

impl Failures {
    /// Does `action` need something that failed? What puts a switch back never does.
    fn block(&self, action: &Action) -> bool {
        let target = match action {
            Action::SetAutoprobe { .. } => return false,
            Action::SetPort { vf, to: PortChange::Group(GroupChoice::Named(group)), .. }
                if self.groups.contains(&(vf.pf, group.clone())) =>
            {
                return true;
            }
            Action::SetOverride { target, .. }
            | Action::SetNetdev { target, .. }
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
            Action::SetGroup { pf, name, .. } => {
                self.groups.insert((*pf, name.clone()));
            }
            Action::SetVf { .. }
            | Action::SetPort { .. }
            | Action::SetFirmware { .. }
            | Action::SetMsix { .. }
            | Action::SetNetdev { .. }
            | Action::SetHugepages { .. } => {}
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
    lines: Vec<String>,
}

impl Log {
    fn start(machine: &mut dyn Machine) -> Self {
        // What was written before is no word on these steps.
        let _ = machine.new_log();
        Self { lines: Vec::new() }
    }

    /// The new lines that speak of the step's function or of its PF's driver.
    fn since_start(&mut self, machine: &mut dyn Machine, action: &Action) -> Vec<String> {
        let mut about: Vec<String> = action.pf().map(|pf| pf.to_string()).into_iter().collect();
        if let Action::Unbind { target, .. } | Action::Probe { target, .. } = action {
            about.extend(place(machine, *target).map(|address| address.to_string()));
        }
        self.lines.extend(machine.new_log());
        let speaks = |line: &&String| about.iter().any(|name| line.contains(name));
        self.lines.iter().filter(speaks).take(8).cloned().collect()
    }
}

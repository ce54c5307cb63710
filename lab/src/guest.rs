//! A test's guest: a machine on loan, with verbs that fail the test when they do not hold.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use crate::hold::{Hold, Holder};
use crate::job::Job;
use crate::machine::{COMMAND_LIMIT, Machine};
use crate::outcome::Outcome;
use crate::pool::Loan;

/// How long [`Guest::eventually`] waits for a condition.
const CONDITION_LIMIT: Duration = Duration::from_secs(20);

/// A booted machine, this test's alone until it drops; then it is tidied for the next test, or
/// thrown away if the test failed or asked for a fresh one.
pub struct Guest {
    loan: Loan,
    /// How many times the usual limits its commands have.
    patience: u32,
    #[allow(dead_code, reason = "held: no other whole system runs until the machine is gone")]
    turn: Option<MutexGuard<'static, ()>>,
}

/// A whole system at work starves every other machine of an emulated processor: one runs at a time.
static TURN: Mutex<()> = Mutex::new(());
/// And takes its time for what a small machine does at once.
const PATIENCE: u32 = 5;
const SETTLED: &str =
    "until systemctl is-active --quiet multi-user.target; do sleep 0.2; done; udevadm settle";

impl Guest {
    pub(crate) fn new(loan: Loan) -> Self {
        Self { loan, patience: 1, turn: None }
    }

    /// A machine with a whole system, booted when its turn has come and lent when its start is done.
    pub(crate) fn whole_system(lend: impl FnOnce() -> Result<Loan>) -> Result<Self> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let guest = Self { loan: lend()?, patience: PATIENCE, turn: Some(turn) };
        guest.settled();
        Ok(guest)
    }

    /// Waits until all that a whole system's start does is done.
    ///
    /// # Panics
    /// When it is not in time.
    #[track_caller]
    pub fn settled(&self) {
        self.ok(SETTLED);
    }

    /// The machine behind it, for what has no verb here.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        self.loan.machine()
    }

    /// Shuts the guest down and boots it again with the same disk, until its start is done.
    ///
    /// # Panics
    /// When it does not come up, or is no machine with a disk.
    #[track_caller]
    pub fn reboot(&mut self) {
        unwrap(self.loan.machine_mut().reboot());
        self.settled();
    }

    /// Cuts the guest's power and boots it again with the same disk, until its agent serves.
    ///
    /// # Panics
    /// When it does not come up, or is no machine with a disk.
    #[track_caller]
    pub fn power_cut(&mut self) {
        unwrap(self.loan.machine_mut().power_cut());
    }

    /// Runs a shell line to its end.
    ///
    /// # Panics
    /// When it does not end within a minute (a whole system has five), or the guest dies: with the console's last lines.
    #[track_caller]
    pub fn run(&self, line: &str) -> Outcome {
        self.run_within(COMMAND_LIMIT * self.patience, line)
    }

    /// Runs a shell line that must end within `limit`.
    ///
    /// # Panics
    /// When it does not, or the guest dies: with the console's last lines.
    #[track_caller]
    pub fn run_within(&self, limit: Duration, line: &str) -> Outcome {
        let finished = self.machine().run_line(line, limit);
        Outcome::new(unwrap(finished), self.machine().console_handle())
    }

    /// Runs a shell line that must exit with status 0; returns its standard output.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn ok(&self, line: &str) -> String {
        self.run(line).exits(0).stdout()
    }

    /// Runs a shell line that must exit with status 0 and write one JSON document.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    #[must_use]
    pub fn json(&self, line: &str) -> Value {
        self.run(line).exits(0).json()
    }

    /// Starts a shell line and lets it run; it is killed when the value drops.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub fn spawn(&self, line: &str) -> Job {
        // `exec` makes the process that is named the one that is signalled and listed.
        unwrap(self.machine().spawn_argv(["sh", "-c", line]))
    }

    /// Waits until a shell line exits with status 0.
    ///
    /// # Panics
    /// When it does not within 20 seconds: with its last outcome.
    #[track_caller]
    pub fn eventually(&self, line: &str) {
        let start = Instant::now();
        loop {
            let outcome = self.run(line);
            if outcome.status() == 0 {
                return;
            }
            if start.elapsed() > CONDITION_LIMIT * self.patience {
                outcome.exits(0);
            }
        }
    }

    /// Has a process hold a VF that is bound to vfio-pci, until the value drops.
    ///
    /// # Panics
    /// When the process cannot get hold of it.
    #[track_caller]
    pub fn hold(&self, what: Hold, address: &str) -> Holder {
        unwrap(Holder::start(self.machine(), what, address))
    }

    /// How many VFs a PF (`0b:00.0`) has, by its `virtfn*` links: reading them takes no lock.
    ///
    /// # Panics
    /// When there is no such function.
    #[track_caller]
    #[must_use]
    pub fn vfs(&self, pf: &str) -> usize {
        let names = self.ok(&format!("ls {}", sysfs(pf)));
        names.split_whitespace().filter(|name| name.starts_with("virtfn")).count()
    }

    /// An attribute of a PCI function, without its newline: `seed.attribute("0b:00.0", "class")`.
    ///
    /// # Panics
    /// When it cannot be read.
    #[track_caller]
    #[must_use]
    pub fn attribute(&self, function: &str, name: &str) -> String {
        self.ok(&format!("cat {}/{name}", sysfs(function))).trim_end().to_owned()
    }

    /// The driver that a PCI function is bound to.
    ///
    /// # Panics
    /// When there is no such function.
    #[track_caller]
    #[must_use]
    pub fn driver(&self, function: &str) -> Option<String> {
        let directory = sysfs(function);
        let link = self.run(&format!("ls -d {directory}/ && readlink {directory}/driver")).stdout();
        let mut lines = link.lines();
        assert!(lines.next().is_some(), "there is no {function} in the guest");
        lines.next().and_then(|target| target.rsplit('/').next()).map(str::to_owned)
    }

    /// The last lines of the serial console.
    #[must_use]
    pub fn console(&self) -> String {
        self.machine().console()
    }
}

/// A function's directory in the guest; the domain 0000 may be left out.
fn sysfs(function: &str) -> String {
    let domain = if function.matches(':').count() == 1 { "0000:" } else { "" };
    format!("/sys/bus/pci/devices/{domain}{function}")
}

#[track_caller]
pub(crate) fn unwrap<T>(outcome: anyhow::Result<T>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("{error:#}"),
    }
}

//! Machines that tests share, one test at a time.
//!
//! Booting costs seconds, so a machine goes from test to test, tidied in between. How many work at
//! once is limited, because guests that starve each other fail for no reason of ours; idle ones
//! cost little, and a few are kept.

use std::env;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::image::{Binaries, Image};
use crate::machine::{Boot, Machine};
use crate::topology::Topology;

/// Machines on loan at once. Twice the cores that a small host has: half of a test's time is waits
/// in the guest's kernel, as the second that removing VFs takes.
pub const MOST_ON_LOAN: usize = 4;
/// Idle machines that are kept; the one that waits longest goes first.
const MOST_IDLE: usize = 12;
/// How long the broom may take: a guest with a writer hung in the kernel never gets tidy.
const TIDY_LIMIT: Duration = Duration::from_secs(30);

struct Pool {
    on_loan: usize,
    idle: Vec<(Kind, Machine)>,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { on_loan: 0, idle: Vec::new() });
static RETURNED: Condvar = Condvar::new();

/// Machines of one kind are interchangeable.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kind {
    topology: String,
    kernel: String,
    image: Image,
}

/// What happens to a machine after the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// It is tidied for the next test.
    Share,
    /// It is thrown away.
    Discard,
}

/// A machine that one test has for itself.
pub(crate) struct Loan {
    kind: Kind,
    after: After,
    /// Taken out only when the loan ends.
    machine: Option<Machine>,
}

impl Loan {
    /// Borrows a machine: an idle one where it may be shared, else one that boots now.
    pub(crate) fn take(
        topology: Topology,
        kernel: Option<&str>,
        image: Image,
        after: After,
    ) -> Result<Self> {
        let kernel = kernel.unwrap_or_else(|| topology.usual_kernel()).to_owned();
        let kind = Kind { topology: topology.name.clone(), kernel: kernel.clone(), image };
        let idle = reserve(&kind, after);
        let mut loan = Self { kind, after, machine: idle };
        if loan.machine.is_none() {
            let boot = Boot { topology, kernel, image, binaries: binaries()? };
            loan.machine = Some(Machine::boot(&boot)?);
        }
        Ok(loan)
    }

    /// The machine.
    pub(crate) fn machine(&self) -> &Machine {
        match &self.machine {
            Some(machine) => machine,
            None => unreachable!("a loan has its machine until it drops"),
        }
    }

    /// The machine, to be booted again.
    pub(crate) fn machine_mut(&mut self) -> &mut Machine {
        match &mut self.machine {
            Some(machine) => machine,
            None => unreachable!("a loan has its machine until it drops"),
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let spoilt = self.after == After::Discard || thread::panicking();
        let machine = self.machine.take().filter(|machine| !spoilt && tidy(machine));
        let mut pool = lock();
        pool.on_loan -= 1;
        pool.idle.extend(machine.map(|machine| (self.kind.clone(), machine)));
        let surplus = (pool.idle.len() > MOST_IDLE).then(|| pool.idle.remove(0));
        drop(pool);
        RETURNED.notify_one();
        drop(surplus);
    }
}

/// Waits for a place; takes an idle machine of the kind along where one may be had.
fn reserve(kind: &Kind, after: After) -> Option<Machine> {
    let mut pool = RETURNED
        .wait_while(lock(), |pool| pool.on_loan >= MOST_ON_LOAN)
        .unwrap_or_else(PoisonError::into_inner);
    pool.on_loan += 1;
    if after == After::Discard {
        return None;
    }
    let at = pool.idle.iter().position(|(idle, _)| idle == kind)?;
    Some(pool.idle.remove(at).1)
}

fn tidy(machine: &Machine) -> bool {
    machine
        .run_argv(["lab-guest", "tidy"], TIDY_LIMIT)
        .is_ok_and(|finished| finished.ending.status() == 0)
}

fn lock() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The programs that `cargo xtask lab test` built for the guest.
fn binaries() -> Result<Binaries> {
    let path = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .with_context(|| format!("{name} is not set: run `cargo xtask lab test`"))
    };
    Ok(Binaries {
        virtfn: path("VIRTFN_LAB_VIRTFN")?,
        lab_guest: path("VIRTFN_LAB_GUEST")?,
        package: path("VIRTFN_LAB_PACKAGE").ok(),
    })
}

//! Starting processes that must not outlive this one.
//!
//! The kernel ends a child through `PR_SET_PDEATHSIG` when the *thread* that started it ends, so a
//! machine that is shared between tests must be started by a thread that stays: this one.

use std::process::{Child, Command};
use std::sync::mpsc::{self, Sender};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::{io, thread};

use anyhow::{Context, Result};

use crate::programs;

struct Order {
    command: Command,
    answer: Sender<io::Result<Child>>,
}

static LAUNCHER: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
    let (orders, received) = mpsc::channel::<Order>();
    thread::spawn(move || {
        for mut order in received {
            // Nobody waits any more only when the asking thread has died.
            let _ = order.answer.send(order.command.spawn());
        }
    });
    Mutex::new(orders)
});

/// A command for `program` that the kernel kills when this process ends, however it ends. Without
/// `setpriv` on the host the program runs unguarded.
pub(crate) fn guarded(program: &std::path::Path) -> Command {
    match programs::find("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// Starts a command from the thread that stays.
pub(crate) fn start(command: Command) -> Result<Child> {
    let name = command.get_program().to_string_lossy().into_owned();
    let (answer, started) = mpsc::channel();
    let orders = LAUNCHER.lock().unwrap_or_else(PoisonError::into_inner);
    orders.send(Order { command, answer }).context("the launcher has ended")?;
    started
        .recv()
        .context("the launcher has ended")?
        .with_context(|| format!("cannot start {name}"))
}

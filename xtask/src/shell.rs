//! A prompt in a guest: this terminal becomes the guest's.

use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context, Result, bail};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use virtfn_lab::Machine;
use virtfn_lab::job::{Event, Job};
use virtfn_lab_protocol::Terminal;

/// A forgotten prompt shall not keep a machine running for ever.
const LIMIT: Duration = Duration::from_secs(24 * 3600);

/// Runs a shell in the guest on this terminal until it exits.
///
/// # Errors
/// When standard input is no terminal, or the machine dies.
pub(crate) fn run(machine: &Machine) -> Result<ExitCode> {
    if !io::stdin().is_terminal() {
        bail!("standard input is no terminal; for one command: cargo xtask lab run -- COMMAND");
    }
    let size = tcgetwinsize(io::stdin()).context("the terminal's size")?;
    let kind = env::var("TERM").unwrap_or_else(|_| "vt100".to_owned());
    let or = |given: u16, usual: u16| if given == 0 { usual } else { given };
    let terminal = Terminal { rows: or(size.ws_row, 24), columns: or(size.ws_col, 80), kind };
    // By its path: the guest's setsid is busybox's, which would take its own shell for `sh`.
    let mut job = machine.spawn_on_terminal(&["/bin/sh"], terminal)?;
    let _raw = Raw::enter()?;
    type_into(&job)?;
    show(&mut job)
}

/// Sends what is typed. The thread ends with the process; it may hang in a read until then.
fn type_into(job: &Job) -> Result<()> {
    let mut keys = job.input();
    thread::Builder::new().spawn(move || {
        let mut typed = [0; 1024];
        while let Ok(bytes @ 1..) = io::stdin().lock().read(&mut typed) {
            if keys.write_all(&typed[..bytes]).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

fn show(job: &mut Job) -> Result<ExitCode> {
    let deadline = Instant::now() + LIMIT;
    loop {
        match job.next(deadline)? {
            Event::Stdout(bytes) | Event::Stderr(bytes) => {
                io::stdout().write_all(&bytes)?;
                io::stdout().flush()?;
            }
            Event::Ended(ending) => {
                return Ok(ExitCode::from(u8::try_from(ending.status()).unwrap_or(u8::MAX)));
            }
        }
    }
}

/// The terminal passes every key on while this lives.
struct Raw {
    before: Termios,
}

impl Raw {
    fn enter() -> Result<Self> {
        let before = tcgetattr(io::stdin()).context("the terminal's settings")?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).context("the terminal's settings")?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs no settings.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

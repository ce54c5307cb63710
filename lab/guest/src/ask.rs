//! Has a virtual machine inside this one run a command: `lab-guest ask SOCKET COMMAND…`.
//!
//! Its agent is the same program, which serves over a port that its emulator has made a socket of.
//! One at a time is connected; the agent waits for the next.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use virtfn_lab_protocol::{Frame, FromGuest, JobId, Spawn, ToGuest};

/// Whom to ask, and what.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many seconds it may take, the machine's own start among them
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// The socket of the virtual machine's port
    socket: PathBuf,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Runs the command there; its exit status becomes ours.
///
/// # Errors
/// When the machine does not answer in time.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let deadline = Instant::now() + Duration::from_secs(arguments.seconds);
    let mut port = UnixStream::connect(&arguments.socket)
        .with_context(|| arguments.socket.display().to_string())?;
    let job = JobId(std::process::id());
    let spawn = Spawn { argv: arguments.command, terminal: None };
    for request in [ToGuest::Spawn(spawn), ToGuest::CloseStdin] {
        request.frame(job)?.write_to(&mut port)?;
    }
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            bail!("no answer within {} s", arguments.seconds);
        }
        port.set_read_timeout(Some(left))?;
        let Some(frame) = Frame::read_from(&mut port)? else { bail!("the machine is gone") };
        // The agent's first words, and what a command says that somebody gave up.
        if frame.job != job {
            continue;
        }
        match FromGuest::parse(frame)? {
            FromGuest::Stdout(bytes) => io::stdout().write_all(&bytes)?,
            FromGuest::Stderr(bytes) => io::stderr().write_all(&bytes)?,
            FromGuest::Ended(ending) => {
                io::stdout().flush()?;
                return Ok(ExitCode::from(u8::try_from(ending.status()).unwrap_or(u8::MAX)));
            }
            FromGuest::Refused { why } => bail!("{why}"),
            FromGuest::Ready { .. } | FromGuest::Started { .. } => {}
        }
    }
}

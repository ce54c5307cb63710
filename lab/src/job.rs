//! A process in the guest, as the host sees it.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use virtfn_lab_protocol::{Ending, FromGuest, JobId, MAX_BODY_BYTES, Spawn, ToGuest};

use crate::port::Port;

/// The most output that is kept of one process, in bytes; what comes after is an error.
pub const MOST_OUTPUT_BYTES: usize = 32 << 20;
/// SIGKILL, by the number that the kernel gives it on every architecture.
const SIGKILL: i32 = 9;

/// A process that runs in the guest. It is killed when this value drops before its end.
pub struct Job {
    port: Arc<Port>,
    id: JobId,
    events: Receiver<FromGuest>,
    command: String,
    pid: u32,
    ended: bool,
}

/// How a process ended, and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The command, as a person would type it.
    pub command: String,
    /// How it ended.
    pub ending: Ending,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

/// A piece of a running process's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It wrote to standard output.
    Stdout(Vec<u8>),
    /// It wrote to standard error.
    Stderr(Vec<u8>),
    /// It ended.
    Ended(Ending),
}

impl Job {
    /// Starts a process and waits until it runs.
    pub(crate) fn start(port: &Arc<Port>, spawn: Spawn, limit: Duration) -> Result<Self> {
        let command = spawn.argv.join(" ");
        let (id, events) = port.open_job();
        let mut job = Self { port: Arc::clone(port), id, events, command, pid: 0, ended: false };
        job.port.ask(id, ToGuest::Spawn(spawn))?;
        match job.receive(Instant::now() + limit)? {
            FromGuest::Started { pid } => job.pid = pid,
            FromGuest::Refused { why } => {
                job.ended = true;
                bail!("`{}`: {why}", job.command);
            }
            other => bail!("`{}`: the guest said {other:?} before it started", job.command),
        }
        Ok(job)
    }

    /// Its process id in the guest.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for the next thing that it does.
    ///
    /// # Errors
    /// When nothing happens before `deadline`, or the guest is gone.
    pub fn next(&mut self, deadline: Instant) -> Result<Event> {
        Ok(match self.receive(deadline)? {
            FromGuest::Stdout(bytes) => Event::Stdout(bytes),
            FromGuest::Stderr(bytes) => Event::Stderr(bytes),
            FromGuest::Ended(ending) => {
                self.ended = true;
                Event::Ended(ending)
            }
            other => bail!("`{}`: unexpected {other:?}", self.command),
        })
    }

    /// Waits for its end and returns all it wrote since the last event that was taken.
    ///
    /// # Errors
    /// When it has not ended within `limit`, wrote more than [`MOST_OUTPUT_BYTES`], or the guest is
    /// gone. The error has what it wrote so far.
    pub fn finish(mut self, limit: Duration) -> Result<Finished> {
        let deadline = Instant::now() + limit;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        loop {
            match self.next(deadline) {
                Ok(Event::Stdout(bytes)) => stdout.extend(bytes),
                Ok(Event::Stderr(bytes)) => stderr.extend(bytes),
                Ok(Event::Ended(ending)) => {
                    let command = self.command.clone();
                    return Ok(Finished { command, ending, stdout, stderr });
                }
                Err(error) => {
                    return Err(error).with_context(|| said_so_far(&stdout, &stderr));
                }
            }
            if stdout.len() + stderr.len() > MOST_OUTPUT_BYTES {
                bail!("`{}` wrote more than {MOST_OUTPUT_BYTES} bytes", self.command);
            }
        }
    }

    /// Waits until a line of its standard output contains `text`; returns that line.
    ///
    /// # Errors
    /// When it ends first, or `limit` passes: with what it wrote instead.
    pub fn wait_for_line(&mut self, text: &str, limit: Duration) -> Result<String> {
        let deadline = Instant::now() + limit;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        loop {
            match self.next(deadline).with_context(|| said_so_far(&stdout, &stderr))? {
                Event::Stdout(bytes) => stdout.extend(bytes),
                Event::Stderr(bytes) => stderr.extend(bytes),
                Event::Ended(ending) => bail!(
                    "`{}` ended ({ending}) before it said {text:?}; {}",
                    self.command,
                    said_so_far(&stdout, &stderr)
                ),
            }
            let said = String::from_utf8_lossy(&stdout);
            if let Some(line) = said.lines().find(|line| line.contains(text)) {
                return Ok(line.to_owned());
            }
        }
    }

    /// Whether it still runs: takes and drops its output until now.
    pub fn is_running(&mut self) -> bool {
        while !self.ended {
            match self.next(Instant::now()) {
                Ok(_) => {}
                Err(_) => break,
            }
        }
        !self.ended
    }

    /// Writes to its standard input.
    ///
    /// # Errors
    /// When the guest is gone.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        Ok(self.input().write_all(bytes)?)
    }

    /// Its standard input as something to write to, for a thread of its own.
    #[must_use]
    pub fn input(&self) -> Input {
        Input { port: Arc::clone(&self.port), id: self.id }
    }

    /// Closes its standard input.
    ///
    /// # Errors
    /// When the guest is gone.
    pub fn close_stdin(&self) -> Result<()> {
        self.port.ask(self.id, ToGuest::CloseStdin)
    }

    /// Sends a signal to it and to all that it started.
    ///
    /// # Errors
    /// When the guest is gone.
    pub fn signal(&self, number: i32) -> Result<()> {
        self.port.ask(self.id, ToGuest::Signal(number))
    }

    /// Kills it, whatever it does. One that hangs in the kernel dies when the kernel lets it.
    ///
    /// # Errors
    /// When the guest is gone.
    pub fn kill(&self) -> Result<()> {
        self.signal(SIGKILL)
    }

    fn receive(&self, deadline: Instant) -> Result<FromGuest> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.events.recv_timeout(left).map_err(|error| match error {
            RecvTimeoutError::Timeout => anyhow::anyhow!("`{}` still runs", self.command),
            RecvTimeoutError::Disconnected => {
                anyhow::anyhow!("the guest ended while `{}` ran", self.command)
            }
        })
    }
}

/// A job's standard input.
pub struct Input {
    port: Arc<Port>,
    id: JobId,
}

impl Write for Input {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(MAX_BODY_BYTES)];
        let sent = self.port.ask(self.id, ToGuest::Stdin(piece.to_vec()));
        sent.map(|()| piece.len()).map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.ended {
            // A guest that is gone has no process left to kill.
            let _ = self.kill();
        }
        self.port.close_job(self.id);
    }
}

fn said_so_far(stdout: &[u8], stderr: &[u8]) -> String {
    format!(
        "so far it wrote {:?} and {:?} (standard error)",
        String::from_utf8_lossy(stdout),
        String::from_utf8_lossy(stderr)
    )
}

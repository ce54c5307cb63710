//! The host's processes: started, fed, signalled, and reported when they end.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use virtfn_lab_protocol::{Ending, FrameError, FromGuest, JobId, Spawn, ToGuest};

use crate::serve::Host;
use crate::terminal;

/// The size of one piece of output, in bytes: what virtio-console moves at once.
const PIECE_BYTES: usize = 32 * 1024;
/// How long after its end a job's output may still come. A child that it left behind can hold the
/// pipe open for ever, and must not hold the answer.
const OUTPUT_GRACE: Duration = Duration::from_millis(500);

/// All jobs that were started; an ended one costs only its number.
pub(crate) struct Jobs {
    host: Host,
    running: HashMap<JobId, Running>,
}

struct Running {
    group: Pid,
    /// `None` once the host has closed it.
    stdin: Option<Sender<Vec<u8>>>,
}

impl Jobs {
    /// No job yet.
    pub(crate) fn new(host: Host) -> Self {
        Self { host, running: HashMap::new() }
    }

    /// Does what the host asks. What cannot be done is told to the host, not returned.
    ///
    /// # Errors
    /// Only when the port fails.
    pub(crate) fn handle(&mut self, job: JobId, request: ToGuest) -> Result<(), FrameError> {
        match request {
            ToGuest::Spawn(spawn) => match self.spawn(job, &spawn) {
                Ok(running) => {
                    self.running.insert(job, running);
                }
                Err(why) => {
                    self.host.tell(job, FromGuest::Refused { why: format!("{why:#}") })?;
                }
            },
            ToGuest::Stdin(bytes) => {
                if let Some(input) = self.running.get(&job).and_then(|job| job.stdin.as_ref()) {
                    // A job that reads no more has ended or closed its input: nothing is lost.
                    let _ = input.send(bytes);
                }
            }
            ToGuest::CloseStdin => {
                if let Some(running) = self.running.get_mut(&job) {
                    running.stdin = None;
                }
            }
            ToGuest::Signal(number) => self.signal(job, number),
        }
        Ok(())
    }

    fn signal(&self, job: JobId, number: i32) {
        let signal = Signal::from_named_raw(number);
        if let (Some(running), Some(signal)) = (self.running.get(&job), signal) {
            // ESRCH: it ended before the signal came, which the host is about to learn.
            let _ = kill_process_group(running.group, signal);
        }
    }

    fn spawn(&self, job: JobId, spawn: &Spawn) -> Result<Running> {
        let (program, arguments) = spawn.argv.split_first().context("no program to run")?;
        let started = match &spawn.terminal {
            Some(size) => terminal::start(&spawn.argv, size)?,
            None => Started::on_pipes(Command::new(program).args(arguments))
                .with_context(|| format!("cannot start {program}"))?,
        };
        let pid = started.child.id();
        let group = Pid::from_child(&started.child);
        self.host.tell(job, FromGuest::Started { pid })?;
        let (stdin, fed) = mpsc::channel();
        thread::spawn(move || feed(&fed, started.stdin));
        let host = self.host.clone();
        thread::spawn(move || follow(&host, job, started.child, started.outputs));
        Ok(Running { group, stdin: Some(stdin) })
    }
}

/// What a piece of output becomes.
type Told = fn(Vec<u8>) -> FromGuest;

/// A process that runs, with its ends of pipes or terminal.
pub(crate) struct Started {
    pub(crate) child: Child,
    pub(crate) stdin: Box<dyn Write + Send>,
    pub(crate) outputs: Vec<(Box<dyn Read + Send>, Told)>,
}

impl Started {
    fn on_pipes(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take().context("no stdin")?;
        let stdout = child.stdout.take().context("no stdout")?;
        let stderr = child.stderr.take().context("no stderr")?;
        Ok(Self {
            child,
            stdin: Box::new(stdin),
            outputs: vec![
                (Box::new(stdout), FromGuest::Stdout),
                (Box::new(stderr), FromGuest::Stderr),
            ],
        })
    }
}

/// Writes what the host sends until it closes; the process sees the end when `input` drops.
fn feed(fed: &Receiver<Vec<u8>>, mut input: Box<dyn Write + Send>) {
    for bytes in fed {
        if input.write_all(&bytes).and_then(|()| input.flush()).is_err() {
            return;
        }
    }
}

/// Sends a process's output as it comes, and its ending last.
fn follow(host: &Host, job: JobId, mut child: Child, outputs: Vec<(Box<dyn Read + Send>, Told)>) {
    let (done, all_sent) = mpsc::channel::<()>();
    for (output, told) in outputs {
        let (host, done) = (host.clone(), done.clone());
        thread::spawn(move || {
            send_output(&host, job, output, told);
            drop(done);
        });
    }
    drop(done);
    let Ok(status) = child.wait() else { return };
    // An error here says that all senders have gone: the output is complete.
    let _ = all_sent.recv_timeout(OUTPUT_GRACE);
    // A failing port ends the agent's own loop; nobody is left to tell.
    let _ = host.tell(job, FromGuest::Ended(ending(status)));
}

fn send_output(host: &Host, job: JobId, mut output: Box<dyn Read + Send>, told: Told) {
    let mut piece = vec![0; PIECE_BYTES];
    // A terminal whose last process ended reads as an error, not as an end.
    while let Ok(bytes @ 1..) = output.read(&mut piece) {
        if host.tell(job, told(piece[..bytes].to_vec())).is_err() {
            return;
        }
    }
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Code(code),
        (None, Some(signal)) => Ending::Signal(signal),
        (None, None) => Ending::Code(-1),
    }
}

//! One connection: greeted, asked, listened to.

use std::collections::VecDeque;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::VirtError;
use crate::deadline::Deadline;
use crate::wire::{Broken, Wire, connect_to};

use super::message::{self, Event, LINE_MAX, Line};

/// More events than this are not kept: the oldest go.
const KEPT: usize = 1024;
const SILENT: &str = "QEMU gave no answer";
const BUSY: &str = "QEMU serves one client of a monitor at a time, and another one holds this one";

/// A connection to the monitor of one QEMU.
///
/// QEMU serves one client of a socket at a time and lets others wait without a word: opening then
/// ends with [`VirtError::TimedOut`], which says so.
#[derive(Debug)]
pub struct Qmp {
    wire: Wire,
    /// What errors call the machine: its socket.
    socket: String,
    version: String,
    limit: Duration,
    serial: u64,
    events: VecDeque<Event>,
}

/// What a machine does: `query-status`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RunState {
    /// Whether its processors run.
    pub running: bool,
    /// QEMU's word for it: `running`, `paused`, `prelaunch`, `shutdown`…
    pub status: String,
}

/// `MemoryInfo` (qapi/machine.json).
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct MemorySize {
    base_memory: u64,
    plugged_memory: Option<u64>,
}

impl Qmp {
    /// Connects to the monitor at `path`. No command takes longer than `limit`.
    ///
    /// # Errors
    /// When no QEMU is there, another client holds it, or it says what is not understood.
    pub fn open(path: &Path, limit: Duration) -> Result<Self, VirtError> {
        let socket = path.display().to_string();
        match connect_to(path, limit) {
            Ok(stream) => Self::over(stream, &socket, limit),
            Err(Errno::AGAIN) => Err(busy(&socket, limit)),
            Err(Errno::ACCESS | Errno::PERM) => Err(VirtError::Permission {
                path: path.into(),
                why: "the monitor's socket is open to the user that started QEMU",
            }),
            Err(errno) => Err(VirtError::NoMonitor { path: path.into(), source: errno.into() }),
        }
    }

    /// The same over a socket that is already connected; `socket` names it in errors.
    ///
    /// # Errors
    /// As [`Qmp::open`].
    pub fn over(stream: UnixStream, socket: &str, limit: Duration) -> Result<Self, VirtError> {
        let wire = Wire::over(stream)
            .map_err(|source| VirtError::Socket { path: socket.into(), source })?;
        let mut qmp = Self {
            wire,
            socket: socket.into(),
            version: String::new(),
            limit,
            serial: 0,
            events: VecDeque::new(),
        };
        qmp.greet()?;
        qmp.execute("qmp_capabilities", Map::new())?;
        Ok(qmp)
    }

    /// QEMU's version, as `10.0.2`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What errors call the machine: its socket.
    #[must_use]
    pub fn socket(&self) -> &str {
        &self.socket
    }

    /// The process that it is, where the kernel says.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.wire.peer()
    }

    /// The memory of the machine in bytes, with what was plugged in: all that VFIO locks of it.
    ///
    /// # Errors
    /// When the command fails.
    pub fn memory_bytes(&mut self) -> Result<u64, VirtError> {
        let size: MemorySize = self.query("query-memory-size-summary", Map::new())?;
        Ok(size.base_memory.saturating_add(size.plugged_memory.unwrap_or(0)))
    }

    /// What the machine does now.
    ///
    /// # Errors
    /// When the command fails.
    pub fn status(&mut self) -> Result<RunState, VirtError> {
        self.query("query-status", Map::new())
    }

    /// Runs any command: what it returns.
    ///
    /// # Errors
    /// [`VirtError::QemuRefused`] with QEMU's words; or when the connection fails.
    pub fn execute(
        &mut self,
        command: &str,
        arguments: Map<String, Value>,
    ) -> Result<Value, VirtError> {
        let deadline = Deadline::after(self.limit);
        self.serial += 1;
        let line = message::command(command, arguments, self.serial);
        self.wire.send(&line, deadline).map_err(|broken| self.broke(broken, command, deadline))?;
        loop {
            match self.next_line(command, deadline)? {
                // An answer without a number is one to a line that QEMU could not read.
                Line::Answer { id, answer } if id.is_none_or(|id| id == self.serial) => {
                    return answer.map_err(|refusal| VirtError::QemuRefused {
                        object: self.socket.clone(),
                        command: command.into(),
                        class: refusal.class,
                        message: refusal.message,
                    });
                }
                // To a command that ran out of time.
                Line::Answer { .. } => {}
                Line::Event(event) => self.keep(event),
                Line::Greeting { .. } => return Err(self.nonsense("a second greeting".into())),
            }
        }
    }

    /// The same for a command whose answer has a known shape.
    pub(super) fn query<T: for<'de> Deserialize<'de>>(
        &mut self,
        command: &str,
        arguments: Map<String, Value>,
    ) -> Result<T, VirtError> {
        let answer = self.execute(command, arguments)?;
        T::deserialize(answer).map_err(|error| VirtError::Protocol {
            peer: self.socket.clone(),
            what: format!("{command}: {error}"),
        })
    }

    /// Takes the first kept event for which `is` says something; waits for one until the deadline.
    /// `None` when it has passed.
    pub(super) fn await_event<T>(
        &mut self,
        operation: &str,
        deadline: Deadline,
        is: impl Fn(&Event) -> Option<T>,
    ) -> Result<Option<T>, VirtError> {
        loop {
            let found =
                self.events.iter().enumerate().find_map(|(at, event)| Some((at, is(event)?)));
            if let Some((at, found)) = found {
                self.events.remove(at);
                return Ok(Some(found));
            }
            match self.next_line(operation, deadline) {
                Ok(Line::Event(event)) => self.keep(event),
                // To a command that ran out of time.
                Ok(Line::Answer { .. }) => {}
                Ok(Line::Greeting { .. }) => {
                    return Err(self.nonsense("a second greeting".into()));
                }
                Err(VirtError::TimedOut { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn greet(&mut self) -> Result<(), VirtError> {
        let deadline = Deadline::after(self.limit);
        match self.next_line("wait for its greeting", deadline) {
            Ok(Line::Greeting { version }) => {
                self.version = version;
                Ok(())
            }
            Ok(_) => Err(self.nonsense("no greeting: not a monitor of QEMU's in QMP".into())),
            Err(VirtError::TimedOut { limit, .. }) => Err(busy(&self.socket, limit)),
            Err(error) => Err(error),
        }
    }

    fn keep(&mut self, event: Event) {
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn next_line(&mut self, operation: &str, deadline: Deadline) -> Result<Line, VirtError> {
        // Only what is new is searched: a long line comes in many pieces.
        let mut searched = 0;
        loop {
            let arrived = self.wire.arrived();
            if let Some(at) = arrived[searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.wire.take(searched + at + 1);
                return message::parse(&line).map_err(|what| self.nonsense(what));
            }
            searched = arrived.len();
            if searched > LINE_MAX {
                return Err(self.nonsense(format!("a line of more than {LINE_MAX} bytes")));
            }
            self.wire
                .receive(deadline)
                .map_err(|broken| self.broke(broken, operation, deadline))?;
        }
    }

    fn broke(&self, broken: Broken, operation: &str, deadline: Deadline) -> VirtError {
        let (object, operation) = (self.socket.clone(), operation.to_owned());
        match broken {
            Broken::TimedOut => {
                VirtError::TimedOut { object, operation, limit: deadline.limit(), why: SILENT }
            }
            Broken::Ended => VirtError::Torn { object, operation, peer: "QEMU" },
        }
    }

    /// What follows cannot be trusted to be what it looks like: the connection is given up.
    fn nonsense(&mut self, what: String) -> VirtError {
        self.wire.abandon();
        VirtError::Protocol { peer: self.socket.clone(), what }
    }
}

fn busy(socket: &str, limit: Duration) -> VirtError {
    let operation = "wait for its greeting".into();
    VirtError::TimedOut { object: socket.into(), operation, limit, why: BUSY }
}

//! What the two sides say.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Frame, FrameError};

/// The number that ties messages to one process in the guest. The host picks it; 0 is the guest's
/// own voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u32);

/// A process that the host wants started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spawn {
    /// Program and arguments; the program is looked up on the guest's `PATH`.
    pub argv: Vec<String>,
    /// Run on a pseudo-terminal of this size instead of on pipes.
    pub terminal: Option<Terminal>,
}

/// The size of a pseudo-terminal, and what it calls itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terminal {
    /// Height in characters.
    pub rows: u16,
    /// Width in characters.
    pub columns: u16,
    /// The value of `TERM`.
    pub kind: String,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It exited with this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl Ending {
    /// The exit status that a shell would report: a signal counts as 128 plus its number.
    #[must_use]
    pub fn status(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// What the host asks of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToGuest {
    /// Start this process as the job.
    Spawn(Spawn),
    /// Bytes for its standard input.
    Stdin(Vec<u8>),
    /// No more will come on its standard input.
    CloseStdin,
    /// Send this signal to the process and to all that it started (its process group).
    Signal(i32),
}

/// What the guest tells of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromGuest {
    /// The guest serves; said once, as job 0.
    Ready {
        /// The running kernel's release, as `uname -r` prints it.
        kernel: String,
    },
    /// The job's process runs.
    Started {
        /// Its process id in the guest.
        pid: u32,
    },
    /// Bytes that it wrote to standard output (or to its terminal).
    Stdout(Vec<u8>),
    /// Bytes that it wrote to standard error.
    Stderr(Vec<u8>),
    /// It ended, and all its output was sent: the job's last message.
    Ended(Ending),
    /// The job could not be started: its only message.
    Refused {
        /// The reason, for a person.
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Ready {
    kernel: String,
}

#[derive(Serialize, Deserialize)]
struct Started {
    pid: u32,
}

#[derive(Serialize, Deserialize)]
struct Refused {
    why: String,
}

impl ToGuest {
    /// The message as a frame of `job`.
    ///
    /// # Errors
    /// When the body cannot be put into JSON.
    pub fn frame(self, job: JobId) -> Result<Frame, FrameError> {
        let (kind, body) = match self {
            Self::Spawn(spawn) => (1, serde_json::to_vec(&spawn)?),
            Self::Stdin(bytes) => (2, bytes),
            Self::CloseStdin => (3, Vec::new()),
            Self::Signal(signal) => (4, serde_json::to_vec(&signal)?),
        };
        Ok(Frame { job, kind, body })
    }

    /// Reads a frame that came from the host.
    ///
    /// # Errors
    /// When the kind is unknown, or the body is not what the kind says.
    pub fn parse(frame: Frame) -> Result<Self, FrameError> {
        Ok(match frame.kind {
            1 => Self::Spawn(serde_json::from_slice(&frame.body)?),
            2 => Self::Stdin(frame.body),
            3 => Self::CloseStdin,
            4 => Self::Signal(serde_json::from_slice(&frame.body)?),
            kind => return Err(FrameError::UnknownKind { kind }),
        })
    }
}

impl FromGuest {
    /// The message as a frame of `job`.
    ///
    /// # Errors
    /// When the body cannot be put into JSON.
    pub fn frame(self, job: JobId) -> Result<Frame, FrameError> {
        let (kind, body) = match self {
            Self::Ready { kernel } => (1, serde_json::to_vec(&Ready { kernel })?),
            Self::Started { pid } => (2, serde_json::to_vec(&Started { pid })?),
            Self::Stdout(bytes) => (3, bytes),
            Self::Stderr(bytes) => (4, bytes),
            Self::Ended(ending) => (5, serde_json::to_vec(&ending)?),
            Self::Refused { why } => (6, serde_json::to_vec(&Refused { why })?),
        };
        Ok(Frame { job, kind, body })
    }

    /// Reads a frame that came from the guest.
    ///
    /// # Errors
    /// When the kind is unknown, or the body is not what the kind says.
    pub fn parse(frame: Frame) -> Result<Self, FrameError> {
        let body = frame.body;
        Ok(match frame.kind {
            1 => Self::Ready { kernel: serde_json::from_slice::<Ready>(&body)?.kernel },
            2 => Self::Started { pid: serde_json::from_slice::<Started>(&body)?.pid },
            3 => Self::Stdout(body),
            4 => Self::Stderr(body),
            5 => Self::Ended(serde_json::from_slice(&body)?),
            6 => Self::Refused { why: serde_json::from_slice::<Refused>(&body)?.why },
            kind => return Err(FrameError::UnknownKind { kind }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_survives_the_wire() {
        let terminal = Terminal { rows: 24, columns: 80, kind: "xterm".into() };
        for message in [
            ToGuest::Spawn(Spawn { argv: vec!["ip".into(), "link".into()], terminal: None }),
            ToGuest::Spawn(Spawn { argv: vec!["sh".into()], terminal: Some(terminal) }),
            ToGuest::Stdin(vec![0, 255, 10]),
            ToGuest::CloseStdin,
            ToGuest::Signal(9),
        ] {
            let frame = message.clone().frame(JobId(1)).unwrap();
            assert_eq!(ToGuest::parse(frame).unwrap(), message);
        }
    }

    #[test]
    fn every_answer_survives_the_wire() {
        for message in [
            FromGuest::Ready { kernel: "6.12".into() },
            FromGuest::Started { pid: 12 },
            FromGuest::Stdout(vec![0xff, 0]),
            FromGuest::Stderr(b"no".to_vec()),
            FromGuest::Ended(Ending::Code(3)),
            FromGuest::Ended(Ending::Signal(9)),
            FromGuest::Refused { why: "no such program".into() },
        ] {
            let frame = message.clone().frame(JobId(1)).unwrap();
            assert_eq!(FromGuest::parse(frame).unwrap(), message);
        }
    }

    #[test]
    fn a_kind_from_nowhere_is_refused() {
        for kind in [0, 7, 255] {
            let frame = Frame { job: JobId(1), kind, body: Vec::new() };
            assert!(ToGuest::parse(frame.clone()).is_err());
            assert!(FromGuest::parse(frame).is_err());
        }
    }

    #[test]
    fn a_signal_counts_as_the_shell_counts_it() {
        assert_eq!(Ending::Signal(9).status(), 137);
        assert_eq!(Ending::Code(3).status(), 3);
    }
}

//! What a look at one fact gave. There is no way from here to a bool that forgets why.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A fact about the machine: known, known to be absent, or not to be seen, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen<T> {
    /// It was read.
    Known(T),
    /// The machine has no such thing; that was seen.
    Absent,
    /// It could not be read: neither its value nor its absence is known.
    Unreadable(Unreadable),
}

/// Which fact could not be seen, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Where it would have been read, below the root that was looked at (`sys/…`, `proc/…`).
    pub path: String,
    /// What stood in the way.
    pub why: Reason,
}

/// Why a fact could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It needs a privilege that this process does not have.
    NotPermitted,
    /// The kernel did not answer in time: something holds the device's lock.
    TimedOut,
    /// It is larger than anything of its kind can be.
    TooLarge,
    /// It reads as something that the kernel never writes.
    Malformed,
    /// The kernel cut its answer short.
    CutShort,
    /// Nobody asked for it in this look.
    NotAsked,
    /// Any other failure, in the kernel's words.
    Failed(String),
}

impl<T> Seen<T> {
    /// The value, if it is known. The name says what is lost: absence and ignorance look alike.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }

    /// What stood in the way, if it could not be read.
    pub fn unreadable(&self) -> Option<&Unreadable> {
        match self {
            Self::Unreadable(unreadable) => Some(unreadable),
            Self::Known(_) | Self::Absent => None,
        }
    }

    /// The same fact with its value changed.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Seen<U> {
        self.and_then(|value| Seen::Known(change(value)))
    }

    /// The same fact, looked at more closely.
    pub fn and_then<U>(self, look: impl FnOnce(T) -> Seen<U>) -> Seen<U> {
        match self {
            Self::Known(value) => look(value),
            Self::Absent => Seen::Absent,
            Self::Unreadable(unreadable) => Seen::Unreadable(unreadable),
        }
    }

    /// The same fact by reference.
    pub fn as_ref(&self) -> Seen<&T> {
        match self {
            Self::Known(value) => Seen::Known(value),
            Self::Absent => Seen::Absent,
            Self::Unreadable(unreadable) => Seen::Unreadable(unreadable.clone()),
        }
    }

    /// A fact that this look did not ask for.
    pub fn not_asked(path: impl Into<String>) -> Self {
        Self::Unreadable(Unreadable { path: path.into(), why: Reason::NotAsked })
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.why)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotPermitted => "not permitted (run as root to see it)",
            Self::TimedOut => "no answer in time: something holds the device's lock",
            Self::TooLarge => "larger than it can be",
            Self::Malformed => "unintelligible",
            Self::CutShort => "cut short by the kernel",
            Self::NotAsked => "not looked at",
            Self::Failed(words) => words,
        })
    }
}

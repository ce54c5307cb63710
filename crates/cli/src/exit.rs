//! Exit codes, which scripts rely on.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done, ready, or nothing to do.
    Done = 0,
    /// It failed, or the doctor found a failure.
    Failed = 1,
    /// The command line made no sense.
    Usage = 2,
    /// Refused, to protect something in use.
    Refused = 3,
    /// `plan` and `status`: there is something to do.
    ToDo = 4,
    /// Nothing failed, but something that matters could not be seen.
    Unseen = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The table of exit codes, as help and man pages show it.
pub const TABLE: &str = "\
Exit codes:
  0  done, ready, or nothing to do
  1  failed, or doctor found a failure
  2  the command line made no sense
  3  refused, to protect something in use
  4  plan and status: there is something to do
  5  nothing failed, but something that matters could not be seen";

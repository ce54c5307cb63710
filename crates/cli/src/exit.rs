//! Exit codes, which scripts rely on.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done, ready, or nothing to do.
    Done,
    /// It failed, or the doctor found a failure.
    Failed,
    /// The command line made no sense.
    Usage,
    /// Refused, to protect something in use.
    Refused,
    /// `plan` and `status`: there is something to do.
    ToDo,
    /// Nothing failed, but something that matters could not be seen.
    Unseen,
    /// `run`: as the program that it ran.
    Program(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
            Exit::ToDo => 4,
            Exit::Unseen => 5,
            Exit::Program(code) => code,
        })
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
  5  nothing failed, but something that matters could not be seen
virtfn run ends as the program did that it ran.";

//! What a command in the guest did, and what a test says about it.

use serde_json::Value;

use crate::console::Console;
use crate::job::Finished;

/// A command that ended, ready to be judged. Each judgement that does not hold fails the test with
/// the command, all it wrote, and the console's last lines.
#[must_use = "say what the command should have done: .exits(0)"]
pub struct Outcome {
    finished: Finished,
    console: Console,
}

impl Outcome {
    pub(crate) fn new(finished: Finished, console: Console) -> Self {
        Self { finished, console }
    }

    /// It exited with this status (a signal counts as 128 plus its number).
    #[track_caller]
    pub fn exits(&self, status: i32) -> &Self {
        assert!(self.status() == status, "it should exit with {status}{}", self.in_full());
        self
    }

    /// It wrote this text somewhere, to standard output or standard error.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.has_said(text), "it should say {text:?}{}", self.in_full());
        self
    }

    /// It wrote this text nowhere.
    #[track_caller]
    pub fn does_not_say(&self, text: &str) -> &Self {
        assert!(!self.has_said(text), "it should not say {text:?}{}", self.in_full());
        self
    }

    /// Its standard output is this JSON document.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.finished.stdout) {
            Ok(value) => value,
            Err(error) => panic!("it should write JSON: {error}{}", self.in_full()),
        }
    }

    /// Its exit status, as a shell reports it.
    #[must_use]
    pub fn status(&self) -> i32 {
        self.finished.ending.status()
    }

    /// What it wrote to standard output.
    #[must_use]
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.finished.stdout).into_owned()
    }

    /// What it wrote to standard error.
    #[must_use]
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.finished.stderr).into_owned()
    }

    fn has_said(&self, text: &str) -> bool {
        self.stdout().contains(text) || self.stderr().contains(text)
    }

    fn in_full(&self) -> String {
        format!(
            "\n$ {}\n{}{}({})\nthe console's last lines:\n{}",
            self.finished.command,
            self.stdout(),
            self.stderr(),
            self.finished.ending,
            self.console.last_lines(20)
        )
    }
}

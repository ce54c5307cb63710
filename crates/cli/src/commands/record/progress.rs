//! What a command that takes its time is doing: a line that is replaced on a terminal, plain lines
//! elsewhere once it has taken a second.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use virtfn_render::words::plain;

/// Sooner than this nobody wonders.
const PATIENCE: Duration = Duration::from_secs(1);
const CLEAR_LINE: &str = "\r\u{1b}[K";

/// Tells on standard error what goes on.
pub(super) struct Progress {
    started: Instant,
    terminal: bool,
}

impl Progress {
    pub(super) fn start() -> Self {
        Self { started: Instant::now(), terminal: std::io::stderr().is_terminal() }
    }

    /// From here on it does this.
    pub(super) fn says(&mut self, what: &str) {
        let what = plain(what);
        if self.terminal {
            self.put(&format!("{CLEAR_LINE}{what} …"));
        } else if self.started.elapsed() > PATIENCE {
            self.put(&format!("{what}\n"));
        }
    }

    /// It is done: the line goes.
    pub(super) fn end(self) {
        if self.terminal {
            self.put(CLEAR_LINE);
        }
    }

    fn put(&self, text: &str) {
        // Progress that nobody can see is no failure.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

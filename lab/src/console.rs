//! The last of what a machine said on its serial console.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// How much of the console is kept, in bytes.
const KEPT_BYTES: usize = 64 * 1024;

/// A growing, bounded copy of a console.
#[derive(Clone, Default)]
pub(crate) struct Console(Arc<Mutex<VecDeque<u8>>>);

impl Console {
    /// Follows `source` in a thread until it ends.
    pub(crate) fn follow(mut source: impl Read + Send + 'static) -> Self {
        let console = Self::default();
        let copy = console.clone();
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(bytes @ 1..) = source.read(&mut piece) {
                copy.keep(&piece[..bytes]);
            }
        });
        console
    }

    fn keep(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(bytes);
        let surplus = kept.len().saturating_sub(KEPT_BYTES);
        kept.drain(..surplus);
    }

    /// The last `lines` lines, without the terminal's control characters.
    pub(crate) fn last_lines(&self, lines: usize) -> String {
        let bytes: Vec<u8> =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let plain: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
        let all: Vec<_> = plain.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_shown_and_only_so_much_is_kept() {
        let console = Console::default();
        for line in 0..20_000 {
            console.keep(format!("line {line}\r\n").as_bytes());
        }
        assert_eq!(console.last_lines(2), "line 19998\nline 19999");
        assert!(console.last_lines(usize::MAX).len() <= KEPT_BYTES);
    }
}

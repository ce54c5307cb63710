//! Standard output: colours where they are wanted, and quiet when the reader leaves.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use virtfn_render::{Document, Page, Symbols, json};

/// Where a command prints what it found.
#[derive(Debug)]
pub struct Output {
    page: Page,
    /// The reader of the pipe is gone: nothing more is printed, and the exit code stays true.
    closed: bool,
}

impl Output {
    /// Standard output, as it is now.
    #[must_use]
    pub fn standard() -> Self {
        let width = io::stdout().is_terminal().then(terminal_width).flatten();
        Self { page: Page { symbols: symbols(), width }, closed: false }
    }

    /// What the output can show.
    #[must_use]
    pub const fn page(&self) -> Page {
        self.page
    }

    /// Prints a text, whose colours are taken out where they are not wanted.
    ///
    /// # Errors
    /// When it cannot be written, unless the reader just left.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let mut stdout = anstream::stdout().lock();
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        self.mind(written)
    }

    /// Prints a document.
    ///
    /// # Errors
    /// When it cannot be written, unless the reader just left.
    pub fn document(&mut self, document: &impl Document) -> io::Result<()> {
        let text = json(document)?;
        self.bytes(text.as_bytes())
    }

    /// Prints bytes as they are.
    ///
    /// # Errors
    /// When they cannot be written, unless the reader just left.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        self.mind(written)
    }

    fn mind(&mut self, written: io::Result<()>) -> io::Result<()> {
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            written => written,
        }
    }
}

/// A terminal narrower than this shows nothing sensible anyway.
const LEAST_WIDTH: usize = 40;

fn terminal_width() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size()?;
    Some(usize::from(width.0).max(LEAST_WIDTH))
}

/// The symbols that the locale can show: UTF-8 is named in it, or it is ASCII.
fn symbols() -> Symbols {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    let utf8 = locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    if utf8 { Symbols::Unicode } else { Symbols::Ascii }
}

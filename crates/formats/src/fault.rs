//! What is wrong with a file that a person writes: where, why, and what was meant.

use std::ops::Range;

/// Where something stands: bytes of the text, and its line and column from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) bytes: Range<usize>,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// One fault of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    at: At,
    why: String,
    hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(at: At, why: impl Into<String>) -> Self {
        Self { at, why: why.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The line, from 1.
    #[must_use]
    pub const fn line(&self) -> u32 {
        self.at.line
    }

    /// The column, from 1.
    #[must_use]
    pub const fn column(&self) -> u32 {
        self.at.column
    }

    /// What is wrong.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }

    /// What was probably meant.
    #[must_use]
    pub fn meant(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The fault as a person reads it: file, line and column, the line itself, and a caret below
    /// what is wrong with it.
    #[must_use]
    pub fn show(&self, path: &str, text: &str) -> String {
        let (line, column) = (self.at.line, self.at.column);
        let mut shown = format!("{path}:{line}:{column}: {}", self.why);
        let source = usize::try_from(line).ok().and_then(|line| text.lines().nth(line.max(1) - 1));
        if let Some(source) = source {
            let before = usize::try_from(column).unwrap_or(1).max(1) - 1;
            // What is long is shown around the fault.
            let from = before.saturating_sub(SHOWN / 2);
            let clean = |c: char| if c.is_control() { ' ' } else { c };
            let source: String = source.chars().skip(from).take(SHOWN).map(clean).collect();
            let width = self.width(text).clamp(1, SHOWN);
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            let indent = " ".repeat(before - from);
            shown += &format!(
                "\n {number} | {source}\n {margin} | {indent}{}",
                "^".repeat(width.min(source.chars().count().saturating_sub(before - from).max(1)))
            );
        }
        shown
    }

    /// The same, and what was probably meant below it.
    #[must_use]
    pub fn report(&self, path: &str, text: &str) -> String {
        let meant = self.meant().map(|meant| format!("\n   = {meant}")).unwrap_or_default();
        self.show(path, text) + &meant
    }

    /// How many characters of its line it covers.
    fn width(&self, text: &str) -> usize {
        let covered = text.get(self.at.bytes.clone()).unwrap_or_default();
        covered.lines().next().map_or(1, |line| line.trim_end().chars().count())
    }
}

/// Characters of a line that are shown.
const SHOWN: usize = 100;

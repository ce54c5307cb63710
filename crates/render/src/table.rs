//! Tables: columns as wide as their content, two spaces between them, no lines.

use crate::paint::Tone;
use crate::words::plain;
use crate::{Page, Symbols};

/// Which side a column's text keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    heading: &'static str,
    align: Align,
    /// May it be cut where a terminal is too narrow?
    gives_way: bool,
}

impl Column {
    /// A column of text.
    #[must_use]
    pub const fn text(heading: &'static str) -> Self {
        Self { heading, align: Align::Left, gives_way: false }
    }

    /// A column of numbers.
    #[must_use]
    pub const fn number(heading: &'static str) -> Self {
        Self { heading, align: Align::Right, gives_way: false }
    }

    /// A column of text that may be cut where a terminal is too narrow for all.
    #[must_use]
    pub const fn long(heading: &'static str) -> Self {
        Self { heading, align: Align::Left, gives_way: true }
    }
}

/// One cell.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell with a tone.
    #[must_use]
    pub fn new(text: &str, tone: Tone) -> Self {
        Self { text: plain(text).into_owned(), tone }
    }

    /// What is not there.
    #[must_use]
    pub fn none() -> Self {
        Self::new("-", Tone::Faint)
    }

    /// What could not be seen.
    #[must_use]
    pub fn unknown() -> Self {
        Self::new("?", Tone::Unknown)
    }

    /// A value that may not be there.
    #[must_use]
    pub fn of<T: ToString>(value: Option<T>) -> Self {
        value.map_or_else(Self::none, |value| Self::from(value.to_string()))
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    /// Its text.
    pub(crate) fn words(&self) -> &str {
        &self.text
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text.as_ref(), Tone::Plain)
    }
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// A column that gives way keeps this much.
const LEAST_WIDTH: usize = 8;
const GAP: usize = 2;

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row: a cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Has it no rows?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The whole of it, a line a row, the headings first.
    #[must_use]
    pub fn render(&self, page: Page) -> String {
        let widths = self.fit(page.width);
        let headings: Vec<Cell> =
            self.columns.iter().map(|column| Cell::new(column.heading, Tone::Heading)).collect();
        let mut text = String::new();
        for row in std::iter::once(&headings).chain(&self.rows) {
            self.render_row(row, &widths, page.symbols, &mut text);
        }
        text
    }

    /// Each column's width: its content's, less where the page is too narrow and it may give way.
    fn fit(&self, page: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> =
            self.columns.iter().map(|column| column.heading.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let Some(page) = page else { return widths };
        let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let mut over = total.saturating_sub(page);
        for (width, column) in widths.iter_mut().zip(&self.columns) {
            if column.gives_way {
                let cut = over.min(width.saturating_sub(LEAST_WIDTH));
                *width -= cut;
                over -= cut;
            }
        }
        widths
    }

    fn render_row(&self, row: &[Cell], widths: &[usize], symbols: Symbols, text: &mut String) {
        let mut owed = 0;
        for ((cell, column), width) in row.iter().zip(&self.columns).zip(widths) {
            let shown = cut(&cell.text, *width, symbols);
            let space = width - shown.chars().count().min(*width);
            let (before, after) = match column.align {
                Align::Left => (0, space),
                Align::Right => (space, 0),
            };
            text.extend(std::iter::repeat_n(' ', owed + before));
            text.push_str(&cell.tone.paint(&shown));
            owed = after + GAP;
        }
        text.push('\n');
    }
}

/// `text` in `width` columns, with a mark where it was cut.
fn cut(text: &str, width: usize, symbols: Symbols) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mark = symbols.pick("…", "~");
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept.trim_end().to_owned() + mark
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table =
            Table::new([Column::text("PF"), Column::long("DEVICE"), Column::number("VFS")]);
        table.row(["0b:00.0".into(), "Intel 82576 Gigabit Network".into(), "7/7".into()]);
        table.row(["0b:00.1".into(), Cell::none(), "10/7".into()]);
        table
    }

    fn bare(page: Page) -> String {
        let text = table().render(page);
        let mut out = String::new();
        let mut escaped = false;
        for c in text.chars() {
            match c {
                '\u{1b}' => escaped = true,
                'm' if escaped => escaped = false,
                c if !escaped => out.push(c),
                _ => {}
            }
        }
        out
    }

    #[test]
    fn a_pipe_gets_all_of_it() {
        let text = bare(Page { symbols: Symbols::Unicode, width: None });
        assert_eq!(
            text,
            "PF       DEVICE                        VFS\n\
             0b:00.0  Intel 82576 Gigabit Network   7/7\n\
             0b:00.1  -                            10/7\n"
        );
    }

    #[test]
    fn a_narrow_terminal_cuts_what_gives_way() {
        let text = bare(Page { symbols: Symbols::Unicode, width: Some(30) });
        assert!(text.lines().all(|line| line.chars().count() <= 30), "{text}");
        assert!(text.contains("Intel 82576 Gi…   7/7"), "{text}");
        let text = bare(Page { symbols: Symbols::Ascii, width: Some(1) });
        assert!(text.is_ascii() && text.contains("Intel 8~"), "{text}");
    }
}

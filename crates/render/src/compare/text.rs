//! The comparison as text: the answer, the table, what stands in the way, what to type.

use super::{Cell, Comparison, Mark, Reason, Row, Way};
use crate::paint::Tone;
use crate::words::{place, plain, wrap};
use crate::{Page, Symbols};

/// No line is wider than this.
const PAGE_WIDTH: usize = 100;
/// The longest label, and the gap behind it.
const LABEL_WIDTH: usize = 13;
const GAP: usize = 2;
/// How far the text of a cell stands in: a sign and a space.
const INDENT: usize = 2;
/// What four columns leave to each.
const COLUMN_WIDTH: usize = (PAGE_WIDTH - LABEL_WIDTH - 3 * GAP) / 4;
/// In brief, no reason tells more ways to mend it.
const BRIEF_FIXES: usize = 2;

/// How much a text tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The table, and what stands in the ways.
    Brief,
    /// What proves each cell too.
    Full,
}

impl Comparison {
    /// The comparison, its answer first.
    #[must_use]
    pub fn text(&self, page: Page, detail: Detail) -> String {
        let mut text = wrap(&plain(&self.summary), PAGE_WIDTH).join("\n");
        text.push_str(&format!("\n\n{}\n\n", self.subject()));
        let narrow = page.width.is_some_and(|width| width < PAGE_WIDTH);
        if narrow {
            self.push_blocks(page, &mut text);
        } else {
            self.push_table(page.symbols, &mut text);
        }
        self.push_reasons(Writer { symbols: page.symbols, detail }, &mut text);
        if detail == Detail::Full {
            self.push_evidence(&mut text);
        }
        self.push_unseen(&mut text);
        self.push_next(&mut text);
        text
    }

    /// What is compared, in a line; a second one where a VF was asked about.
    fn subject(&self) -> String {
        let device = &self.device;
        let netdev = device.netdev.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        let driver = device.driver.as_deref().unwrap_or("none");
        let place = plain(&format!("{}{netdev}", device.address.short())).into_owned();
        let mut line = format!(
            "{}  {}",
            Tone::Heading.paint(&place),
            plain(&format!("{}, driver {driver}", device.name))
        );
        if let Some(vf) = device.vf.as_ref().filter(|vf| vf.asked) {
            line.push_str(&format!(
                "\nThe VF column is VF {} ({}), the other columns its PF.",
                vf.index,
                vf.address.short()
            ));
        }
        line
    }

    fn push_table(&self, symbols: Symbols, text: &mut String) {
        let heading = |way: Way| {
            let words = format!("{:INDENT$}{}", "", way.heading().to_uppercase());
            vec![Line::new(&words, Tone::Heading)]
        };
        push_lines("", &Way::ALL.map(heading), text);
        let rows = self.questions.iter().filter(|row| row.applies());
        for row in rows {
            if row.starts_part() {
                text.push('\n');
            }
            let columns: Vec<Column> = row.cells.iter().map(|cell| column(cell, symbols)).collect();
            push_lines(row.label, &columns, text);
        }
    }

    /// A terminal that is too narrow for four columns gets them one below the other.
    fn push_blocks(&self, page: Page, text: &mut String) {
        let width = page.width.unwrap_or(PAGE_WIDTH);
        for row in self.questions.iter().filter(|row| row.applies()) {
            text.push_str(&format!("\n{}\n", Tone::Heading.paint(row.label)));
            for cell in &row.cells {
                let (sign, tone) = sign(cell.mark, page.symbols);
                let first = format!("  {:12} ", cell.way.heading());
                let indent = first.chars().count() + 2;
                let said = wrap(&plain(&cell.text), width.saturating_sub(indent).max(8));
                let said = said.join(&format!("\n{:indent$}", ""));
                text.push_str(format!("{first}{} {said}", tone.paint(sign)).trim_end());
                text.push('\n');
            }
        }
    }

    fn push_reasons(&self, writer: Writer, text: &mut String) {
        let told = self.told();
        if told.is_empty() {
            return;
        }
        text.push_str(&format!(
            "\n{}\n",
            Tone::Heading.paint("What stands in the way, and what to mind")
        ));
        for (ways, reason) in &told {
            push_reason(ways, reason, writer, text);
        }
        if writer.detail == Detail::Brief && told.iter().any(|(_, reason)| reason.rule.is_some()) {
            let device = self.device.address.short();
            text.push_str(&format!("  All that doctor saw: virtfn doctor {device} --for vm -v\n"));
        }
    }

    /// Each reason once, with the ways that it concerns, the gravest first.
    pub(super) fn told(&self) -> Vec<(Vec<Way>, &Reason)> {
        let mut told: Vec<(Vec<Way>, &Reason)> = Vec::new();
        for way in &self.ways {
            for reason in &way.reasons {
                match told.iter_mut().find(|(_, known)| *known == reason) {
                    Some((ways, _)) => ways.push(way.way),
                    None => told.push((vec![way.way], reason)),
                }
            }
        }
        told.sort_by_key(|(_, reason)| std::cmp::Reverse(reason.mark));
        told
    }

    fn push_evidence(&self, text: &mut String) {
        text.push_str(&format!("\n{}\n", Tone::Heading.paint("Evidence")));
        for row in &self.questions {
            for cell in row.cells.iter().filter(|cell| !cell.evidence.is_empty()) {
                for one in &cell.evidence {
                    let what = format!("{:LABEL_WIDTH$}{:13}", row.label, cell.way.heading());
                    push_beside(&what, &format!("{} = {}", place(&one.path), one.value), text);
                }
            }
        }
    }

    fn push_unseen(&self, text: &mut String) {
        if self.unseen.is_empty() {
            return;
        }
        text.push_str(&format!("\n{}\n", Tone::Heading.paint("Not seen")));
        for unseen in &self.unseen {
            let object = unseen.address.map_or_else(|| "host".into(), |address| address.short());
            let what = format!("{object:8} {:15}", unseen.what);
            push_beside(&what, &format!("{}: {}", place(&unseen.path), unseen.why), text);
        }
    }

    fn push_next(&self, text: &mut String) {
        if self.ways.iter().all(|way| way.next.is_empty()) {
            return;
        }
        text.push_str(&format!("\n{}\n", Tone::Heading.paint("Next")));
        for way in &self.ways {
            for (number, line) in way.next.iter().enumerate() {
                let heading = if number == 0 { way.way.heading() } else { "" };
                text.push_str(&format!("  {heading:12}  {}\n", plain(line)));
            }
        }
    }
}

impl Row {
    /// Is it the first of a part of the table?
    pub(super) fn starts_part(&self) -> bool {
        super::question::PARTS.contains(&self.question)
    }

    /// Is there a way that can answer?
    pub(super) fn applies(&self) -> bool {
        self.question == "today"
            || self.cells.iter().any(|cell| cell.mark != Some(Mark::DoesNotApply))
    }
}

/// A line of a column: how it is painted, and how wide it is.
#[derive(Default)]
struct Line {
    painted: String,
    width: usize,
}

type Column = Vec<Line>;

impl Line {
    fn new(text: &str, tone: Tone) -> Self {
        Self { painted: tone.paint(text), width: text.chars().count() }
    }
}

fn sign(mark: Option<Mark>, symbols: Symbols) -> (&'static str, Tone) {
    mark.map_or((" ", Tone::Plain), |mark| mark.sign(symbols))
}

/// A cell in lines; those below the first stand in by the width of a sign of one character.
fn column(cell: &Cell, symbols: Symbols) -> Column {
    let (sign, tone) = sign(cell.mark, symbols);
    let own = sign.chars().count();
    let lines = fold(&plain(&cell.text), COLUMN_WIDTH, own + 1);
    let mut lines = lines.into_iter();
    let first = Line::new(&lines.next().unwrap_or_default(), Tone::Plain);
    let first = Line {
        painted: format!("{} {}", tone.paint(sign), first.painted),
        width: own + 1 + first.width,
    };
    let others = lines.map(|line| Line::new(&format!("{:INDENT$}{line}", ""), Tone::Plain));
    std::iter::once(first).chain(others).collect()
}

/// `text` in lines: the first leaves `taken` columns of `width`, the others the indent; a word that is
/// too long breaks behind a hyphen, or anywhere.
fn fold(text: &str, width: usize, taken: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut left = width.saturating_sub(taken);
    for word in text.split(' ') {
        for (number, piece) in pieces(word, width - INDENT).into_iter().enumerate() {
            let Some(line) = lines.last_mut() else { break };
            let gap = usize::from(number == 0 && !line.is_empty());
            let needed = gap + piece.chars().count();
            if needed > left {
                left = (width - INDENT).saturating_sub(needed - gap);
                lines.push(piece);
            } else {
                left -= needed;
                line.push_str(&" ".repeat(gap));
                line.push_str(&piece);
            }
        }
    }
    lines
}

/// A word in pieces that fit: behind its hyphens and slashes where it is too long.
fn pieces(word: &str, width: usize) -> Vec<String> {
    if word.chars().count() <= width {
        return vec![word.to_owned()];
    }
    let cut = |part: &str| {
        let all: Vec<char> = part.chars().collect();
        all.chunks(width).map(|piece| piece.iter().collect()).collect::<Vec<String>>()
    };
    word.split_inclusive(['-', '/', ',']).flat_map(cut).collect()
}

fn push_lines(label: &str, columns: &[Column], text: &mut String) {
    let height = columns.iter().map(Vec::len).max().unwrap_or(0);
    for line in 0..height {
        let label = if line == 0 { label } else { "" };
        text.push_str(&format!("{label:LABEL_WIDTH$}"));
        let mut owed = 0;
        for column in columns {
            let (painted, width) = match column.get(line) {
                Some(line) => (line.painted.as_str(), line.width),
                None => ("", 0),
            };
            if width > 0 {
                text.push_str(&" ".repeat(owed));
                text.push_str(painted);
                owed = 0;
            }
            owed += COLUMN_WIDTH.saturating_sub(width) + GAP;
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
}

/// For whom a reason is written.
#[derive(Clone, Copy)]
struct Writer {
    symbols: Symbols,
    detail: Detail,
}

/// In brief, what a rule saw is its own to show.
fn push_reason(ways: &[Way], reason: &Reason, writer: Writer, text: &mut String) {
    let symbols = writer.symbols;
    let (sign, tone) = reason.mark.sign(symbols);
    let width = symbols.pick("✓", "unknown").chars().count();
    let ways: Vec<&str> = ways.iter().map(|way| way.heading()).collect();
    let object =
        if reason.object == "host" { String::new() } else { format!("{}: ", reason.object) };
    let rule = reason.rule.map(|rule| format!("  ({rule})")).unwrap_or_default();
    let said = format!("{}: {object}{}{rule}", ways.join(", "), reason.summary);
    let indent = 2 + width + 1;
    let lines = wrap(&plain(&said), PAGE_WIDTH - indent).join(&format!("\n{:indent$}", ""));
    text.push_str(&format!("  {} {lines}\n", tone.paint(&format!("{sign:width$}"))));
    let full = writer.detail == Detail::Full;
    let evidence = if full || reason.rule.is_none() { reason.evidence.len() } else { 0 };
    for one in reason.evidence.iter().take(evidence) {
        push_below("evidence", &format!("{} = {}", place(&one.path), one.value), text);
    }
    let fixes = if full { reason.fixes.len() } else { BRIEF_FIXES };
    for fix in reason.fixes.iter().take(fixes) {
        push_below("fix", fix, text);
    }
}

/// What stands beside a fixed column, in as many lines as it needs.
fn push_beside(what: &str, said: &str, text: &mut String) {
    let indent = 2 + what.chars().count() + 1;
    let lines = wrap(&plain(said), PAGE_WIDTH.saturating_sub(indent));
    text.push_str(&format!("  {what} {}\n", lines.join(&format!("\n{:indent$}", ""))));
}

/// More lines of a text keep their place below the first.
fn push_below(what: &str, said: &str, text: &mut String) {
    const INDENT: usize = 8 + 9 + 1;
    for (at, line) in said.lines().enumerate() {
        let what = if at == 0 { what } else { "" };
        let wrapped = wrap(&plain(line), PAGE_WIDTH - INDENT).join(&format!("\n{:INDENT$}", ""));
        text.push_str(format!("        {what:9} {wrapped}").trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cells_lines_fit_its_column() {
        for (text, taken, lines) in [
            ("", 2, &[""][..]),
            ("one two three four five", 2, &["one two three four", "five"]),
            ("iommu-absent-in-firmware (+2)", 2, &["iommu-absent-in-", "firmware (+2)"]),
            // A sign in words leaves less of the first line.
            ("one two three four", 8, &["one two", "three four"]),
            ("abcdefghijklmnopqrstuvwxyz", 2, &["abcdefghijklmnopqr", "stuvwxyz"]),
        ] {
            assert_eq!(fold(text, COLUMN_WIDTH, taken), lines, "{text}");
        }
    }
}

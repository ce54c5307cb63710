//! The topology as text: the answer, then the tree, then why isolation ends where it does.

use super::fold::{Shown, Summary, What, shown};
use super::{End, Node, Topology};
use crate::paint::Tone;
use crate::words::{count, plain, wrap};
use crate::{Cell, Column, Page, Symbols, Table};

/// No sentence is wider than this.
const PAGE_WIDTH: usize = 96;

impl Topology {
    /// The tree, with a sentence first that answers.
    #[must_use]
    pub fn text(&self, page: Page) -> String {
        let mut text = format!("{}\n\n{}", self.summary, self.table(page.symbols).render(page));
        text.push_str(&self.why(page.symbols));
        text.push_str(&self.not_seen());
        text
    }

    fn table(&self, symbols: Symbols) -> Table {
        let mut table = Table::new([
            Column::text("FUNCTION"),
            Column::text("WHAT"),
            Column::text("GROUP"),
            Column::text("ACS"),
            Column::text("LINK"),
            Column::text("DRIVER"),
            Column::long("DEVICE, USERS"),
        ]);
        let shown = shown(self);
        let mut stems: Vec<String> = Vec::new();
        let mut bus = None;
        for one in &shown {
            let Some(node) = self.functions.get(one.what.first()) else { continue };
            let root = self.root_of(node);
            if one.above.is_none() && bus.as_ref() != Some(&root) {
                table.row([Cell::new(&root, Tone::Heading)]);
                bus = Some(root);
            }
            stems.truncate(one.depth);
            let stem = stems.concat();
            stems.push(if one.last { "   " } else { symbols.pick("│  ", "|  ") }.to_owned());
            table.row(self.row(one, node, &stem, symbols));
        }
        table
    }

    /// What a function without a listed bridge hangs on.
    pub(super) fn root_of(&self, node: &Node) -> String {
        let address = node.address;
        match node.parent {
            Some(parent) => format!("below {}, which is not listed", parent.short()),
            None if address.domain() == 0 => format!("root bus {:02x}", address.bus()),
            None => format!("root bus {:04x}:{:02x}", address.domain(), address.bus()),
        }
    }

    fn row(&self, one: &Shown, node: &Node, stem: &str, symbols: Symbols) -> Vec<Cell> {
        let ends = self.end_at(node).is_some();
        let branch = match (ends, one.last) {
            (false, false) => symbols.branch(),
            (false, true) => symbols.last_branch(),
            (true, false) => symbols.pick("├╳ ", "|x "),
            (true, true) => symbols.pick("└╳ ", "`x "),
        };
        let tone = if ends { Tone::Bad } else { Tone::Plain };
        let place = Cell::new(&format!("{stem}{branch}{}", node.address.short()), tone);
        match &one.what {
            What::Function(_) => self.function_row(node, place),
            What::Many(vfs) => fold_row(&Summary::of(self, vfs), place),
        }
    }

    fn function_row(&self, node: &Node, place: Cell) -> Vec<Cell> {
        let acs = match (node.acs.state, node.acs.words.as_str()) {
            ("not-needed", _) => Cell::none(),
            ("unknown", _) => Cell::unknown(),
            ("lacks", words) if self.end_at(node).is_some() => Cell::new(words, Tone::Bad),
            (_, words) => Cell::from(words),
        };
        vec![
            place,
            Cell::from(node.what()),
            Cell::of(self.group_of(node).map(|group| &group.label)),
            acs,
            Cell::of(node.link.as_ref().map(super::Link::words)),
            Cell::of(node.driver.as_deref()),
            Cell::from(device(node)),
        ]
    }

    /// Each end of isolation with its sentences; those of one device as one.
    fn why(&self, symbols: Symbols) -> String {
        let mut text = String::new();
        for end in self.ends.iter().filter(|end| end.same_as.is_none()) {
            let mark = Tone::Bad.paint(symbols.pick("╳", "x"));
            text.push_str(&format!("\n{mark} Isolation ends at {}:\n", self.places_of(end)));
            let sentences = [end.why()].into_iter().chain(end.means.clone());
            let lines = sentences.flat_map(|sentence| wrap(&plain(&sentence), PAGE_WIDTH));
            text.extend(lines.map(|line| format!("  {line}\n")));
        }
        text
    }

    /// `00:1f.0, 00:1f.2 and 00:1f.3`: the place of an end and of those that say the same.
    pub(super) fn places_of(&self, end: &End) -> String {
        let same = self.ends.iter().filter(|other| other.same_as == Some(end.at));
        let same: Vec<String> = same.map(|other| other.at.short()).collect();
        match same.split_last() {
            None => end.at.short(),
            Some((last, [])) => format!("{} and {last}", end.at.short()),
            Some((last, most)) => format!("{}, {} and {last}", end.at.short(), most.join(", ")),
        }
    }

    fn not_seen(&self) -> String {
        let mut text = String::new();
        for (what, said) in [("acs", "the ACS"), ("holders", "the users")] {
            let all: Vec<_> = self.unseen.iter().filter(|unseen| unseen.what == what).collect();
            let Some(first) = all.first() else { continue };
            let of = count(all.len(), "function", "functions");
            text.push_str(&format!(
                "\n{} {said} of {of}: {}\n",
                Tone::Unknown.paint("? Not seen:"),
                plain(&first.why)
            ));
        }
        text
    }
}

/// Its name and interfaces, and who uses it.
fn device(node: &Node) -> String {
    let mut parts: Vec<String> = Vec::new();
    if !node.is_vf() {
        parts.push(node.name.clone());
    }
    parts.extend(node.netdevs.iter().cloned());
    match node.users() {
        None if node.is_vf() || node.vfs.is_some() => parts.push("users not seen".into()),
        Some(users) if !users.is_empty() => parts.push(format!("used by {}", users.join("; "))),
        _ => {}
    }
    parts.join(", ")
}

fn fold_row(fold: &Summary, place: Cell) -> Vec<Cell> {
    let mut note = vec![fold.range.clone(), fold.groups.clone()];
    note.extend(fold.users.clone());
    vec![
        place,
        Cell::from(&fold.count),
        Cell::none(),
        Cell::none(),
        Cell::none(),
        Cell::from(&fold.drivers),
        Cell::from(note.join(", ")),
    ]
}

//! The groups as text: the answer first.

use virtfn_pci::Address;

use super::{Group, Groups, Remedy, Why};
use crate::paint::Tone;
use crate::unseen::Unseen;
use crate::words::{count, place, plain, wrap};
use crate::{Cell, Column, Page, Table};

/// No sentence is wider than this.
const PAGE_WIDTH: usize = 100;
/// Nor a remedy, which is indented.
const REMEDY_WIDTH: usize = 92;
/// No sentence names more functions of other groups.
const MOST_NAMED: usize = 4;

impl Groups {
    /// The groups: a sentence that answers, then a table, then why.
    #[must_use]
    pub fn text(&self, page: Page) -> String {
        if self.groups.is_empty() {
            return self.none();
        }
        let mut text = self.verdict();
        if let Some(rules) = self.predicted_by {
            text.push_str(&format!("\nPredicted by the rules of {rules}, with the IOMMU on."));
        }
        if self.joined_late {
            text.push_str("\nA function joins its group when a driver first tries it.");
        }
        text.push_str("\n\n");
        if self.tree.is_empty() {
            text.push_str(&self.table().render(page));
        } else {
            text.push_str(&self.tree.text(page.symbols));
        }
        for group in &self.groups {
            push_whys(group, &mut text);
        }
        if !self.asked.is_empty() {
            push_remedies(&self.groups, &mut text);
        }
        if self.asked.is_empty() && self.groups.iter().any(|group| !group.why.is_empty()) {
            text.push_str("\nhint: virtfn groups DEVICE says what would part it from the others\n");
        }
        push_unseen(&self.unseen, &mut text);
        text
    }

    fn none(&self) -> String {
        let which = match self.asked.as_slice() {
            [] => "no function here is".to_owned(),
            [one] => format!("{} is not", one.short()),
            many => format!("none of {} is", shorts(many.iter().copied())),
        };
        let no = Tone::Bad.paint("No:");
        if self.predicted_by.is_some() {
            return format!("{no} {which} behind an IOMMU, by the firmware's tables.\n");
        }
        format!(
            "{no} {which} translated by an IOMMU, so there is no group.\nhint: virtfn doctor says why\n\
             hint: virtfn groups --predict says which there would be with the IOMMU on\n"
        )
    }

    fn verdict(&self) -> String {
        let (tone, said) = match self.asked.as_slice() {
            [] => return self.verdict_of_all(),
            [one] => self.verdict_of_one(*one),
            many => self.verdict_of_many(many),
        };
        let word = if tone == Tone::Good { "Yes:" } else { "No:" };
        let lines = wrap(&format!("{word} {said}"), PAGE_WIDTH).join("\n");
        lines.replacen(word, &tone.paint(word), 1)
    }

    fn verdict_of_all(&self) -> String {
        let shared = self.groups.iter().filter(|group| self.guests(group).nth(1).is_some()).count();
        let held: usize = self.groups.iter().map(|group| group.devices.len()).sum();
        let groups = count(self.groups.len(), "IOMMU group", "IOMMU groups");
        let held = count(held, "function", "functions");
        let mut text = match shared {
            0 => format!("{groups} for {held}: no two devices have to go together."),
            1 => format!("{groups} for {held}: in 1 of them devices have to go together."),
            many => format!("{groups} for {held}: in {many} of them devices have to go together."),
        };
        if self.groups.iter().any(|group| !group.reaches.is_empty()) {
            text.push_str(
                "\nSome devices in different groups reach each other through a switch without ACS.",
            );
        }
        if !self.ungrouped.is_empty() {
            let left = count(self.ungrouped.len(), "function is", "functions are");
            text.push_str(&format!("\n{left} in no group."));
        }
        text
    }

    fn verdict_of_one(&self, one: Address) -> (Tone, String) {
        let name = one.short();
        let Some(group) = self.group_of(one) else {
            return (Tone::Bad, format!("{name} is in no group."));
        };
        let id = name_of(group);
        let vfs = self.verdict_of_vfs(one, group).unwrap_or_default();
        let others =
            self.guests(group).filter(|other| *other != one && !self.is_vf_of(*other, one));
        let others: Vec<Address> = others.collect();
        let leak = self.verdict_of_leak(group).unwrap_or_default();
        if others.is_empty() && leak.is_empty() {
            if self.guests(group).nth(1).is_some() {
                let said = format!("{name} and its VFs can only go together: they share {id}.");
                return (Tone::Bad, said);
            }
            return (Tone::Good, format!("{name} is alone in {id}.{vfs}"));
        }
        let together = if others.is_empty() {
            format!("{name} is alone in {id}.")
        } else {
            let others = few(&others);
            format!("{name} can only go together with {others}: they share {id}.")
        };
        (Tone::Bad, format!("{together}{vfs}{leak}"))
    }

    fn is_vf_of(&self, vf: Address, pf: Address) -> bool {
        self.notes.get(&pf).is_some_and(|note| note.vfs.contains(&vf))
    }

    /// What a group's functions reach beyond it.
    fn verdict_of_leak(&self, group: &Group) -> Option<String> {
        (!group.reaches.is_empty()).then(|| {
            let others = few(&group.reaches);
            format!(
                " The kernel has {others} in other groups, and the switch between them has no ACS: \
                 they reach each other past the IOMMU, so all may only go to one VM."
            )
        })
    }

    /// Where a PF's VFs can go.
    fn verdict_of_vfs(&self, pf: Address, own: &Group) -> Option<String> {
        let vfs = &self.notes.get(&pf).filter(|note| !note.vfs.is_empty())?.vfs;
        let number = count(vfs.len(), "VF", "VFs");
        let alone = |vf: &&Address| match self.group_of(**vf) {
            Some(group) => self.guests(group).nth(1).is_none() && group.reaches.is_empty(),
            None => false,
        };
        let joined = vfs.iter().all(|vf| own.devices.contains(vf));
        Some(match vfs.iter().filter(alone).count() {
            all if all == vfs.len() => format!(" Each of its {number} can go to a VM of its own."),
            0 if joined => format!(" Its {number} are in the same group."),
            0 => format!(" Its {number} can only go together with what shares their groups."),
            some => format!(" {some} of its {number} can each go to a VM of their own."),
        })
    }

    fn verdict_of_many(&self, many: &[Address]) -> (Tone, String) {
        let mut told = Vec::new();
        for group in &self.groups {
            let here: Vec<Address> =
                many.iter().copied().filter(|a| group.devices.contains(a)).collect();
            if here.len() > 1 {
                let (who, id) = (shorts(here.iter().copied()), name_of(group));
                told.push(format!("{who} can only go to the same VM. They share {id}."));
            }
            // Each pair is told once, by its lower address.
            let later = |a: &Address| here.first().is_some_and(|first| a > first);
            let reached = many.iter().copied().filter(|a| group.reaches.contains(a));
            let reached: Vec<Address> = reached.filter(later).collect();
            if let ([first, ..], false) = (here.as_slice(), reached.is_empty()) {
                let (first, who) = (first.short(), shorts(reached.into_iter()));
                told.push(format!(
                    "{first} and {who} can only go to the same VM. They are in different groups, and \
                     the switch between them has no ACS: they reach each other past the IOMMU."
                ));
            }
        }
        let lost = many.iter().filter(|address| self.ungrouped.contains(address));
        told.extend(lost.map(|address| format!("{} is in no group.", address.short())));
        if told.is_empty() {
            let who = shorts(many.iter().copied());
            return (Tone::Good, format!("{who} can go to different VMs: no two share a group."));
        }
        (Tone::Bad, told.join(" "))
    }

    fn table(&self) -> Table {
        let mut table = Table::new([
            Column::number("GROUP"),
            Column::text("KIND"),
            Column::text("FUNCTION"),
            Column::text("DRIVER"),
            Column::long("DEVICE"),
        ]);
        for group in &self.groups {
            for (at, address) in group.devices.iter().enumerate() {
                let first = at == 0;
                let note = self.notes.get(address);
                table.row([
                    if first { Cell::of(group.id) } else { Cell::from("") },
                    if first { Cell::of(group.domain.as_deref()) } else { Cell::from("") },
                    Cell::from(address.short()),
                    Cell::of(note.and_then(|note| note.driver.as_deref())),
                    Cell::of(note.map(|note| note.name.as_str())),
                ]);
            }
        }
        table
    }
}

/// A line for each reason, with all the places that it holds for.
fn push_whys(group: &Group, text: &mut String) {
    let mut places: Vec<(&Why, Vec<Address>)> = Vec::new();
    for why in &group.why {
        let same = |(other, _): &&mut (&Why, Vec<Address>)| {
            (&other.reason, &other.missing) == (&why.reason, &why.missing)
        };
        match places.iter_mut().find(same) {
            Some((_, at)) => at.push(why.at),
            None => places.push((why, vec![why.at])),
        }
    }
    for (why, at) in places {
        let missing = match why.missing.as_slice() {
            [] => String::new(),
            missing => format!(" (missing: {})", missing.join(" ")),
        };
        let id = group.id.map_or_else(String::new, |id| format!(" IOMMU group {id}"));
        let at = shorts(at.into_iter());
        text.push_str(&format!(
            "\nWhy{id}: isolation ends at {at}:\n  {}{missing}\n",
            plain(&why.reason)
        ));
    }
}

/// What would part the functions of groups, best first; what only seems to, last and marked.
fn push_remedies(groups: &[Group], text: &mut String) {
    let mut all: Vec<&Remedy> = Vec::new();
    for remedy in groups.iter().flat_map(|group| &group.why).flat_map(|why| &why.remedies) {
        if !all.contains(&remedy) {
            all.push(remedy);
        }
    }
    let (against, sound): (Vec<&Remedy>, Vec<&Remedy>) =
        all.into_iter().partition(|remedy| remedy.lowers_security);
    if !sound.is_empty() {
        text.push_str("\nWhat would part them, best first:\n");
    }
    for (number, remedy) in sound.iter().enumerate() {
        let lines = wrap(&plain(&remedy.text), REMEDY_WIDTH).join("\n     ");
        text.push_str(&format!("  {}. {lines}\n", number + 1));
    }
    for remedy in against {
        text.push_str(&format!("  not advised: {}\n", plain(&remedy.text)));
    }
}

fn push_unseen(unseen: &[Unseen], text: &mut String) {
    for one in unseen {
        let who = one.address.map(Address::short).unwrap_or_default();
        let said = format!("{who} could not be judged: {}: {}", place(&one.path), one.why);
        text.push_str(&format!("\n{} {}", Tone::Unknown.paint("Not sure:"), plain(&said)));
    }
    if !unseen.is_empty() {
        text.push('\n');
    }
    if unseen.iter().any(Unseen::needs_root) {
        text.push_str("hint: root sees it: sudo virtfn groups --predict\n");
    }
}

fn name_of(group: &Group) -> String {
    group.id.map_or_else(|| "a group".to_owned(), |id| format!("IOMMU group {id}"))
}

/// The first few, and how many more.
fn few(addresses: &[Address]) -> String {
    let shown = shorts(addresses.iter().take(MOST_NAMED).copied());
    match addresses.len().saturating_sub(MOST_NAMED) {
        0 => shown,
        more => format!("{} and {more} more", shown.replace(" and ", ", ")),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn shorts(addresses: impl Iterator<Item = Address>) -> String {
    let mut names: Vec<String> = addresses.map(Address::short).collect();
    let Some(last) = names.pop() else { return String::new() };
    if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) }
}

//! The groups as text: the answer first.

use virtfn_pci::Address;

use super::{Group, Groups, Why};
use crate::paint::Tone;
use crate::words::{count, plain};
use crate::{Cell, Column, Page, Table};

impl Groups {
    /// The groups: a sentence that answers, then a table, then why.
    #[must_use]
    pub fn text(&self, page: Page) -> String {
        if self.groups.is_empty() {
            return self.none();
        }
        let mut text = self.verdict();
        text.push_str("\n\n");
        text.push_str(&self.table().render(page));
        for group in &self.groups {
            push_whys(group, &mut text);
        }
        text
    }

    fn none(&self) -> String {
        let which = match self.asked.as_slice() {
            [] => "no function here is".to_owned(),
            [one] => format!("{} is not", one.short()),
            many => format!("none of {} is", shorts(many.iter().copied())),
        };
        format!(
            "{} {which} translated by an IOMMU, so there is no group.\nhint: virtfn doctor says why\n",
            Tone::Bad.paint("No:")
        )
    }

    fn verdict(&self) -> String {
        match self.asked.as_slice() {
            [] => self.verdict_of_all(),
            [one] => self.verdict_of_one(*one),
            many => self.verdict_of_many(many),
        }
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
        if !self.ungrouped.is_empty() {
            let left = count(self.ungrouped.len(), "function is", "functions are");
            text.push_str(&format!("\n{left} in no group."));
        }
        text
    }

    fn verdict_of_one(&self, one: Address) -> String {
        let Some(group) = self.group_of(one) else { return self.none() };
        let others: Vec<Address> = self.guests(group).filter(|other| *other != one).collect();
        let id = name(group);
        if others.is_empty() {
            return format!("{} {} is alone in {id}.", Tone::Good.paint("Yes:"), one.short());
        }
        let others = shorts(others.into_iter());
        let no = Tone::Bad.paint("No:");
        format!("{no} {} can only go together with {others}: they share {id}.", one.short())
    }

    fn verdict_of_many(&self, many: &[Address]) -> String {
        let mut told = Vec::new();
        for group in &self.groups {
            let here: Vec<Address> =
                many.iter().copied().filter(|a| group.devices.contains(a)).collect();
            if here.len() > 1 {
                let (who, id) = (shorts(here.iter().copied()), name(group));
                told.push(format!("{who} can only go to the same VM. They share {id}."));
            }
        }
        let lost = many.iter().filter(|address| self.ungrouped.contains(address));
        told.extend(lost.map(|address| format!("{} is in no group.", address.short())));
        if told.is_empty() {
            let who = shorts(many.iter().copied());
            return format!("{} {who} are in groups of their own.", Tone::Good.paint("Yes:"));
        }
        format!("{} {}", Tone::Bad.paint("No:"), told.join(" "))
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
        let (id, at) = (name(group), shorts(at.into_iter()));
        text.push_str(&format!(
            "\nWhy {id}: isolation ends at {at}:\n  {}{missing}\n",
            plain(&why.reason)
        ));
    }
}

fn name(group: &Group) -> String {
    group.id.map_or_else(|| "an IOMMU group".to_owned(), |id| format!("IOMMU group {id}"))
}

/// `a`, `a and b`, `a, b and c`.
fn shorts(addresses: impl Iterator<Item = Address>) -> String {
    let mut names: Vec<String> = addresses.map(Address::short).collect();
    let Some(last) = names.pop() else { return String::new() };
    if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) }
}

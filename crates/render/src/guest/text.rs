//! What a guest reaches, as text: the answer first.

use virtfn_predict::{Access, Reach};

use super::{Counts, Guest, Note, Region, Register};
use crate::Page;
use crate::doctor::symbol;
use crate::paint::Tone;
use crate::words::{count, plain, size, wrap};

/// No line is wider than this.
const PAGE_WIDTH: usize = 100;

impl Guest {
    /// What a guest reaches: counted first, then register by register.
    #[must_use]
    pub fn text(&self, page: Page) -> String {
        let mut text = self.verdict();
        self.push_registers(
            Reach::Straight,
            "Straight in the hardware: reads and writes",
            &mut text,
        );
        self.push_registers(
            Reach::Filtered,
            "Filtered: written bits reach the hardware, copy bits are VFIO's, at others the kernel acts",
            &mut text,
        );
        self.push_names(Reach::ReadOnly, "Read from the hardware, never written", &mut text);
        self.push_names(Reach::Copy, "VFIO's own copy: the hardware is not touched", &mut text);
        self.push_open(&mut text);
        self.push_regions(&mut text);
        push_notes(&self.beyond, page, &mut text);
        let unseen = self.unseen.iter();
        let unseen = unseen.map(|one| format!("  {:12} {}: {}", one.what, one.path, one.why));
        push_part("Not seen", unseen.collect(), &mut text);
        text
    }

    fn verdict(&self) -> String {
        let at = self.address.short();
        let first = match self.counts {
            None => format!("{at} in a guest: unknown: its config space could not be seen."),
            Some(Counts { straight, filtered, read_only, copy }) => format!(
                "{at} in a guest: {}{} straight in the hardware, {filtered} filtered, {read_only} read \
                 only, {copy} a copy.",
                if self.whole { "" } else { "of its first 64 bytes alone, " },
                count(straight, "register", "registers"),
            ),
        };
        let open = match (self.open_bytes, self.counts) {
            (Some(open), _) => Some(format!(
                "{open} of {} bytes of config space are no listed capability's, and open both ways;",
                self.seen_bytes
            )),
            (None, Some(_)) => Some("What lies behind them is unknown;".to_owned()),
            (None, None) => None,
        };
        let here = self.kernel.as_deref().map(|here| format!(" (here: {})", plain(here)));
        let rules = format!("By the rules of {}{}.", self.rules, here.unwrap_or_default());
        let second = open.into_iter().chain([self.mapped()]).collect::<Vec<_>>().join(" ");
        let lines = [first, second, rules];
        let lines = lines.iter().flat_map(|line| wrap(line, PAGE_WIDTH));
        lines.map(|line| line + "\n").collect()
    }

    fn mapped(&self) -> String {
        let Some(regions) = &self.regions else {
            return "which BARs are straight memory could not be seen.".to_owned();
        };
        let mapped = regions.iter().filter(|one| one.access == Access::Mapped).count();
        format!("{} straight memory.", count(mapped, "BAR is", "BARs are"))
    }

    fn reached(&self, reach: Reach) -> impl Iterator<Item = &Register> {
        self.registers.iter().filter(move |one| one.reach == reach && !one.is_open())
    }

    /// A line a register below what it belongs to, and why.
    fn push_registers(&self, reach: Reach, heading: &str, text: &mut String) {
        let mut lines = Vec::new();
        let mut before = None;
        for one in self.reached(reach) {
            if before != Some(one.owner()) {
                lines.push(format!("  {}", one.owner()));
            }
            before = Some(one.owner());
            let masks = if reach == Reach::Filtered { one.masks() } else { String::new() };
            lines.push(format!("    {:03x} {:>3}  {:26}{masks}", one.at, one.len, one.name));
            let why = one.why.map(|why| wrap(why, PAGE_WIDTH - 13)).unwrap_or_default();
            lines.extend(why.iter().map(|why| format!("{:13}{}", "", Tone::Faint.paint(why))));
        }
        push_part(heading, lines, text);
    }

    /// The names alone, capability by capability.
    fn push_names(&self, reach: Reach, heading: &str, text: &mut String) {
        let mut owners: Vec<(&str, Vec<&str>)> = Vec::new();
        for one in self.reached(reach) {
            match owners.iter_mut().find(|(known, _)| *known == one.owner()) {
                Some((_, names)) => names.push(one.name),
                None => owners.push((one.owner(), vec![one.name])),
            }
        }
        let mut lines = Vec::new();
        for (owner, names) in owners {
            lines.push(format!("  {owner}"));
            let said = wrap(&names.join(", "), PAGE_WIDTH - 4);
            lines.extend(said.iter().map(|said| format!("    {said}")));
        }
        push_part(heading, lines, text);
    }

    fn push_open(&self, text: &mut String) {
        let mut lines = Vec::new();
        for one in self.registers.iter().filter(|one| one.is_open()) {
            let last = one.at + (one.len - 1);
            let whose = match (&one.capability, one.reach) {
                (Some(id), Reach::Straight) => {
                    format!("{id}: left out of the guest's list, and reached all the same")
                }
                (Some(id), _) => {
                    format!("{id}: left out of the guest's list, which goes on from here")
                }
                (None, Reach::Straight) => "no capability's".to_owned(),
                (None, _) => one.name.to_owned(),
            };
            lines.push(format!("  {:03x}-{last:03x} {:>5}  {whose}", one.at, one.len));
        }
        push_part(
            "In no table of VFIO's: reads and writes go straight to the hardware",
            lines,
            text,
        );
    }

    fn push_regions(&self, text: &mut String) {
        let regions = self.regions.iter().flatten().flat_map(lines_of_region);
        push_part("Memory and ports", regions.collect(), text);
    }
}

impl Register {
    fn is_open(&self) -> bool {
        matches!(self.place, "hidden" | "none")
    }

    fn owner(&self) -> &str {
        self.capability.as_deref().unwrap_or("Header")
    }

    fn masks(&self) -> String {
        let said = [("written", &self.straight), ("copy", &self.copy), ("acts", &self.acted)];
        let said = said.iter().filter(|(_, mask)| *mask != "none");
        said.map(|(word, mask)| format!("{word} {mask}")).collect::<Vec<_>>().join(", ")
    }
}

fn lines_of_region(region: &Region) -> Vec<String> {
    let access = match region.access {
        Access::Mapped => "mapped: the guest's loads and stores are the device's, nobody looks on",
        Access::MappedIfPageFree => "less than a page: mapped if the rest of that page is free",
        Access::DependsOnPage => "mapped or not by the size of a page here, which is not known",
        Access::Calls => "through the VMM, access by access, unchanged",
        Access::ReadCalls => "read through the VMM, never written",
    };
    let mut lines = vec![format!("  {:6} {:>9}  {access}", region.name, size(region.size))];
    for held in &region.holds {
        let (what, fate) = match held.what {
            "msi-x-table" => (
                "MSI-X table",
                "QEMU lays its own over it; to a VMM that does not, interrupt remapping is what keeps it harmless",
            ),
            _ => ("MSI-X pending bits", "read only, by their kind"),
        };
        let place = format!("{what} at {:#x}, {} bytes: {fate}", held.offset, held.size);
        lines.extend(wrap(&place, PAGE_WIDTH - 20).iter().map(|said| format!("{:20}{said}", "")));
    }
    lines
}

fn push_notes(notes: &[Note], page: Page, text: &mut String) {
    let mut lines = Vec::new();
    for note in notes {
        let (mark, tone) = match note.verdict {
            Some(verdict) => symbol(verdict, page.symbols),
            None => (page.symbols.pick("·", "-"), Tone::Faint),
        };
        for (number, said) in wrap(&plain(&note.summary), PAGE_WIDTH - 17).iter().enumerate() {
            lines.push(if number == 0 {
                format!("  {} {:12} {said}", tone.paint(mark), note.about)
            } else {
                format!("    {:12} {said}", "")
            });
        }
    }
    push_part("Beyond config space", lines, text);
}

fn push_part(heading: &str, lines: Vec<String>, text: &mut String) {
    if lines.is_empty() {
        return;
    }
    text.push_str(&format!("\n{}\n", Tone::Heading.paint(heading)));
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

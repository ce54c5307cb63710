//! One function's decoding held against lspci's text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use virtfn_pci::{Bar, Capability, CapabilityId, ConfigSpace, Found, Oddity, Place, Walk, Width};

use crate::facts::{self, Fact};
use crate::lspci::{Block, Text};

/// What was compared, and what differed.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) functions: usize,
    /// Functions that lspci itself stumbled over.
    pub(crate) given_up: usize,
    pub(crate) capabilities: usize,
    pub(crate) fields: usize,
    pub(crate) labels: BTreeSet<String>,
    pub(crate) differences: Vec<String>,
    /// Flags that lspci prints and we do not decode, with how often.
    pub(crate) not_ours: BTreeMap<String, usize>,
}

/// What lspci prints and virtfn has no field for.
const NOT_DECODED: [&str; 4] = [
    // Reserved, or 0 by definition: it starts the reset when written.
    "DevCtl: FLReset",
    "DevCtl: BrConfRtry",
    // Lightweight notification was withdrawn from the specification.
    "DevCap2: LN",
    "AFCtrl: FLR",
];

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.functions += other.functions;
        self.given_up += other.given_up;
        self.capabilities += other.capabilities;
        self.fields += other.fields;
        self.labels.extend(other.labels);
        self.differences.extend(other.differences);
        for (name, count) in other.not_ours {
            *self.not_ours.entry(name).or_default() += count;
        }
    }

    /// Fails unless everything agreed and at least `fields` were there to agree.
    pub(crate) fn must_hold(&self, fields: usize) {
        let shown: Vec<_> = self.differences.iter().take(20).cloned().collect();
        assert!(shown.is_empty(), "{} differ:\n{}", self.differences.len(), shown.join("\n"));
        let unknown: Vec<_> =
            self.not_ours.keys().filter(|name| !NOT_DECODED.contains(&name.as_str())).collect();
        assert!(unknown.is_empty(), "lspci prints flags that we do not know: {unknown:?}");
        assert!(self.fields >= fields, "only {} fields were compared", self.fields);
    }

    fn equal(&mut self, what: &str, ours: &str, theirs: &str) {
        self.fields += 1;
        if ours != theirs {
            self.differences.push(format!("{what}: ours `{ours}`, lspci `{theirs}`"));
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { functions, capabilities, fields, given_up, .. } = self;
        write!(
            f,
            "{functions} functions, {capabilities} capabilities, {fields} fields compared; \
             lspci gave up on {given_up}"
        )
    }
}

pub(crate) fn function(config: &ConfigSpace, text: &Text, tally: &mut Tally) {
    tally.functions += 1;
    let walk = config.capabilities();
    let header = config.header().expect("a whole header");
    tally.equal("title", &facts::title(&header), text.title.split(" (prog-if").next().unwrap());
    let facts = facts::header(&header, &walk);
    for line in &text.header {
        let fact = facts.iter().find(|fact| line.starts_with(fact.label));
        if let Some(fact) = fact {
            compare_line(fact, line, tally);
        }
    }
    let pairs = upper_halves(&header.bars());
    let lines = text.header.iter().filter(|line| !pairs.iter().any(|p| line.starts_with(p)));
    regions(&facts::regions(&header.bars()), lines.cloned().collect(), tally);
    capabilities(&walk, text, tally);
}

fn capabilities(walk: &Walk, text: &Text, tally: &mut Tally) {
    let readable = |block: &&Block| block.offset.is_some() && !block.title.starts_with("<chain");
    let blocks: Vec<_> = text.capabilities.iter().filter(readable).collect();
    let (ours, theirs): (Vec<_>, Vec<_>) =
        (walk.found.iter().collect(), blocks.iter().filter(|block| readable(block)).collect());
    // lspci looks for extended capabilities behind a PCI Express or PCI-X capability alone.
    let pci_x = CapabilityId::Standard(0x07);
    let looks_on = ours.iter().any(|found| [CapabilityId::EXPRESS, pci_x].contains(&found.id));
    let ours: Vec<_> =
        ours.into_iter().filter(|found| looks_on || found.version.is_none()).collect();
    for list in [false, true] {
        let ours: Vec<_> = ours.iter().filter(|found| found.version.is_some() == list).collect();
        let theirs: Vec<_> =
            theirs.iter().filter(|block| block.version.is_some() == list).collect();
        let place = |offset, version: Option<u8>| format!("{offset:#x} v{version:?}");
        let places: Vec<_> = ours.iter().map(|f| place(f.offset, f.version)).collect();
        let mut wanted: Vec<_> =
            theirs.iter().map(|b| place(b.offset.expect("readable"), b.version)).collect();
        // lspci goes on where no capability can be; we stop there and say so.
        let stopped = |oddity: &Oddity| matches!(oddity, Oddity::OutOfPlace { .. });
        if walk.oddities.iter().any(stopped) && places.len() < wanted.len() {
            wanted.truncate(places.len());
        }
        tally.equal("capability list", &places.join(", "), &wanted.join(", "));
        for (found, block) in ours.iter().zip(&theirs) {
            capability(found, block, tally);
        }
    }
}

fn capability(found: &Found, block: &Block, tally: &mut Tally) {
    tally.capabilities += 1;
    if matches!(found.body, Capability::Cut | Capability::Named) {
        return;
    }
    let facts = facts::capability(found);
    let mut lines = vec![format!("= {}", block.title)];
    for line in &block.lines {
        let starts_anew =
            line.starts_with("Region ") || facts.iter().any(|f| line.starts_with(f.label));
        if starts_anew {
            lines.push(line.clone());
        } else {
            let last = lines.last_mut().expect("the title");
            last.push(' ');
            last.push_str(line);
        }
    }
    for line in &lines {
        if let Some(fact) = facts.iter().find(|fact| line.starts_with(fact.label)) {
            compare_line(fact, line, tally);
        }
    }
    if let Capability::Sriov(sriov) = &found.body {
        regions(&facts::vf_regions(&sriov.vf_bars()), lines, tally);
    }
}

fn compare_line(fact: &Fact, line: &str, tally: &mut Tally) {
    if fact.skipped {
        return;
    }
    tally.labels.insert(fact.label.to_owned());
    for (before, value) in &fact.phrases {
        if let Some((_, after)) = line.split_once(before.as_str()) {
            let theirs: String = after.chars().take(value.len()).collect();
            tally.equal(&format!("{} {before}", fact.label), value, &theirs);
        }
    }
    for token in line.split_whitespace().map(|token| token.trim_end_matches([',', ';'])) {
        let Some(name) = token.strip_suffix(['+', '-']) else { continue };
        match fact.flags.iter().find(|(flag, _)| *flag == name) {
            Some((_, set)) => {
                let ours = format!("{name}{}", if *set { '+' } else { '-' });
                tally.equal(fact.label, &ours, token);
            }
            None if name.is_empty() || name.contains('(') => {}
            None => {
                *tally.not_ours.entry(format!("{} {name}", fact.label)).or_default() += 1;
            }
        }
    }
}

/// lspci 3.9 prints the upper half of a 64-bit register, where it is not zero, as a region of its
/// own, of whatever type its low bits happen to spell.
fn upper_halves(bars: &[Bar]) -> Vec<String> {
    let wide = |bar: &&Bar| matches!(bar.place, Place::Memory { width: Width::Bits64, .. });
    bars.iter().filter(wide).map(|bar| format!("Region {}:", bar.index + 1)).collect()
}

/// Regions are compared as a list, so that none is missing on either side.
fn regions(ours: &[String], lines: Vec<String>, tally: &mut Tally) {
    let theirs: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("Region "))
        .map(|line| line.split(" [").next().unwrap_or_default().to_owned())
        .collect();
    tally.equal("regions", &ours.join("; "), &theirs.join("; "));
}

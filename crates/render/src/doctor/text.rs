//! The findings as text: the verdict, then what is wrong with its evidence and fix.

use std::collections::BTreeMap;

use virtfn_doctor::{Finding, Object, RULES, Readiness, Verdict, Weight};
use virtfn_pci::Address;

use super::{Detail, Doctor};
use crate::paint::Tone;
use crate::words::{count, place, plain, wrap};
use crate::{Page, Symbols};

/// Wide enough for the labels of all rules and for an address with its name.
const LABEL_WIDTH: usize = 18;
/// No sentence is wider than this.
const PAGE_WIDTH: usize = 100;

impl Doctor {
    /// The findings: the verdict first.
    #[must_use]
    pub fn text(&self, page: Page, detail: Detail) -> String {
        let tone = match self.verdict.readiness {
            Readiness::Ready => Tone::Good,
            Readiness::NotReady => Tone::Bad,
            Readiness::Unsure => Tone::Unknown,
        };
        let line = plain(&self.summary);
        let (word, rest) = line.split_once(':').unwrap_or((&line, ""));
        let colon = if rest.is_empty() { "" } else { ":" };
        let mut text = format!("{}{rest}\n", tone.paint(&format!("{word}{colon}")));
        let writer = Writer { doctor: self, symbols: page.symbols, detail };
        text.push_str(&writer.host());
        text.push_str(&writer.devices());
        text.push_str(&writer.unjudged());
        text
    }
}

struct Writer<'a> {
    doctor: &'a Doctor,
    symbols: Symbols,
    detail: Detail,
}

impl Writer<'_> {
    fn host(&self) -> String {
        let findings = self.doctor.findings.iter().filter(|finding| finding.object == Object::Host);
        let mut text = String::new();
        for finding in findings.filter(|finding| self.is_worth_a_line(finding)) {
            self.push(&label(finding), finding, &mut text);
        }
        part("Host", &text)
    }

    /// Advice that nobody could judge is no reason to worry: a count says that it is there.
    fn unjudged(&self) -> String {
        match self.doctor.verdict.unjudged {
            0 => String::new(),
            _ if self.detail == Detail::Full => String::new(),
            1 => "\n1 rule that only advises could not be judged: see virtfn doctor -v\n".into(),
            many => {
                format!(
                    "\n{many} rules that only advise could not be judged: see virtfn doctor -v\n"
                )
            }
        }
    }

    /// A function of which all is well is one line; else a line for each thing that is not.
    fn devices(&self) -> String {
        let mut by_device: BTreeMap<Address, Vec<&Finding>> = BTreeMap::new();
        for finding in &self.doctor.findings {
            if let Some(address) = finding.object.address() {
                by_device.entry(address).or_default().push(finding);
            }
        }
        let (vfs, others): (Vec<_>, Vec<_>) =
            by_device.into_iter().partition(|(address, _)| self.doctor.pfs.contains_key(address));
        let mut text = String::new();
        for (address, findings) in others {
            self.push_device(address, &findings, &mut text);
        }
        self.push_vfs(vfs, &mut text);
        part("Devices", &text)
    }

    fn push_device(&self, address: Address, findings: &[&Finding], text: &mut String) {
        let name = self.doctor.names.get(&address).map_or("", String::as_str);
        if let Some((verdict, rule)) = in_one(findings) {
            self.push_line(verdict, &address.short(), name, &rule, text);
        }
        for finding in findings.iter().filter(|finding| self.shows(finding)) {
            self.push(&format!("{} {}", address.short(), label(finding)), finding, text);
        }
    }

    /// VFs of which a rule says the same are one line: a PF may have hundreds.
    fn push_vfs(&self, vfs: Vec<(Address, Vec<&Finding>)>, text: &mut String) {
        let mut quiet: BTreeMap<(Address, Verdict, String), usize> = BTreeMap::new();
        let mut same: BTreeMap<(Verdict, &str, String), Vec<&Finding>> = BTreeMap::new();
        for (address, findings) in vfs {
            if let Some((verdict, rule)) = in_one(&findings) {
                let pf = self.doctor.pfs.get(&address).copied().unwrap_or(address);
                *quiet.entry((pf, verdict, rule)).or_default() += 1;
            }
            for finding in findings.into_iter().filter(|finding| self.shows(finding)) {
                let said = finding.summary.replace(&address.short(), "it");
                same.entry((finding.verdict, finding.rule, said)).or_default().push(finding);
            }
        }
        for ((pf, verdict, rule), number) in quiet {
            let what = format!("{} of {}", count(number, "VF", "VFs"), pf.short());
            let said = if verdict == Verdict::Pass { "ready" } else { "not to be judged yet" };
            self.push_line(verdict, &what, said, &rule, text);
        }
        for findings in same.into_values() {
            let Some(first) = findings.first() else { continue };
            let place = match findings.len() {
                1 => first.object.short(),
                many => format!("{} and {} more", first.object.short(), many - 1),
            };
            self.push(&place, first, text);
        }
    }

    /// In brief, what passes of a device is folded into its one line.
    fn shows(&self, finding: &Finding) -> bool {
        self.detail == Detail::Full || !is_harmless(finding)
    }

    /// In brief, advice is told only where it is not followed.
    fn is_worth_a_line(&self, finding: &Finding) -> bool {
        let is_advice = finding.weight() != Weight::Requirement;
        let is_idle =
            finding.verdict == Verdict::NotApplicable || (is_advice && is_harmless(finding));
        self.detail == Detail::Full || !is_idle
    }

    fn push(&self, label: &str, finding: &Finding, text: &mut String) {
        let open = !is_harmless(finding);
        let rule = match finding.because {
            Some(cause) => format!("follows from {cause}"),
            None if open || self.detail == Detail::Full => finding.rule.to_owned(),
            None => String::new(),
        };
        self.push_line(finding.verdict, label, &finding.summary, &rule, text);
        if open || self.detail == Detail::Full {
            for evidence in &finding.evidence {
                let said = format!("{} = {}", place(&evidence.path), evidence.value);
                push_below("evidence", &said, text);
            }
            for fix in &finding.fixes {
                push_below("fix", fix, text);
            }
        }
    }

    fn push_line(&self, verdict: Verdict, label: &str, said: &str, rule: &str, text: &mut String) {
        let (symbol, tone) = symbol(verdict, self.symbols);
        let width = self.symbols.pick("✓", "unknown").chars().count();
        let first =
            format!("  {} {:LABEL_WIDTH$} ", tone.paint(&format!("{symbol:width$}")), plain(label));
        let indent = 2 + width + 1 + LABEL_WIDTH.max(label.chars().count()) + 1;
        let said = if rule.is_empty() {
            plain(said).into_owned()
        } else {
            format!("{}  ({rule})", plain(said))
        };
        let lines = wrap(&said, PAGE_WIDTH.saturating_sub(indent));
        text.push_str(format!("{first}{}", lines.join(&format!("\n{:indent$}", ""))).trim_end());
        text.push('\n');
    }
}

/// A function of which nothing is wrong in itself: it passes, or another rule's failure has to be
/// mended before anything can be said of it.
fn in_one(findings: &[&Finding]) -> Option<(Verdict, String)> {
    if !findings.iter().all(|finding| is_harmless(finding)) {
        return None;
    }
    let cause = findings.iter().find_map(|finding| finding.because);
    Some(cause.map_or((Verdict::Pass, String::new()), |cause| {
        (Verdict::NotApplicable, format!("follows from {cause}"))
    }))
}

/// Is there nothing to do about it?
pub(super) fn is_harmless(finding: &Finding) -> bool {
    matches!(finding.verdict, Verdict::Pass | Verdict::NotApplicable) || is_unjudged(finding)
}

fn is_unjudged(finding: &Finding) -> bool {
    finding.verdict == Verdict::Unknown && finding.weight() != Weight::Requirement
}

pub(crate) fn symbol(verdict: Verdict, symbols: Symbols) -> (&'static str, Tone) {
    match verdict {
        Verdict::Pass => (symbols.pick("✓", "ok"), Tone::Good),
        Verdict::Warn => (symbols.pick("!", "warn"), Tone::Warn),
        Verdict::Fail => (symbols.pick("✗", "FAIL"), Tone::Bad),
        Verdict::Unknown => (symbols.pick("?", "unknown"), Tone::Unknown),
        Verdict::NotApplicable => (symbols.pick("–", "-"), Tone::Faint),
    }
}

/// What a line about a finding starts with: its rule's word for it.
pub(super) fn label(finding: &Finding) -> String {
    let rule = RULES.iter().find(|rule| rule.id == finding.rule);
    rule.map_or(finding.rule, |rule| rule.label).to_owned()
}

/// More lines of a text keep their place below the first.
fn push_below(what: &str, said: &str, text: &mut String) {
    for (at, line) in said.lines().enumerate() {
        let what = if at == 0 { what } else { "" };
        text.push_str(format!("        {what:9} {}", plain(line)).trim_end());
        text.push('\n');
    }
}

fn part(heading: &str, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("\n{}\n{text}", Tone::Heading.paint(heading))
}

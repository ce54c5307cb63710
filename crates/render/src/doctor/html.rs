//! The findings as a page to send to somebody: the verdict, what is wrong and what mends it, the
//! machine drawn, its facts. One file, without a script or anything from elsewhere.

use std::collections::BTreeMap;

use virtfn_doctor::{Finding, Verdict};
use virtfn_host::{Host, Seen};

use super::Doctor;
use super::text::{is_harmless, label, symbol};
use crate::markup::escape;
use crate::topology::{Topology, page};
use crate::words::{count, place};
use crate::{Symbols, paint};

/// No finding names more objects than this.
const MOST_OBJECTS: usize = 8;

impl Doctor {
    /// The page, with the host's picture and facts.
    #[must_use]
    pub fn html(&self, host: &Host, topology: &Topology) -> String {
        let alike = alike(&self.findings);
        let (quiet, open): (Vec<_>, Vec<_>) =
            alike.iter().partition(|same| same.iter().all(|finding| is_harmless(finding)));
        let mut body = format!("<main>\n<h1>{}</h1>\n", escape(&self.summary));
        if !open.is_empty() {
            body.push_str("<h2>To be minded</h2>\n");
        }
        for same in open {
            push_finding(same, &mut body);
        }
        body.push_str(&format!("<h2>Topology</h2>\n{}", topology.figure()));
        body.push_str("<h2>Facts</h2>\n");
        push_facts(host, &mut body);
        push_quiet(&quiet, &mut body);
        body.push_str("</main>\n");
        page("virtfn doctor", &body)
    }
}

/// Findings that say the same of different objects, the gravest first: a PF may have hundreds of
/// VFs.
fn alike(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    type Key<'a> = (std::cmp::Reverse<Verdict>, usize, &'a str, String);
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    let mut alike: BTreeMap<Key<'_>, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        let next = rules.len();
        let order = *rules.entry(finding.rule).or_insert(next);
        let said = finding.summary.replace(&finding.object.short(), "it");
        let key = (std::cmp::Reverse(finding.verdict), order, finding.rule, said);
        alike.entry(key).or_default().push(finding);
    }
    alike.into_values().collect()
}

fn push_finding(same: &[&Finding], body: &mut String) {
    let Some(first) = same.first() else { return };
    push_headline(same, body);
    let evidence: Vec<String> =
        first.evidence.iter().map(|one| format!("{} = {}", place(&one.path), one.value)).collect();
    push_list("ul", "Seen", &evidence, body);
    push_list("ol", "What mends it", &first.fixes, body);
    body.push_str("</section>\n");
}

/// The verdict, of what, and what it says.
fn push_headline(same: &[&Finding], body: &mut String) {
    let Some(first) = same.first() else { return };
    let (sign, tone) = symbol(first.verdict, Symbols::Unicode);
    let (word, _) = symbol(first.verdict, Symbols::Ascii);
    let class = match tone {
        paint::Tone::Bad => "bad",
        paint::Tone::Warn => "warn",
        paint::Tone::Unknown => "unknown",
        _ => "quiet",
    };
    body.push_str(&format!(
        "<section class=\"finding {class}\">\n<h3><span class=\"verdict\">{sign} {}</span> {} · {}\
         </h3>\n<p>{}</p>\n<p class=\"rule\">{}</p>\n",
        escape(word),
        escape(&label(first)),
        escape(&objects(same)),
        escape(&first.summary),
        escape(&format!("rule {0}: virtfn explain {0}", first.rule)),
    ));
}

fn objects(same: &[&Finding]) -> String {
    let mut names: Vec<String> =
        same.iter().take(MOST_OBJECTS).map(|finding| finding.object.short()).collect();
    if same.len() > MOST_OBJECTS {
        names.push(format!("{} more", same.len() - MOST_OBJECTS));
    }
    names.join(", ")
}

/// Lines that keep their breaks: a fix may be a file to write.
fn push_list(kind: &str, heading: &str, items: &[String], body: &mut String) {
    if items.is_empty() {
        return;
    }
    body.push_str(&format!("<h4>{heading}</h4>\n<{kind}>\n"));
    for item in items {
        let lines: Vec<String> = item.lines().map(escape).collect();
        body.push_str(&format!("<li><pre>{}</pre></li>\n", lines.join("\n")));
    }
    body.push_str(&format!("</{kind}>\n"));
}

/// What passes or does not apply, folded away.
fn push_quiet(quiet: &[&Vec<&Finding>], body: &mut String) {
    let passes = quiet.iter().filter(|same| {
        let verdict = same.first().map(|finding| finding.verdict);
        verdict == Some(Verdict::Pass)
    });
    body.push_str(&format!(
        "<h2>All else that was asked</h2>\n<details><summary>{} passed, {} not to be asked or not \
         seen and of little weight</summary>\n<table>\n",
        count(passes.clone().count(), "check", "checks"),
        quiet.len() - passes.count()
    ));
    for same in quiet {
        let Some(first) = same.first() else { continue };
        let (sign, _) = symbol(first.verdict, Symbols::Unicode);
        let follows =
            first.because.map(|rule| format!(" (follows from {rule})")).unwrap_or_default();
        body.push_str(&format!(
            "<tr><td>{sign}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            escape(first.rule),
            escape(&objects(same)),
            escape(&format!("{}{follows}", first.summary))
        ));
    }
    body.push_str("</table>\n</details>\n");
}

fn push_facts(host: &Host, body: &mut String) {
    let tables = match &host.firmware.acpi {
        Seen::Known(tables) => tables.keys().cloned().collect::<Vec<_>>().join(" "),
        other => in_words(other, |_| String::new()),
    };
    let cpu = in_words(&host.kernel.cpu, |cpu| {
        let vendor = cpu.vendor.as_deref().unwrap_or("vendor not said");
        format!("{}, {vendor}", cpu.machine)
    });
    let facts = [
        ("Machine", in_words(&host.firmware.product, Clone::clone)),
        ("Processor", cpu),
        ("Kernel", in_words(&host.kernel.release, Clone::clone)),
        ("Command line", in_words(&host.kernel.command_line, |line| line.trim().to_owned())),
        ("IOMMUs that run", in_words(&host.kernel.iommus, |all| all.join(" "))),
        ("Firmware's tables", tables),
    ];
    body.push_str("<table>\n");
    for (what, said) in facts {
        let said = if said.is_empty() { "none".to_owned() } else { said };
        body.push_str(&format!("<tr><th>{what}</th><td>{}</td></tr>\n", escape(&said)));
    }
    body.push_str("</table>\n");
}

fn in_words<T>(seen: &Seen<T>, said: impl Fn(&T) -> String) -> String {
    match seen {
        Seen::Known(value) => said(value),
        Seen::Absent => "none".into(),
        Seen::Unreadable(unreadable) => format!("not seen: {}", unreadable.why),
    }
}

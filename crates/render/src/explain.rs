//! `virtfn explain`: a rule's page, or the table of rules.

use serde::Serialize;
use virtfn_doctor::{Provoked, Rule};

use crate::paint::Tone;
use crate::{Cell, Column, Document, Page, Table};

/// `virtfn.explain/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Explain {
    schema: &'static str,
    /// The rules: the one that was asked about, or all.
    pub rules: Vec<Explained>,
}

/// One rule.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Explained {
    /// Its name.
    pub id: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// The uses that it matters for: `vm`, `dpdk`, `container`.
    pub matters_for: Vec<&'static str>,
    /// The rules whose failure explains its own.
    pub follows: Vec<&'static str>,
    /// Where the lab makes the fault and sees it fire; none: it was not provoked, and hosts written
    /// after what is documented fire it.
    pub provoked: Option<&'static str>,
    /// Its page, in Markdown.
    pub page: &'static str,
}

impl Document for Explain {
    const SCHEMA: &'static str = "virtfn.explain/1";
}

impl Explain {
    /// The pages of these rules.
    pub fn of<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Self {
        let explained = |rule: &Rule| Explained {
            id: rule.id,
            title: rule.title(),
            matters_for: rule.matters_for.words().collect(),
            follows: rule.follows.to_vec(),
            provoked: match rule.provoked() {
                Provoked::InLab(place) => Some(place),
                Provoked::Fixture => None,
            },
            page: rule.page,
        };
        Self { schema: Self::SCHEMA, rules: rules.into_iter().map(explained).collect() }
    }

    /// Their pages, one after the other.
    #[must_use]
    pub fn pages(&self) -> String {
        self.rules
            .iter()
            .map(|rule| paint_page(rule.page) + &proof(rule))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// All of them as one page of documentation, in Markdown: a list of their titles, then each.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::from(HEAD);
        for rule in &self.rules {
            let proved = if rule.provoked.is_some() { "" } else { " (not provoked)" };
            text += &format!("- [`{0}`](#{0}): {1}{proved}\n", rule.id, rule.title);
        }
        for rule in &self.rules {
            let body = rule.page.lines().skip(1).collect::<Vec<_>>().join("\n");
            // What stands below a rule's own heading is one level deeper here.
            let body = body.trim().replace("\n## ", "\n### ");
            let uses = rule.matters_for.join(", ");
            text += &format!(
                "\n## {}\n\n**{}.** Matters for {uses}.\n\n{body}\n{}",
                rule.id,
                rule.title,
                proof(rule)
            );
        }
        text
    }

    /// A table of them.
    #[must_use]
    pub fn table(&self, page: Page) -> String {
        let mut table =
            Table::new([Column::text("RULE"), Column::text("FOR"), Column::long("ABOUT")]);
        for rule in &self.rules {
            table.row([
                Cell::from(rule.id),
                Cell::from(rule.matters_for.join(" ")),
                Cell::from(rule.title),
            ]);
        }
        table.render(page)
    }
}

/// What the page of all rules starts with.
const HEAD: &str = "\
# The rules of `virtfn doctor`

Written from the rules themselves (`UPDATE=1 cargo test -p virtfn-cli --test schemas`); `virtfn explain
RULE` prints the same. A rule that is marked *not provoked* was tested on hosts that were written after
what is documented of the fault; every other one was seen to fire on a machine that runs, and to be quiet
when the fault was mended. What no rule judges, and why, is in [doctor.md](doctor.md).

";

/// How it is known that the rule fires when it should.
fn proof(rule: &Explained) -> String {
    match rule.provoked {
        Some(place) => format!("\nProvoked on a running machine: {place} of the lab.\n"),
        None => "\nNot provoked on a running machine: tested on hosts written after what is documented.\n"
            .to_owned(),
    }
}

/// Markdown as it stands, its headings marked by weight rather than by signs.
fn paint_page(page: &str) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest) => Tone::Heading.paint(rest.trim_start_matches('#').trim_start()) + "\n",
        None => format!("{line}\n"),
    };
    page.lines().map(line).collect()
}

//! The comparison as a page: the answer, the ways drawn, the table, what stands in the way. One file,
//! without a script or anything from elsewhere.

use super::{Cell, Comparison, Mark, Reason, Row, Way};
use crate::Symbols;
use crate::markup::escape;
use crate::topology::page_styled;
use crate::words::place;

/// What no other page has.
const STYLE: &str = "\
main{max-width:1040px}
.ways{width:100%;margin:8px 0}
.ways th,.ways td{padding:6px 12px 6px 0;border-top:1px solid #d0d7de;width:22%}
.ways th:first-child{width:12%}
.ways thead th{border-top:0}
.ways .part>*{border-top:2px solid #8b949e}
.sign{flex:none;width:1.4em;font-weight:600}
.yes .sign{color:#1f6f54}
.partly .sign{color:#8a5a00}
.maybe .sign{color:#6f3fc4}
.no .sign{color:#b42318}
.says{display:flex}
code{font:12px/1.5 ui-monospace,'DejaVu Sans Mono',monospace}
.scroll{padding-bottom:0}
@media (prefers-color-scheme:dark){
.ways th,.ways td{border-top-color:#30363d}
.ways .part>*{border-top-color:#6e7681}
.yes .sign{color:#5fd0a5}
.partly .sign{color:#e3b341}
.maybe .sign{color:#b392f0}
.no .sign{color:#ff8f80}
}
@media print{.scroll{overflow:visible}}
";

impl Comparison {
    /// The page.
    #[must_use]
    pub fn html(&self) -> String {
        let (first, rest) = self.summary.split_once(". ").unwrap_or((&self.summary, ""));
        let first = first.trim_end_matches('.');
        let mut body = format!("<main>\n<h1>{}</h1>\n", escape(first));
        if !rest.is_empty() {
            body.push_str(&format!("<p>{}</p>\n", escape(rest)));
        }
        self.html_device(&mut body);
        body.push_str(&format!("<div class=\"scroll\">\n{}</div>\n", self.svg()));
        self.html_table(&mut body);
        self.html_reasons(&mut body);
        self.html_next(&mut body);
        self.html_unseen(&mut body);
        self.html_evidence(&mut body);
        body.push_str("</main>\n");
        page_styled(&format!("virtfn compare {}", self.device.address.short()), STYLE, &body)
    }

    fn html_device(&self, body: &mut String) {
        let device = &self.device;
        let mut parts = vec![device.address.to_string(), device.name.clone()];
        parts.push(device.class_name.to_owned());
        parts.push(format!("driver {}", device.driver.as_deref().unwrap_or("none")));
        parts.extend(device.netdev.as_ref().map(|name| format!("interface {name}")));
        parts.extend(device.iommu_group.map(|group| format!("IOMMU group {group}")));
        if let Some(vf) = device.vf.as_ref().filter(|vf| vf.asked) {
            parts.push(format!(
                "the VF column is VF {} ({}), the others its PF",
                vf.index,
                vf.address.short()
            ));
        }
        body.push_str(&format!("<p class=\"rule\">{}</p>\n", escape(&parts.join(" · "))));
    }

    fn html_table(&self, body: &mut String) {
        body.push_str("<table class=\"ways\">\n<thead><tr><th></th>");
        for way in Way::ALL {
            body.push_str(&format!("<th>{}</th>", way.heading()));
        }
        body.push_str("</tr></thead>\n<tbody>\n");
        for row in self.questions.iter().filter(|row| row.applies()) {
            push_row(row, body);
        }
        body.push_str("</tbody>\n</table>\n");
    }

    fn html_reasons(&self, body: &mut String) {
        let told = self.told();
        if told.is_empty() {
            return;
        }
        body.push_str("<h2>What stands in the way, and what to mind</h2>\n");
        for (ways, reason) in told {
            push_reason(&ways, reason, body);
        }
    }

    fn html_next(&self, body: &mut String) {
        if self.ways.iter().all(|way| way.next.is_empty()) {
            return;
        }
        body.push_str("<h2>Next</h2>\n<table>\n");
        for way in self.ways.iter().filter(|way| !way.next.is_empty()) {
            let lines: Vec<String> = way.next.iter().map(|line| escape(line)).collect();
            body.push_str(&format!(
                "<tr><th>{}</th><td><pre>{}</pre></td></tr>\n",
                way.way.heading(),
                lines.join("\n")
            ));
        }
        body.push_str("</table>\n");
    }

    fn html_unseen(&self, body: &mut String) {
        if self.unseen.is_empty() {
            return;
        }
        body.push_str("<h2>Not seen</h2>\n<table>\n");
        for unseen in &self.unseen {
            let object = unseen.address.map_or_else(|| "host".into(), |address| address.short());
            let said = format!("{}: {}", place(&unseen.path), unseen.why);
            body.push_str(&format!(
                "<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                escape(&object),
                escape(unseen.what),
                escape(&said)
            ));
        }
        body.push_str("</table>\n");
    }

    /// What proves each cell, folded away.
    fn html_evidence(&self, body: &mut String) {
        body.push_str(
            "<h2>Evidence</h2>\n<details><summary>what proves each cell</summary>\n<table>\n",
        );
        for row in &self.questions {
            for cell in &row.cells {
                for one in &cell.evidence {
                    let said = format!("{} = {}", place(&one.path), one.value);
                    body.push_str(&format!(
                        "<tr><td>{}</td><td>{}</td><td><code>{}</code></td></tr>\n",
                        row.label,
                        cell.way.heading(),
                        escape(&said)
                    ));
                }
            }
        }
        body.push_str("</table>\n</details>\n");
    }
}

const fn class(mark: Option<Mark>) -> &'static str {
    match mark {
        Some(Mark::Yes) => "yes",
        Some(Mark::Partly) => "partly",
        Some(Mark::Unknown) => "maybe",
        Some(Mark::No) => "no",
        Some(Mark::DoesNotApply) | None => "plain",
    }
}

fn push_row(row: &Row, body: &mut String) {
    let part = if row.starts_part() { " class=\"part\"" } else { "" };
    body.push_str(&format!("<tr{part}><th title=\"{}\">{}</th>", escape(row.asks), row.label));
    for cell in &row.cells {
        push_cell(cell, body);
    }
    body.push_str("</tr>\n");
}

/// The sign's word is there for who does not see it.
fn push_cell(cell: &Cell, body: &mut String) {
    let (sign, word) =
        cell.mark.map_or(("", ""), |mark| (mark.sign(Symbols::Unicode).0, mark.word()));
    body.push_str(&format!(
        "<td class=\"{}\"><div class=\"says\"><span class=\"sign\" title=\"{word}\">{sign}</span>\
         <span>{}</span></div></td>",
        class(cell.mark),
        escape(&cell.text)
    ));
}

fn push_reason(ways: &[Way], reason: &Reason, body: &mut String) {
    let (sign, _) = reason.mark.sign(Symbols::Unicode);
    let class = match reason.mark {
        Mark::No => "bad",
        Mark::Partly => "warn",
        _ => "unknown",
    };
    let ways: Vec<&str> = ways.iter().map(|way| way.heading()).collect();
    body.push_str(&format!(
        "<section class=\"finding {class}\">\n<h3><span class=\"verdict\">{sign}</span> {} · {}</h3>\n\
         <p>{}</p>\n",
        escape(&ways.join(", ")),
        escape(&reason.object),
        escape(&reason.summary)
    ));
    if let Some(rule) = reason.rule {
        body.push_str(&format!(
            "<p class=\"rule\">rule {0}: virtfn explain {0}</p>\n",
            escape(rule)
        ));
    }
    let evidence = reason.evidence.iter();
    let evidence: Vec<String> =
        evidence.map(|one| format!("{} = {}", place(&one.path), one.value)).collect();
    push_list("ul", "Seen", &evidence, body);
    push_list("ol", "What mends it", &reason.fixes, body);
    body.push_str("</section>\n");
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

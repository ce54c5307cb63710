//! What is wrong with a text that is not well-formed XML, as the person who wrote it sees it.
//!
//! A parser tells where it could not go on, which is often far from the slip: an element that is
//! never closed shows at the end of another. So the text is gone through once more, tag by tag, for
//! what people do: an end left out, a value without quotes, a bare `&`.

use std::ops::Range;

use roxmltree::Error;

use super::document::at;
use crate::fault::Fault;

/// The first slip in a text that the parser refused with `error`.
pub(super) fn diagnose(text: &str, error: &Error) -> Fault {
    Scan { text, at: 0, open: Vec::new() }.slip().unwrap_or_else(|| told_by_parser(text, error))
}

fn told_by_parser(text: &str, error: &Error) -> Fault {
    let why = match error {
        Error::NoRootNode => "nothing in it that would be XML".into(),
        Error::DtdDetected => "a document type: none is wanted here".into(),
        Error::NodesLimitReached | Error::AttributesLimitReached => "too much of it".into(),
        Error::NamespacesLimitReached => "too many namespaces".into(),
        error => {
            let told = error.to_string();
            let position = told.rfind(" at ").unwrap_or(told.len());
            format!("no XML: {}", &told[..position])
        }
    };
    let place = error.pos();
    let line = usize::try_from(place.row).unwrap_or(1).max(1) - 1;
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let column = usize::try_from(place.col).unwrap_or(1).max(1) - 1;
    let rest = text.get(before..).unwrap_or_default();
    let within = rest.char_indices().nth(column).map_or(rest.len(), |(byte, _)| byte);
    Fault::new(at(text, before + within..before + within), why)
}

/// An element that is open: its name, its start tag, and whether something is in it.
struct Open<'a> {
    name: &'a str,
    tag: Range<usize>,
    has_content: bool,
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Open<'a>>,
}

/// Deeper documents are nobody's.
const MAX_DEPTH: usize = 256;

impl<'a> Scan<'a> {
    fn slip(&mut self) -> Option<Fault> {
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            let Some(start) = rest.find(['<', '&']) else { break };
            let begin = self.at + start;
            if !rest[..start].trim().is_empty() {
                self.note_content();
            }
            let rest = &self.text[begin..];
            let fault = if rest.starts_with('&') {
                self.at = begin + 1;
                self.bare_ampersand(begin)
            } else if let Some(length) = skipped(rest) {
                self.at = begin + length;
                None
            } else if rest.starts_with("</") {
                self.end_tag(begin)
            } else {
                self.start_tag(begin)
            };
            if fault.is_some() || self.open.len() > MAX_DEPTH {
                return fault;
            }
        }
        self.never_closed()
    }

    fn note_content(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.has_content = true;
        }
    }

    fn fault(&self, range: Range<usize>, why: String, write: String) -> Fault {
        Fault::new(at(self.text, range), why).hint(Some(write))
    }

    /// `&` that begins no entity.
    fn bare_ampersand(&self, begin: usize) -> Option<Fault> {
        let rest = &self.text[begin + 1..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '#').unwrap_or(rest.len());
        if end > 0 && rest[end..].starts_with(';') {
            return None;
        }
        Some(self.fault(begin..begin + 1, "a bare `&`".into(), "write &amp;".into()))
    }

    fn start_tag(&mut self, begin: usize) -> Option<Fault> {
        self.note_content();
        let name = name_at(self.text, begin + 1);
        if name.is_empty() {
            let write = "write &lt; where the character is meant".into();
            return Some(self.fault(begin..begin + 1, "a bare `<`".into(), write));
        }
        let mut at = begin + 1 + name.len();
        loop {
            let rest = &self.text[at..];
            at += rest.len() - rest.trim_start().len();
            let rest = &self.text[at..];
            if rest.starts_with("/>") {
                self.at = at + 2;
                return None;
            }
            if rest.starts_with('>') {
                let tag = begin..at + 1;
                self.open.push(Open { name, tag, has_content: false });
                self.at = at + 1;
                return None;
            }
            match self.attribute(at, begin, name) {
                Ok(end) => at = end,
                Err(fault) => return Some(fault),
            }
        }
    }

    /// Where an attribute ends that begins at `at`, in the tag that begins at `begin`.
    fn attribute(&self, at: usize, begin: usize, tag: &str) -> Result<usize, Fault> {
        let key = name_at(self.text, at);
        if key.is_empty() {
            let why = format!("<{tag}> does not end: there is no `>`");
            return Err(self.fault(
                begin..begin + 1 + tag.len(),
                why,
                format!("write <{tag} …/> or <{tag} …>"),
            ));
        }
        let rest = self.text[at + key.len()..].trim_start();
        let Some(rest) = rest.strip_prefix('=') else {
            let why = format!("`{key}` has no value");
            return Err(self.fault(at..at + key.len(), why, format!("write {key}='…'")));
        };
        let rest = rest.trim_start();
        let value = self.text.len() - rest.len();
        let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'));
        let Some(quote) = quote else {
            let end = rest.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(rest.len());
            let word = rest[..end].trim_end_matches('/');
            let why = format!("`{}` is not in quotes", short(word));
            return Err(self.fault(
                value..value + word.len().max(1),
                why,
                format!("write {key}='{}'", short(word)),
            ));
        };
        let inside = &rest[1..];
        // No value of ours spans lines, or holds a tag: the quote was left out.
        let end = inside.find([quote, '<']).filter(|end| inside[*end..].starts_with(quote));
        let Some(end) = end else {
            let word = inside.split(['<', '>', '/', '\n']).next().unwrap_or_default().trim_end();
            let why = format!("the quote that opens `{key}` is never closed");
            return Err(self.fault(
                value..value + 1 + word.len(),
                why,
                format!("write {key}={quote}{}{quote}", short(word)),
            ));
        };
        match inside[..end].find('&').and_then(|found| self.bare_ampersand(value + 1 + found)) {
            Some(fault) => Err(fault),
            None => Ok(value + 1 + end + 1),
        }
    }

    fn end_tag(&mut self, begin: usize) -> Option<Fault> {
        let rest = &self.text[begin..];
        let name = name_at(self.text, begin + 2);
        let length = rest.find('>').map_or(rest.len(), |end| end + 1);
        self.at = begin + length;
        let Some(nearest) = self.open.last() else {
            let why = format!("</{name}> ends nothing: all before it is ended");
            return Some(self.fault(begin..self.at, why, "leave it out".into()));
        };
        if nearest.name == name {
            self.open.pop();
            self.note_content();
            return None;
        }
        match self.open.iter().rposition(|open| open.name == name) {
            Some(outer) => Some(self.unclosed(&self.open[outer + 1])),
            None => Some(self.fault(
                begin..self.at,
                format!("</{name}> ends nothing: <{}> is open here", nearest.name),
                format!("write </{}>", nearest.name),
            )),
        }
    }

    /// At the end of the text: what is still open.
    fn never_closed(&self) -> Option<Fault> {
        let innermost = self.open.last()?;
        let first = self.open.iter().find(|open| is_leaf(open.name));
        Some(self.unclosed(first.unwrap_or(innermost)))
    }

    fn unclosed(&self, open: &Open<'_>) -> Fault {
        let name = open.name;
        let why = format!("<{name}> is never closed");
        let write = if is_leaf(name) || !open.has_content {
            let tag = self.text.get(open.tag.clone()).unwrap_or_default();
            let inside = tag.trim_end_matches('>').trim_end();
            let line = inside.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("write {line}/>")
        } else {
            format!("write </{name}> where it ends")
        };
        self.fault(open.tag.clone(), why, write)
    }
}

/// Elements of devices that have attributes and nothing in them.
fn is_leaf(name: &str) -> bool {
    matches!(
        name,
        "mac"
            | "tag"
            | "address"
            | "driver"
            | "boot"
            | "rom"
            | "alias"
            | "model"
            | "parameters"
            | "teaming"
            | "pf"
            | "link"
            | "target"
            | "mtu"
    )
}

/// How long a comment, a declaration or the like is that stands at the front; one that does not end
/// goes on to the end of the text.
fn skipped(rest: &str) -> Option<usize> {
    let ends = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">")];
    let (_, end) = ends.into_iter().find(|(start, _)| rest.starts_with(start))?;
    Some(rest.find(end).map_or(rest.len(), |at| at + end.len()))
}

fn name_at(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or_default();
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    &rest[..rest.find(|c| !part(c)).unwrap_or(rest.len())]
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests;

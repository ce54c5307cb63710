//! What stands in the box of a function, and what is told to whoever looks closer.

use super::fold::{Summary, What};
use super::{End, Node, Topology};
use crate::words::wrap;

/// No line of a box has more characters; the whole is told to whoever looks closer.
const MOST_CHARS: usize = 36;
/// Sentences below a box break here.
const SENTENCE_CHARS: usize = 42;
/// No box names more users than this.
const MOST_USERS: usize = 2;

/// How a line of a box is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// The first: where it is.
    Head,
    /// Its name and the like.
    Plain,
    /// Of less weight.
    Faint,
    /// It keeps requests apart.
    Good,
    /// It does not, or somebody uses it.
    Strong,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) tone: Tone,
}

/// The content of a box.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Panel {
    /// In the box.
    pub(super) lines: Vec<Line>,
    /// Below it: why isolation ends here.
    pub(super) sentences: Vec<Line>,
    /// To whoever looks closer.
    pub(super) details: Vec<String>,
    /// Is it a bridge's or a port's?
    pub(super) port: bool,
}

impl Panel {
    pub(super) fn root(name: &str) -> Self {
        let lines = vec![line("root complex", Tone::Head), line(name, Tone::Faint)];
        Self { lines, ..Self::default() }
    }

    pub(super) fn of(topology: &Topology, what: &What) -> Self {
        match what {
            What::Many(all) => Self::of_many(topology, all),
            What::Function(at) => topology
                .functions
                .get(*at)
                .map(|node| Self::of_function(topology, node))
                .unwrap_or_default(),
        }
    }

    fn of_function(topology: &Topology, node: &Node) -> Self {
        let end = topology.end_at(node).filter(|end| end.same_as.is_none());
        let sentences = end.map(|end| sentences(topology, end)).unwrap_or_default();
        let (lines, details) = (lines(topology, node), details(topology, node));
        Self { lines, sentences, details, port: node.bridge }
    }

    fn of_many(topology: &Topology, vfs: &[usize]) -> Self {
        let fold = Summary::of(topology, vfs);
        let mut lines = vec![
            line(&fold.count, Tone::Head),
            line(&fold.range, Tone::Faint),
            line(&fold.drivers, Tone::Plain),
            line(&fold.groups, Tone::Faint),
        ];
        lines.extend(fold.users.map(|users| line(&users, Tone::Strong)));
        let nodes = vfs.iter().filter_map(|at| topology.functions.get(*at));
        let details = nodes.map(|vf| of_vf(topology, vf)).collect();
        Self { lines, details, ..Self::default() }
    }
}

fn line(text: &str, tone: Tone) -> Line {
    Line { text: shortened(text), tone }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= MOST_CHARS {
        return text.to_owned();
    }
    let kept: String = text.chars().take(MOST_CHARS - 1).collect();
    format!("{}…", kept.trim_end())
}

fn lines(topology: &Topology, node: &Node) -> Vec<Line> {
    let mut lines = vec![line(&format!("{}  {}", node.address.short(), node.what()), Tone::Head)];
    if !node.bridge && !node.is_vf() {
        lines.push(line(&node.name, Tone::Plain));
    }
    // A port's own driver says nothing: every port has it.
    let driver = node.driver.as_deref().filter(|driver| !node.bridge || *driver != "pcieport");
    let names: Vec<&str> = node.netdevs.iter().map(String::as_str).chain(driver).collect();
    if !names.is_empty() {
        lines.push(line(&names.join(" · "), Tone::Plain));
    } else if !node.bridge {
        lines.push(line("no driver", Tone::Faint));
    }
    if node.acs.matters() {
        let ends = topology.end_at(node).is_some();
        let tone = match node.acs.state {
            "isolates" => Tone::Good,
            "lacks" if ends => Tone::Strong,
            _ => Tone::Faint,
        };
        lines.push(line(&node.acs.sentence(), tone));
    }
    lines.extend(
        node.link.as_ref().map(|link| line(&format!("link {}", link.words()), Tone::Faint)),
    );
    lines.extend(user_lines(node));
    lines
}

fn user_lines(node: &Node) -> Vec<Line> {
    let Some(users) = node.users() else { return Vec::new() };
    let more = users.len().saturating_sub(MOST_USERS);
    let shown = users.iter().take(MOST_USERS);
    let mut lines: Vec<Line> =
        shown.map(|user| line(&format!("used by {user}"), Tone::Plain)).collect();
    if more > 0 {
        lines.push(line(&format!("and {more} more"), Tone::Faint));
    }
    lines
}

fn sentences(topology: &Topology, end: &End) -> Vec<Line> {
    let places = topology.places_of(end);
    let here = if places == end.at.short() { "here".to_owned() } else { format!("at {places}") };
    let set = |sentence: &str, tone| {
        let lines = wrap(sentence, SENTENCE_CHARS).into_iter();
        lines.map(move |text| Line { text, tone }).collect::<Vec<_>>()
    };
    let mut lines = set(&format!("Isolation ends {here}:"), Tone::Strong);
    lines.extend(set(&end.why(), Tone::Plain));
    lines.extend(end.means.iter().flat_map(|sentence| set(sentence, Tone::Plain)));
    lines
}

fn details(topology: &Topology, node: &Node) -> Vec<String> {
    let mut details = vec![node.address.to_string(), node.name.clone(), node.class.to_owned()];
    details.extend(node.kind.map(|kind| kind.to_string()));
    details.extend(topology.group_of(node).map(super::Group::name));
    details.extend(node.driver.as_ref().map(|driver| format!("driver {driver}")));
    if node.acs.matters() {
        details.push(node.acs.sentence());
    }
    details.extend(node.registers.iter().cloned());
    match node.users() {
        None => details.push("users: not seen".into()),
        Some(users) => details.extend(users.iter().map(|user| format!("used by {user}"))),
    }
    details
}

/// A function in a line, where it is one of many.
fn of_vf(topology: &Topology, vf: &Node) -> String {
    let mut parts = vec![vf.address.short(), vf.what()];
    parts.extend((!vf.is_vf()).then(|| vf.name.clone()));
    parts.push(vf.driver.clone().unwrap_or_else(|| "no driver".into()));
    parts.extend(vf.netdevs.iter().cloned());
    parts.extend(topology.group_of(vf).map(super::Group::name));
    match vf.users() {
        None => parts.extend(vf.is_vf().then(|| "users not seen".to_owned())),
        Some(users) => parts.extend(users.iter().map(|user| format!("used by {user}"))),
    }
    parts.join("  ")
}

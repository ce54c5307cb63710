//! YAML: a document as a tree in which every node knows where it stands.
//!
//! Anchors and aliases are taken; an alias counts as often as it is used, so that a small file
//! cannot become a large tree. Tags other than YAML's own are refused, since nothing here would
//! heed them.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};

use crate::fault::{At, Fault};

/// A policy for 8 PFs of 256 VFs, each spelt out with every attribute, has some 50,000.
const MAX_NODES: usize = 200_000;
/// A policy is six levels deep, netplan's files seven.
const MAX_DEPTH: usize = 32;

/// What is no such document, and where.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) at: At,
    pub(crate) why: String,
}

impl Broken {
    fn new(at: At, why: impl Into<String>) -> Self {
        Self { at, why: why.into() }
    }
}

impl From<Broken> for Fault {
    fn from(broken: Broken) -> Self {
        Self::new(broken.at, broken.why)
    }
}

/// A part of the document.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) value: Value,
    /// Is it a list or mapping in brackets or braces?
    pub(crate) flow: bool,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A word, as it was written; `quoted` where quotes make it a text in any case.
    Scalar { text: String, quoted: bool },
    /// A list.
    List(Vec<Node>),
    /// Keys and values, in the order in which they were written.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// What it is, for a person.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar { text, quoted: false } if is_null(text) => "nothing",
            Value::Scalar { .. } => "a word",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// Is nothing written there?
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, quoted: false } if is_null(text))
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

impl Node {
    /// The text of a word, as it was written.
    pub(crate) fn word(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Is it a mapping?
    pub(crate) const fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    /// The items of a list; a word is a list of one.
    pub(crate) fn words(&self) -> Vec<&str> {
        match &self.value {
            Value::List(items) => items.iter().filter_map(Self::word).collect(),
            _ => self.word().into_iter().collect(),
        }
    }

    /// The keys and values of a mapping, where the keys are words; nothing for what is none.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &Self)> {
        let pairs = match &self.value {
            Value::Map(pairs) => pairs.as_slice(),
            Value::Scalar { .. } | Value::List(_) => &[],
        };
        pairs.iter().filter_map(|(key, value)| Some((key.word()?, value)))
    }

    /// The value of a key, where this is a mapping that has it.
    pub(crate) fn at_key(&self, key: &str) -> Option<&Self> {
        self.pairs().find_map(|(name, value)| (name == key).then_some(value))
    }
}

/// The document in `text`; `None` when there is nothing but comments.
///
/// # Errors
/// What is no YAML, or more than one document, or too much of it.
pub(crate) fn parse(text: &str) -> Result<Option<Node>, Broken> {
    let mut tree = Tree { anchors: HashMap::new(), nodes: 0 };
    let mut events = Parser::new_from_str(text);
    let mut root = None;
    while let Some(next) = events.next() {
        let (event, span) = next.map_err(|error| broken(&error))?;
        match event {
            Event::DocumentStart(..) if root.is_some() => {
                return Err(Broken::new(at(&span), "a second document, where one is meant"));
            }
            event if event.is_node() => root = Some(tree.node(&mut events, event, &span, 0)?),
            _ => {}
        }
    }
    Ok(root.filter(|node| !node.is_null()))
}

struct Tree {
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl Tree {
    fn node<'a>(
        &mut self,
        events: &mut impl Iterator<Item = Result<(Event<'a>, Span), granit_parser::ScanError>>,
        event: Event<'a>,
        span: &Span,
        depth: usize,
    ) -> Result<Node, Broken> {
        let mut place = at(span);
        if depth > MAX_DEPTH {
            return Err(Broken::new(place, "too deep"));
        }
        self.count(1, &place)?;
        if let Some(tag) = event.tag().filter(|tag| !tag.is_yaml_core_schema()) {
            return Err(Broken::new(
                place,
                format!("the tag {} means nothing here", tag.original()),
            ));
        }
        let anchor = event.anchor_id();
        let mut flow = false;
        let value = match event {
            Event::Alias(id) => return self.alias(id, &place),
            Event::Scalar(text, style, ..) => Value::Scalar {
                text: text.into_owned(),
                quoted: !matches!(style, ScalarStyle::Plain),
            },
            Event::SequenceStart(style, ..) => {
                flow = style == StructureStyle::Flow;
                Value::List(self.items(events, &mut place, flow, depth)?)
            }
            Event::MappingStart(style, ..) => {
                flow = style == StructureStyle::Flow;
                let nodes = self.items(events, &mut place, flow, depth)?;
                Value::Map(in_pairs(nodes)?)
            }
            _ => return Err(Broken::new(place, "neither a word, a list nor a mapping")),
        };
        let node = Node { at: place, value, flow };
        if let Some(id) = anchor {
            self.anchors.insert(id, node.clone());
        }
        Ok(node)
    }

    /// The nodes of a list or a mapping, and where it ends: at its bracket, or with its last node.
    fn items<'a>(
        &mut self,
        events: &mut impl Iterator<Item = Result<(Event<'a>, Span), granit_parser::ScanError>>,
        place: &mut At,
        flow: bool,
        depth: usize,
    ) -> Result<Vec<Node>, Broken> {
        let mut nodes: Vec<Node> = Vec::new();
        while let Some(next) = events.next() {
            let (event, span) = next.map_err(|error| broken(&error))?;
            match event {
                Event::SequenceEnd | Event::MappingEnd => {
                    let inner = nodes.last().map_or(place.bytes.end, |node| node.at.bytes.end);
                    place.bytes.end = if flow { at(&span).bytes.end } else { inner };
                    return Ok(nodes);
                }
                event if event.is_node() => {
                    nodes.push(self.node(events, event, &span, depth + 1)?);
                }
                _ => {}
            }
        }
        Err(Broken::new(place.clone(), "has no end"))
    }

    /// The anchored node once more. It keeps the place where it was written, which is where a
    /// fault in it is to be mended.
    fn alias(&mut self, id: usize, place: &At) -> Result<Node, Broken> {
        let node = self.anchors.get(&id).cloned();
        let node =
            node.ok_or_else(|| Broken::new(place.clone(), "an alias of nothing, or of itself"))?;
        self.count(size(&node), place)?;
        Ok(node)
    }

    fn count(&mut self, nodes: usize, place: &At) -> Result<(), Broken> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return Err(Broken::new(place.clone(), "too much"));
        }
        Ok(())
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar { .. } => 0,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(pairs) => pairs.iter().map(|(key, value)| size(key) + size(value)).sum(),
    }
}

/// Keys and values, which the parser tells in turn.
fn in_pairs(nodes: Vec<Node>) -> Result<Vec<(Node, Node)>, Broken> {
    let mut pairs = Vec::with_capacity(nodes.len() / 2);
    let mut nodes = nodes.into_iter();
    while let Some(key) = nodes.next() {
        let Some(value) = nodes.next() else {
            return Err(Broken::new(key.at, "a key without a value"));
        };
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn at(span: &Span) -> At {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    At {
        bytes: span.byte_range().unwrap_or_default(),
        line: number(span.start.line()),
        column: number(span.start.col().saturating_add(1)),
    }
}

fn broken(error: &granit_parser::ScanError) -> Broken {
    let mark = error.marker();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let byte = mark.byte_offset().unwrap_or_default();
    let at = At { bytes: byte..byte, line: number(mark.line()), column: number(mark.col() + 1) };
    Broken::new(at, format!("no YAML: {}", error.info()))
}

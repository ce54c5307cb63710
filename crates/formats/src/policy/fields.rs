//! Values out of nodes: each kind of value is read in one place, and every fault is kept.

use std::str::FromStr;

use crate::fault::Fault;
use crate::yaml::{Node, Value};

/// Faults, as they are found: reading goes on, so that a person sees all of them at once.
#[derive(Default)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

/// More faults than this are a file of another kind.
const MAX_FAULTS: usize = 50;

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        if self.0.len() < MAX_FAULTS {
            self.0.push(fault);
        }
    }

    /// The fields of a mapping, by the names that it may have; unknown and repeated names are
    /// faults, with the name that was probably meant.
    pub(crate) fn fields<'a, const N: usize>(
        &mut self,
        node: &'a Node,
        what: &str,
        names: [&str; N],
    ) -> Option<[Option<&'a Node>; N]> {
        let Value::Map(pairs) = &node.value else {
            let why = format!("{what} is {}, and a mapping is meant", node.kind());
            let fault = Fault::new(node.at.clone(), why);
            self.add(fault.hint(Some(format!("its keys: {}", names.join(", ")))));
            return None;
        };
        let mut found = [None; N];
        for (key, value) in pairs {
            let text = key.word().unwrap_or_default();
            match names.iter().position(|name| *name == text) {
                Some(at) if found[at].is_some() => {
                    self.add(Fault::new(key.at.clone(), format!("`{text}` is there twice")));
                }
                // Nothing after the colon is nothing said.
                Some(at) => found[at] = (!value.is_null()).then_some(value),
                None => self.unknown(key, text, what, &names),
            }
        }
        Some(found)
    }

    fn unknown(&mut self, key: &Node, text: &str, what: &str, names: &[&str]) {
        let shown: String = text.chars().take(64).collect();
        let fault = Fault::new(key.at.clone(), format!("{what} has no `{shown}`"));
        let meant = nearest(text, names).map(|name| format!("`{name}` is meant?"));
        self.add(fault.hint(meant.or_else(|| Some(format!("its keys: {}", names.join(", "))))));
    }

    /// The items of a list.
    pub(crate) fn items<'a>(&mut self, node: &'a Node, what: &str) -> &'a [Node] {
        match &node.value {
            Value::List(items) => items,
            _ => {
                let why = format!("{what} is {}, and a list is meant", node.kind());
                let hint = "each entry begins with a dash: - match: { pci: \"0000:0b:00.0\" }";
                self.add(Fault::new(node.at.clone(), why).hint(Some(hint.into())));
                &[]
            }
        }
    }

    /// A value that is written as one word.
    pub(crate) fn value<T>(&mut self, node: Option<&Node>, what: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        self.word(node?, what, |text| text.parse().map_err(|error: T::Err| error.to_string()))
    }

    /// A value that is written as one word, by a reader of its own.
    pub(crate) fn word<T>(
        &mut self,
        node: &Node,
        what: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Some(text) = node.word() else {
            let why = format!("`{what}` is {}, and one word is meant", node.kind());
            self.add(Fault::new(node.at.clone(), why));
            return None;
        };
        match read(text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.add(Fault::new(node.at.clone(), format!("`{what}`: {why}")));
                None
            }
        }
    }
}

/// The name that is at most three letters off.
fn nearest<'a>(text: &str, names: &[&'a str]) -> Option<&'a str> {
    let text: String = text.chars().take(64).collect::<String>().to_lowercase().replace('-', "_");
    let far = |name: &&str| virtfn_host::distance(&text, name);
    names.iter().copied().min_by_key(far).filter(|name| far(name) <= 3 && far(name) < name.len())
}

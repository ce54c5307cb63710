//! A machine's files, held in memory: what a recording unpacks to.

use std::collections::{BTreeMap, BTreeSet};

use virtfn_host::{Reason, Seen, Unreadable};

use crate::path::{self, components};

/// What is at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A file and its bytes.
    File(Vec<u8>),
    /// A symbolic link and its text.
    Link(String),
    /// A folder.
    Folder,
    /// Something that whoever recorded it could not read.
    Unreadable(Reason),
}

/// Files by path, `/`-separated and relative to the root.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    nodes: BTreeMap<String, Node>,
    /// The names in each folder.
    names: BTreeMap<String, BTreeSet<String>>,
}

/// Longer chains of links are loops; the kernel's own limit is 40.
const MAX_LINKS: usize = 40;

impl Tree {
    /// Puts `node` at `path`, and folders above it.
    pub(crate) fn insert(&mut self, path: &str, node: Node) {
        let path: String = components(path).collect::<Vec<_>>().join("/");
        let mut below = path.as_str();
        while !below.is_empty() {
            let above = path::parent(below);
            let names = self.names.entry(above.to_owned()).or_default();
            if !names.insert(path::last(below).to_owned()) {
                break;
            }
            if !above.is_empty() {
                self.nodes.entry(above.to_owned()).or_insert(Node::Folder);
            }
            below = above;
        }
        if node != Node::Folder || !self.nodes.contains_key(&path) {
            self.nodes.insert(path, node);
        }
    }

    /// Every path and what is there, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// What is at `path`, the links on the way (and, with `follow`, at its end) followed.
    fn find(&self, path: &str, follow: bool) -> Option<(String, &Node)> {
        let mut wanted: Vec<String> = components(path).rev().map(str::to_owned).collect();
        let mut here = String::new();
        let mut links = 0;
        while let Some(part) = wanted.pop() {
            let next = path::join(&here, &part)?;
            match self.nodes.get(&next) {
                Some(Node::Link(text)) if follow || !wanted.is_empty() => {
                    links += 1;
                    if links > MAX_LINKS {
                        return None;
                    }
                    here = if text.starts_with('/') { String::new() } else { here };
                    wanted.extend(components(text).rev().map(str::to_owned));
                }
                Some(_) => here = next,
                None if next.is_empty() => here = next,
                None => return None,
            }
        }
        let node = self.nodes.get(&here)?;
        Some((here, node))
    }

    pub(crate) fn read(&self, path: &str) -> Seen<&[u8]> {
        match self.find(path, true) {
            Some((_, Node::File(bytes))) => Seen::Known(bytes),
            Some((path, Node::Unreadable(why))) => {
                Seen::Unreadable(Unreadable { path, why: why.clone() })
            }
            _ => Seen::Absent,
        }
    }

    pub(crate) fn link(&self, path: &str) -> Seen<&str> {
        match self.find(path, false) {
            Some((_, Node::Link(text))) => Seen::Known(text),
            Some((path, Node::Unreadable(why))) => {
                Seen::Unreadable(Unreadable { path, why: why.clone() })
            }
            _ => Seen::Absent,
        }
    }

    /// The names in a folder, in order.
    pub(crate) fn names(&self, path: &str) -> Seen<Vec<&str>> {
        match self.find(path, true) {
            Some((folder, Node::Folder)) => {
                let names = self.names.get(&folder).into_iter().flatten();
                Seen::Known(names.map(String::as_str).collect())
            }
            Some((path, Node::Unreadable(why))) => {
                Seen::Unreadable(Unreadable { path, why: why.clone() })
            }
            _ => Seen::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.insert("sys/devices/pci0000:00/0000:00:01.0/vendor", Node::File(b"0x8086".to_vec()));
        tree.insert(
            "sys/bus/pci/devices/0000:00:01.0",
            Node::Link("../../../devices/pci0000:00/0000:00:01.0".into()),
        );
        tree.insert("sys/loop", Node::Link("loop".into()));
        tree.insert("sys/out", Node::Link("../../../../etc".into()));
        tree.insert("etc/passwd", Node::File(Vec::new()));
        tree
    }

    #[test]
    fn links_are_followed_inside_the_tree_only() {
        let tree = tree();
        assert_eq!(
            tree.read("sys/bus/pci/devices/0000:00:01.0/vendor"),
            Seen::Known(&b"0x8086"[..])
        );
        assert_eq!(tree.read("sys/loop"), Seen::Absent);
        assert_eq!(tree.read("sys/out/passwd"), Seen::Absent);
        assert_eq!(tree.read("../etc/passwd"), Seen::Absent);
        assert_eq!(tree.link("sys/loop"), Seen::Known("loop"));
    }

    #[test]
    fn a_folder_lists_its_children_once() {
        let tree = tree();
        assert_eq!(tree.names("sys"), Seen::Known(vec!["bus", "devices", "loop", "out"]));
        assert_eq!(tree.names("sys/bus/pci/devices/0000:00:01.0"), Seen::Known(vec!["vendor"]));
        assert_eq!(tree.names("sys/nothing"), Seen::Absent);
    }
}

//! A copy of all that was read, which is what a recording is made of.

use std::path::Path;

use crate::archive::{self, ArchiveError};
use crate::tree::{Node, Tree};

/// What was read from a root, by path.
#[derive(Debug, Default)]
pub struct Tape {
    tree: Tree,
}

impl Tape {
    pub(crate) fn keep(&mut self, path: &str, node: Node) {
        self.tree.insert(path, node);
    }

    /// A folder was listed: what was not read in it is there by name.
    pub(crate) fn folder(&mut self, path: &str, names: &[String]) {
        for name in names {
            self.tree.insert(&format!("{path}/{name}"), Node::Folder);
        }
    }

    /// The same with every file's bytes changed by `change`, which is given the path too.
    #[must_use]
    pub fn map_files(self, mut change: impl FnMut(&str, Vec<u8>) -> Vec<u8>) -> Self {
        let mut tree = Tree::default();
        for (path, node) in self.tree.iter() {
            let node = match node {
                Node::File(bytes) => Node::File(change(path, bytes.clone())),
                other => other.clone(),
            };
            tree.insert(path, node);
        }
        Self { tree }
    }

    /// How many files it holds, and their bytes in all.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.tree.iter().fold((0, 0), |(files, bytes), (_, node)| match node {
            Node::File(content) => (files + 1, bytes + content.len()),
            _ => (files, bytes),
        })
    }

    /// Writes it as a recording (`.tar.zst`): whole or not at all, readable by its owner alone.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), ArchiveError> {
        archive::pack(&self.tree, path)
    }
}

//! Files of configuration that more than one facet of a look is made of: each is read once.

use std::collections::BTreeMap;

use virtfn_formats::Source;
use virtfn_host::Unreadable;
use virtfn_kernel::SysRoot;

use crate::claims::files;

/// The files of one source, each with its drop-ins behind it, and what could not be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) files: Vec<Vec<(String, String)>>,
    pub(crate) unseen: Vec<Unreadable>,
}

/// What was read so far, by the first folder of its source.
#[derive(Debug, Default)]
pub(crate) struct Texts(BTreeMap<&'static str, Told>);

impl Texts {
    /// The files of a source that somebody else will ask for too.
    pub(crate) fn shared(&mut self, root: &SysRoot, source: &Source) -> &Told {
        self.0.entry(key(source)).or_insert_with(|| read(root, source))
    }

    /// The files of a source, for the last who asks.
    pub(crate) fn take(&mut self, root: &SysRoot, source: &Source) -> Told {
        self.0.remove(key(source)).unwrap_or_else(|| read(root, source))
    }
}

/// Sources that are shared have a folder of their own.
fn key(source: &Source) -> &'static str {
    source.folders.first().copied().unwrap_or_default()
}

fn read(root: &SysRoot, source: &Source) -> Told {
    let mut unseen = Vec::new();
    let files = files(root, source, &mut unseen);
    Told { files, unseen }
}

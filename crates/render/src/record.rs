//! `virtfn record`: what a recording holds.

use serde::Serialize;

use crate::paint::Tone;
use crate::unseen::Unseen;
use crate::words::{count, plain};
use crate::{Document, Page};

/// `virtfn.record/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Record {
    schema: &'static str,
    /// The file that was written.
    pub file: String,
    /// How many PCI functions are in it.
    pub functions: usize,
    /// How many of the machine's files.
    pub files: usize,
    /// Their bytes in all, before they were packed.
    pub bytes: usize,
    /// What was masked; `null`: nothing was to be.
    pub masked: Option<Masked>,
    /// What belongs in it and could not be seen.
    pub unseen: Vec<Unseen>,
}

/// What was masked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Masked {
    /// Different MAC addresses.
    pub macs: usize,
    /// Different serial numbers.
    pub serials: usize,
    /// Interface names that spell a MAC, and stay: they are names of folders too.
    pub left: Vec<String>,
}

impl Document for Record {
    const SCHEMA: &'static str = "virtfn.record/1";
}

impl Record {
    /// What was written to `file`.
    #[must_use]
    pub fn new(file: String, functions: usize, (files, bytes): (usize, usize)) -> Self {
        Self {
            schema: Self::SCHEMA,
            file,
            functions,
            files,
            bytes,
            masked: None,
            unseen: Vec::new(),
        }
    }

    /// In words.
    #[must_use]
    pub fn text(&self, _page: Page) -> String {
        let functions = count(self.functions, "PCI function", "PCI functions");
        let files = count(self.files, "file", "files");
        let file = plain(&self.file);
        let mut text = format!("Recorded {functions} in {files}: {file}\n");
        match &self.masked {
            Some(masked) => text.push_str(&masked.text()),
            None => text.push_str(
                "It holds this host's MAC addresses and serial numbers; --mask replaces them.\n",
            ),
        }
        if let Some(first) = self.unseen.first() {
            let all = count(self.unseen.len(), "fact", "facts");
            let line = format!(
                "? Not in it: {all} that could not be seen, {}: {}",
                plain(&first.path),
                first.why
            );
            text.push_str(&format!("{}\n", Tone::Unknown.paint(&line)));
        }
        text.push_str(&format!("To look at it: virtfn list --root {file}\n"));
        text
    }
}

impl Masked {
    fn text(&self) -> String {
        let macs = count(self.macs, "MAC address", "MAC addresses");
        let serials = count(self.serials, "serial number", "serial numbers");
        let mut text = format!("Masked: {macs} and {serials}, the same everywhere.\n");
        if !self.left.is_empty() {
            let names = self.left.join(", ");
            text.push_str(&format!(
                "Not masked: interface names that spell a MAC: {}\n",
                plain(&names)
            ));
        }
        text
    }
}

//! Values for people and for programs: tables and text, and the JSON documents of the contract.
//!
//! Each view is a document first (what `--json` prints) and a text made from it, so that both say
//! the same. A text carries its colours as escape sequences; whoever prints it takes them out where
//! they are not wanted. [`Page`] says what else differs from one reader to the next.
//!
//! Values in, strings out: no I/O, no clock. Whatever a machine says of itself (names, log lines,
//! addresses) passes [`words::plain`] before it reaches a terminal.

pub mod apply;
pub mod compare;
pub mod doctor;
pub mod exchange;
pub mod explain;
pub mod groups;
pub mod guest;
pub mod handover;
pub mod install;
pub mod list;
mod markup;
mod page;
pub mod paint;
pub mod plan;
pub mod record;
#[cfg(feature = "schema")]
pub mod schema;
pub mod show;
pub mod status;
mod table;
pub mod topology;
pub mod unseen;
pub mod words;
pub mod xml;

pub use page::{Page, Symbols};
pub use table::{Align, Cell, Column, Table};

use serde::Serialize;

/// A document of the contract: a shape with a name, which only ever grows within a version.
pub trait Document: Serialize {
    /// Its name, as its `schema` member says it.
    const SCHEMA: &'static str;
}

/// One document as text, for programs.
///
/// # Errors
/// Never, for the documents here: they hold no map whose keys are no strings.
pub fn json(document: &impl Document) -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    Ok(text)
}

//! What every command has at hand.

use std::path::{Path, PathBuf};

use virtfn_kernel::{SysRoot, Watch};
use virtfn_observe::{Facet, Look};
use virtfn_pci::Address;

use crate::error::Error;
use crate::output::Output;

/// The output, and whoever watches writes.
pub struct Context<'a> {
    /// Where facts are printed.
    pub out: Output,
    /// Sees every write to the kernel.
    pub watch: &'a mut dyn Watch,
}

impl<'a> Context<'a> {
    /// A context.
    pub fn new(out: Output, watch: &'a mut dyn Watch) -> Self {
        Self { out, watch }
    }
}

/// The machine that was asked for: a recording, or this one.
///
/// # Errors
/// When it cannot be opened.
pub fn open_root(recording: Option<&Path>) -> Result<SysRoot, Error> {
    match recording {
        Some(path) => Ok(SysRoot::open(path)?),
        None => live_root(),
    }
}

/// This machine, read with a helper for what takes a device's lock: this program, started anew.
///
/// # Errors
/// When `/` cannot be opened.
pub fn live_root() -> Result<SysRoot, Error> {
    let program = PathBuf::from("/proc/self/exe");
    Ok(SysRoot::live().map_err(Error::Root)?.with_locked_reader(program))
}

/// The function that a person means by `text`, looking at no more than is needed to tell.
///
/// # Errors
/// When nothing here answers to it, with what could have been meant.
pub fn resolve(root: &SysRoot, text: &str) -> Result<Address, Error> {
    let any: &[Facet] = &[Facet::Netdevs, Facet::Holders, Facet::Guests];
    let facets = if text.ends_with("/any") { any } else { &[] };
    Ok(virtfn_observe::host(root, &Look::at(facets))?.resolve(text)?)
}

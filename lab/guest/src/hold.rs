//! Holds a function's VFIO files open, as a virtual machine does, until told to let go.

use anyhow::Result;

/// What to hold, and under which name.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments) -> Result<()> {
    Ok(())
}

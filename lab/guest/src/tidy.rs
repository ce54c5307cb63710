//! The broom between two tests that share a guest.

use anyhow::Result;

pub(crate) fn run() -> Result<()> {
    Ok(())
}

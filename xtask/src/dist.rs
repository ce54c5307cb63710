//! `cargo xtask dist`: the static binary that is shipped.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{build, workspace};

/// Builds the binary and puts it at `target/dist/virtfn`.
///
/// # Errors
/// When the build fails.
pub(crate) fn build() -> Result<PathBuf> {
    let built = build::build("release", &["virtfn-cli"])?.join("virtfn");
    let kept = workspace::target().join("dist/virtfn");
    if let Some(directory) = kept.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::copy(&built, &kept).with_context(|| kept.display().to_string())?;
    Ok(kept)
}

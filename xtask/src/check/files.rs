//! A file is one concept: past a length it has become two.

use std::fs;

use anyhow::{Result, bail};
use virtfn_lab::programs::stdout_of;

use crate::workspace;

/// Split at this many lines.
const MOST_LINES: usize = 600;

/// Checks every Rust file that git knows or would add.
///
/// # Errors
/// With every file that is too long.
pub(super) fn check() -> Result<()> {
    let listing = stdout_of(
        std::process::Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"])
            .current_dir(workspace::root()),
    )?;
    let too_long: Vec<_> = listing.lines().filter_map(complaint).collect();
    if !too_long.is_empty() {
        bail!("files over {MOST_LINES} lines:\n  {}", too_long.join("\n  "));
    }
    Ok(())
}

fn complaint(file: &str) -> Option<String> {
    // A file that git knows may have been deleted in the working tree.
    let lines = fs::read_to_string(workspace::root().join(file)).ok()?.lines().count();
    (lines > MOST_LINES).then(|| format!("{file}: {lines}"))
}

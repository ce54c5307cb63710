//! A file is one concept: past a length it has become two.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Split at this many lines.
const MOST_LINES: usize = 600;

/// Checks every Rust file of the project.
///
/// # Errors
/// With every file that is too long.
pub(super) fn check() -> Result<()> {
    let root = workspace::root();
    let mut too_long = Vec::new();
    for file in rust_files(&root)? {
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let lines = text.lines().count();
        if lines > MOST_LINES {
            let file = file.strip_prefix(&root).unwrap_or(&file);
            too_long.push(format!("{}: {lines}", file.display()));
        }
    }
    if !too_long.is_empty() {
        bail!("files over {MOST_LINES} lines:\n  {}", too_long.join("\n  "));
    }
    Ok(())
}

fn rust_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let listing = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    for entry in listing {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let built_or_hidden = name == "target" || name.to_string_lossy().starts_with('.');
        if entry.file_type()?.is_dir() {
            if !built_or_hidden {
                files.extend(rust_files(&path)?);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_file_is_found_and_built_ones_are_not() {
        let files = rust_files(&workspace::root()).unwrap();
        assert!(files.iter().any(|file| file.ends_with("xtask/src/check/files.rs")));
        assert!(!files.iter().any(|file| file.starts_with(workspace::root().join("target"))));
    }
}

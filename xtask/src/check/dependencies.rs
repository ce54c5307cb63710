//! Rules for foreign code: its licence, where it comes from, and that it comes once.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::licence;
use super::metadata::{Metadata, Package};
use crate::workspace::root;

/// The one place that dependencies come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Checks every dependency; all complaints are gathered.
///
/// # Errors
/// With all that is wrong.
pub(super) fn check(metadata: &Metadata) -> Result<()> {
    let foreign: Vec<_> = metadata.packages.iter().filter(|p| p.source.is_some()).collect();
    let mut complaints: Vec<_> = foreign.iter().filter_map(|package| complaint(package)).collect();
    complaints.extend(without_reason()?);
    complaints.extend(duplicates(&metadata.shipped_in("virtfn-cli")));
    if !complaints.is_empty() {
        bail!("dependencies:\n  {}", complaints.join("\n  "));
    }
    Ok(())
}

/// Direct dependencies for which docs/dependencies.md has no row.
fn without_reason() -> Result<Vec<String>> {
    let manifest: toml::Table = std::fs::read_to_string(root().join("Cargo.toml"))?.parse()?;
    let reasons = std::fs::read_to_string(root().join("docs/dependencies.md"))?;
    let named = manifest["workspace"]["dependencies"].as_table();
    let foreign =
        named.into_iter().flat_map(toml::Table::keys).filter(|name| !name.starts_with("virtfn-"));
    let bare = foreign.filter(|name| !reasons.contains(&format!("| `{name}` |")));
    Ok(bare.map(|name| format!("{name}: docs/dependencies.md gives no reason for it")).collect())
}

fn complaint(package: &Package) -> Option<String> {
    let name = format!("{} {}", package.name, package.version);
    let source = package.source.as_deref().unwrap_or_default();
    if source != REGISTRY {
        return Some(format!("{name}: comes from {source}, not from the registry"));
    }
    match &package.license {
        None => Some(format!("{name}: names no licence")),
        Some(terms) if !licence::is_accepted(terms) => Some(format!("{name}: licence {terms}")),
        Some(_) => None,
    }
}

/// Packages that the shipped program would carry in two versions.
fn duplicates(shipped: &[&Package]) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in shipped {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    versions.iter().map(|(name, all)| format!("{name}: twice, {}", all.join(" and "))).collect()
}

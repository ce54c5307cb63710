//! The few sysfs paths that the lab's parts need.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use virtfn_pci::Address;

/// A PCI function's directory.
pub(crate) fn function(address: Address) -> PathBuf {
    Path::new("/sys/bus/pci/devices").join(address.to_string())
}

/// Every PCI function's directory.
///
/// # Errors
/// When sysfs cannot be read.
pub(crate) fn functions() -> Result<Vec<PathBuf>> {
    let listing = fs::read_dir("/sys/bus/pci/devices").context("/sys/bus/pci/devices")?;
    Ok(listing.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect())
}

/// Writes an attribute in one write, as the kernel wants it.
///
/// # Errors
/// The kernel's answer, with the path.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("{}: writing {text:?}", path.display()))
}

/// The name that a link ends in, as a driver's or a group's.
pub(crate) fn link_name(path: &Path) -> Option<String> {
    Some(fs::read_link(path).ok()?.file_name()?.to_string_lossy().into_owned())
}

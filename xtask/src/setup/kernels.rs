//! The lab's kernels: Debian's image packages, unpacked into the cache, never installed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use virtfn_lab::kernel::{Kernel, SERIES, version_key};
use virtfn_lab::programs::{need, stdout_of};
use virtfn_lab::{cache, programs};

use super::apt;
use super::debian::Release;
use crate::{progress, workspace};

/// The kernels that the lab can boot now: cached series, and the host's own as `host`.
pub(super) fn present() -> Vec<&'static str> {
    SERIES.into_iter().chain(["host"]).filter(|name| Kernel::find(name).is_ok()).collect()
}

/// Gets every series that is not in the cache yet.
///
/// # Errors
/// When not one kernel can be had, not even the host's own.
pub(super) fn fetch(release: &Release) -> Result<()> {
    for series in SERIES.into_iter().filter(|series| Kernel::find(series).is_err()) {
        if let Err(reason) = fetch_series(series) {
            progress::note(&format!("no kernel {series} on {}: {reason:#}", release.codename));
        }
    }
    if present().is_empty() {
        bail!("no kernel for the lab: neither from apt nor this host's own");
    }
    Ok(())
}

fn fetch_series(series: &str) -> Result<()> {
    let packages = match image_packages(series)? {
        none if none.is_empty() => {
            progress::step("Reading package lists", apt::update)?;
            image_packages(series)?
        }
        some => some,
    };
    let Some(package) = packages.iter().rev().find(|package| is_on_offer(package)) else {
        bail!("apt offers no linux-image-{series}");
    };
    fs::create_dir_all(cache::kernels())?;
    let work = tempfile::tempdir_in(cache::kernels())?;
    progress::step(&format!("Downloading {package}"), || download(package, work.path()))?;
    progress::step("Unpacking it", || unpack(work.path()))?;
    let unpacked = work.path().join("root");
    let kept = cache::kernels().join(series);
    if kept.exists() {
        fs::remove_dir_all(&kept).with_context(|| kept.display().to_string())?;
    }
    fs::rename(&unpacked, &kept).with_context(|| kept.display().to_string())
}

/// The ordinary image packages of a series that apt has heard of, oldest first.
fn image_packages(series: &str) -> Result<Vec<String>> {
    let prefix = format!("linux-image-{series}.");
    let names = stdout_of(apt::read_only("apt-cache").args(["pkgnames", &prefix]))?;
    let flavours = ["-cloud-", "-rt-", "-unsigned", "-dbg"];
    let mut packages: Vec<_> = names
        .lines()
        .filter(|name| name.ends_with("-amd64") && !flavours.iter().any(|f| name.contains(f)))
        .map(str::to_owned)
        .collect();
    packages.sort_by_key(|name| version_key(name));
    Ok(packages)
}

/// Whether apt can download it; it also knows names that others merely mention.
fn is_on_offer(package: &str) -> bool {
    stdout_of(apt::read_only("apt-cache").args(["madison", package]))
        .is_ok_and(|table| !table.trim().is_empty())
}

fn download(package: &str, directory: &Path) -> Result<()> {
    workspace::run(
        apt::read_only("apt-get")
            .current_dir(directory)
            // Apt's sandbox user may not write here; the files are checked by hash all the same.
            .args(["download", "--quiet", "-o", "APT::Sandbox::User=root", package]),
    )
}

fn unpack(directory: &Path) -> Result<()> {
    let archive = fs::read_dir(directory)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt-get download left no package")?;
    let root = directory.join("root");
    workspace::run(std::process::Command::new(need("dpkg")?).arg("-x").args([&archive, &root]))?;
    for merged in ["lib", "boot"] {
        let below_usr = root.join("usr").join(merged);
        if !root.join(merged).exists() && below_usr.exists() {
            fs::rename(&below_usr, root.join(merged))?;
        }
    }
    index_modules(&root)
}

/// Writes the modules' index anew, after one came.
pub(super) fn index_modules(root: &Path) -> Result<()> {
    let depmod = programs::need("depmod")?;
    for entry in fs::read_dir(root.join("lib/modules"))? {
        let release = entry?.file_name();
        workspace::run(std::process::Command::new(&depmod).arg("-b").arg(root).arg(release))?;
    }
    Ok(())
}

//! Debian packages for guests and tests, unpacked into the cache, never installed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use virtfn_lab::packages::{FULL, OPENSTACK, PEERS, PackageSet};
use virtfn_lab::programs::need;

use super::apt;
use crate::{progress, workspace};

/// Gets every set that is not in the cache yet. One that cannot be had is named, and what needs it
/// fails.
pub(super) fn fetch() {
    for set in [PEERS, FULL, OPENSTACK].iter().filter(|set| set.root().is_err()) {
        if let Err(reason) = fetch_set(set) {
            progress::note(&format!("no {} for guests: {reason:#}", of(set)));
        }
    }
}

fn fetch_set(set: &PackageSet) -> Result<()> {
    let kept = set.folder();
    let around = kept.parent().context("the cache has no folder")?;
    fs::create_dir_all(around)?;
    let work = tempfile::tempdir_in(around)?;
    progress::step(&format!("Downloading {}", of(set)), || {
        download(set, work.path()).or_else(|_| {
            apt::update()?;
            download(set, work.path())
        })
    })?;
    let fresh = work.path().join("set");
    progress::step("Unpacking it", || unpack(work.path(), &fresh.join("root"), *set == FULL))?;
    set.seal(&fresh)?;
    if kept.exists() {
        fs::remove_dir_all(&kept).with_context(|| kept.display().to_string())?;
    }
    fs::rename(&fresh, &kept).with_context(|| kept.display().to_string())
}

/// A set by its packages, if these are few.
fn of(set: &PackageSet) -> String {
    match set.packages {
        few if few.len() <= 8 => few.join(", "),
        many => format!("the {} set of {} packages", set.name, many.len()),
    }
}

/// Downloads the packages, and all that they need where the set asks for it.
fn download(set: &PackageSet, folder: &Path) -> Result<()> {
    let mut command = apt::read_only("apt-get");
    if set.needs {
        fs::create_dir_all(folder.join("partial"))?;
        command.args(["install", "--yes", "--download-only", "--no-install-recommends"]);
        // As for a machine that has nothing yet. Nothing of this machine's own is touched, so that
        // neither its lock nor root is needed.
        command.args(["-o", "Dir::State::status=/dev/null", "-o", "Debug::NoLocking=true"]);
        command.arg("-o").arg(format!("Dir::Cache::archives={}", folder.display()));
    } else {
        command.arg("download").current_dir(folder);
    }
    command.args(["--quiet", "-o", "APT::Sandbox::User=root"]);
    workspace::run(command.args(set.packages))
}

fn unpack(folder: &Path, root: &Path, system: bool) -> Result<()> {
    let dpkg = need("dpkg")?;
    fs::create_dir_all(root)?;
    for package in packages_in(folder)? {
        workspace::run(Command::new(&dpkg).arg("-x").arg(&package).arg(root))?;
    }
    if system {
        merge_usr(root)?;
    }
    Ok(())
}

/// A whole system's programs and libraries are all below `/usr`: no package brings the links, and
/// dpkg replaces those that it finds.
fn merge_usr(root: &Path) -> Result<()> {
    for folder in ["bin", "sbin", "lib", "lib64"] {
        let (old, new) = (root.join(folder), root.join("usr").join(folder));
        fs::create_dir_all(&new)?;
        if old.is_dir() {
            workspace::run(Command::new("cp").arg("-a").arg(old.join(".")).arg(&new))?;
            fs::remove_dir_all(&old)?;
        }
        symlink(format!("usr/{folder}"), &old)?;
    }
    Ok(())
}

fn packages_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut packages = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            packages.push(path);
        }
    }
    packages.sort();
    Ok(packages)
}

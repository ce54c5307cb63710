//! Packages of a Debian machine.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use virtfn_lab::programs::{self, OLDEST_QEMU, QemuVersion, stdout_of};

use super::{NEEDS, apt, sources};
use crate::progress;

/// QEMU for x86 machines.
const QEMU_PACKAGE: &str = "qemu-system-x86";
/// The names of PCI vendors and devices: a file, not a program.
const NAMES_PACKAGE: &str = "pci.ids";

/// A Debian release, by code name, as `bookworm`.
pub(super) struct Release {
    pub(super) codename: String,
}

/// The Debian release that runs here; `None` on another distribution.
///
/// # Errors
/// When `/etc/os-release` says Debian but no code name.
pub(super) fn release() -> Result<Option<Release>> {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    parse_release(&text)
}

fn parse_release(os_release: &str) -> Result<Option<Release>> {
    let value = |key: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.map(|value| value.trim_matches(['"', '\'']).to_owned())
    };
    if value("ID").as_deref() != Some("debian") {
        return Ok(None);
    }
    let codename = value("VERSION_CODENAME").context("/etc/os-release has no VERSION_CODENAME")?;
    Ok(Some(Release { codename }))
}

/// Installs what is missing; does nothing, and needs no root, when nothing is.
///
/// # Errors
/// When something is missing and apt cannot install it.
pub(super) fn install_packages(release: &Release) -> Result<()> {
    let missing = missing_packages()?;
    let qemu_is_old = programs::qemu().is_err();
    if missing.is_empty() && !qemu_is_old {
        return Ok(());
    }
    progress::step("Reading package lists", apt::update)?;
    if !missing.is_empty() {
        progress::step(&format!("Installing {}", missing.join(", ")), || {
            apt::install(&missing, None)
        })?;
    }
    if qemu_is_old { install_qemu(release) } else { Ok(()) }
}

/// Installs QEMU from the release itself where it is new enough, else from its backports.
fn install_qemu(release: &Release) -> Result<()> {
    let backports = format!("{}-backports", release.codename);
    if own_qemu_is_new_enough()? {
        return progress::step("Installing QEMU", || apt::install(&[QEMU_PACKAGE], None));
    }
    if newest_qemu_on_offer()?.is_none_or(|version| version < OLDEST_QEMU) {
        progress::step(&format!("Adding the suite {backports}"), || {
            sources::add_suite(&release.codename, &backports)
        })?;
        progress::step("Reading package lists", apt::update)?;
    }
    progress::step(&format!("Installing QEMU from {backports}"), || {
        apt::install(&[QEMU_PACKAGE], Some(&backports))
    })
}

fn missing_packages() -> Result<Vec<&'static str>> {
    let wanted: Vec<_> = NEEDS.iter().map(|need| need.package).chain([NAMES_PACKAGE]).collect();
    // A package that was never heard of is an exit status and a line on standard error: both are
    // answers here, so the status is not looked at.
    let answer = Command::new("dpkg-query")
        .args(["-W", "-f=${Package} ${db:Status-Status}\n"])
        .args(&wanted)
        .output()
        .context("cannot start dpkg-query")?;
    let listing = String::from_utf8_lossy(&answer.stdout).into_owned();
    let installed =
        |package: &str| listing.lines().any(|line| line == format!("{package} installed"));
    Ok(wanted.into_iter().filter(|package| !installed(package)).collect())
}

/// Whether plain `apt-get install` would give a QEMU with igb.
fn own_qemu_is_new_enough() -> Result<bool> {
    let policy = stdout_of(apt::read_only("apt-cache").args(["policy", QEMU_PACKAGE]))?;
    let candidate = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
    Ok(candidate.and_then(QemuVersion::parse).is_some_and(|version| version >= OLDEST_QEMU))
}

fn newest_qemu_on_offer() -> Result<Option<QemuVersion>> {
    let table = stdout_of(apt::read_only("apt-cache").args(["madison", QEMU_PACKAGE]))?;
    if table.is_empty() {
        bail!("apt knows no package {QEMU_PACKAGE}");
    }
    let versions = table.lines().filter_map(|line| line.split('|').nth(1));
    Ok(versions.filter_map(|version| QemuVersion::parse(version.trim())).max())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_is_known_by_its_id() {
        let text = "PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\nVERSION_CODENAME=bookworm\n";
        assert_eq!(parse_release(text).unwrap().unwrap().codename, "bookworm");
    }

    #[test]
    fn a_relative_of_debian_is_another_distribution() {
        let text = "ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n";
        assert!(parse_release(text).unwrap().is_none());
        assert!(parse_release("").unwrap().is_none());
    }

    #[test]
    fn debian_without_a_code_name_is_said() {
        assert!(parse_release("ID=debian\n").is_err());
    }
}

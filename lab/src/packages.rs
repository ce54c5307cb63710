//! Sets of Debian packages for guests that need more than the small userland: unpacked whole into the
//! cache by `cargo xtask setup`, never installed.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::cache;

/// Packages, by name, and all that they depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackageSet {
    /// Its folder in the cache.
    pub name: &'static str,
    /// What is asked for; apt finds what that needs.
    pub packages: &'static [&'static str],
}

/// Programs that virtfn is compared with.
pub const PEERS: PackageSet = PackageSet { name: "peers", packages: &["libvirt-clients"] };

/// A Debian system with systemd as process 1.
pub const FULL: PackageSet = PackageSet {
    name: "full",
    packages: &[
        "base-files",
        "base-passwd",
        "bash",
        "coreutils",
        "dash",
        "dbus",
        "debianutils",
        "diffutils",
        "dpkg",
        "findutils",
        "grep",
        "gzip",
        "hostname",
        "init-system-helpers",
        "iproute2",
        "kmod",
        "libc-bin",
        "mawk",
        "mount",
        "ncurses-bin",
        "pciutils",
        "perl-base",
        "procps",
        "sed",
        "systemd",
        "systemd-sysv",
        "sysvinit-utils",
        "tar",
        "udev",
        "util-linux",
    ],
};

/// The file in a set's folder that names what was asked for when it was made.
const ASKED: &str = "asked";

impl PackageSet {
    /// The folder of the set: the unpacked files are in its `root`.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        cache::directory().join("packages").join(self.name)
    }

    /// Where the files are.
    ///
    /// # Errors
    /// When setup has not put them there, or has put there what was asked for at another time.
    pub fn root(&self) -> Result<PathBuf> {
        let asked = fs::read_to_string(self.folder().join(ASKED)).unwrap_or_default();
        if asked != self.asked() {
            bail!(
                "the packages {} are not in the lab's cache; `cargo xtask setup` gets them",
                self.packages.join(", ")
            );
        }
        Ok(self.folder().join("root"))
    }

    /// Says in a folder that it holds this set: the last thing to write.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn seal(&self, folder: &std::path::Path) -> Result<()> {
        Ok(fs::write(folder.join(ASKED), self.asked())?)
    }

    fn asked(&self) -> String {
        self.packages.iter().map(|package| format!("{package}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_is_not_there_says_how_it_comes() {
        let set = PackageSet { name: "no-such-set", packages: &["one", "two"] };
        let refusal = set.root().unwrap_err().to_string();
        assert!(refusal.contains("one, two") && refusal.contains("cargo xtask setup"), "{refusal}");
    }

    #[test]
    fn a_folder_is_sealed_with_what_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        PEERS.seal(folder.path()).unwrap();
        let asked = fs::read_to_string(folder.path().join(ASKED)).unwrap();
        assert_eq!(asked, "libvirt-clients\n");
    }
}

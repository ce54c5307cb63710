//! Kernels that the lab boots: an image and its modules, unpacked, never installed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cache;

/// The series that the lab is tested with, the usual one first.
pub const SERIES: [&str; 2] = ["6.12", "6.1"];

/// A kernel image with its modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// What `uname -r` prints when it runs.
    pub release: String,
    /// The bootable image.
    pub image: PathBuf,
    /// The directory with `modules.dep` and `kernel/`.
    pub modules: PathBuf,
}

impl Kernel {
    /// The kernel of a series (`6.12`) from the lab's cache, or the host's own kernel for `host`.
    ///
    /// # Errors
    /// When setup has not put it there; the message says what is.
    pub fn find(series: &str) -> Result<Self> {
        if series == "host" {
            return Self::of_host().context("this host's own kernel cannot be used");
        }
        if !is_series(series) {
            bail!("{series:?} is no kernel series; try one of {}, host", SERIES.join(", "));
        }
        Self::unpacked(&cache::kernels().join(series))
            .with_context(|| format!("no kernel {series} in the lab; `cargo xtask setup` gets it"))
    }

    /// The kernel below `root`, where a Debian image package was unpacked.
    ///
    /// # Errors
    /// When there is not exactly one kernel there.
    pub fn unpacked(root: &Path) -> Result<Self> {
        let mut releases = entries(&root.join("lib/modules"))?;
        let release = match (releases.pop(), releases.pop()) {
            (Some(release), None) => release,
            (None, _) => bail!("no modules below {}", root.display()),
            (Some(one), Some(two)) => bail!("{one} and {two} below {}", root.display()),
        };
        let image = root.join("boot").join(format!("vmlinuz-{release}"));
        let modules = root.join("lib/modules").join(&release);
        Self { release, image, modules }.checked()
    }

    /// The newest kernel that is installed on this host.
    ///
    /// # Errors
    /// When none has both an image that this user can read and modules.
    pub fn of_host() -> Result<Self> {
        let mut releases = entries(Path::new("/lib/modules"))?;
        releases.sort_by_key(|release| version_key(release));
        let candidates = releases.into_iter().rev().flat_map(|release| {
            let modules = Path::new("/lib/modules").join(&release);
            let images =
                [PathBuf::from(format!("/boot/vmlinuz-{release}")), modules.join("vmlinuz")];
            images.map(|image| Self { release: release.clone(), image, modules: modules.clone() })
        });
        candidates
            .into_iter()
            .find_map(|kernel| kernel.checked().ok())
            .context("no kernel image with its modules in /boot and /lib/modules")
    }

    fn checked(self) -> Result<Self> {
        fs::File::open(&self.image).with_context(|| format!("{}", self.image.display()))?;
        let dependencies = self.modules.join("modules.dep");
        if !dependencies.is_file() {
            bail!("{}: not there; depmod has not run", dependencies.display());
        }
        Ok(self)
    }
}

/// Orders versions as a person does: runs of digits count as numbers.
#[must_use]
pub fn version_key(version: &str) -> Vec<(u64, String)> {
    version
        .split(['.', '-', '+', '~', '_'])
        .map(|part| {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            let (number, rest) = part.split_at(digits);
            (number.parse().unwrap_or(0), rest.to_owned())
        })
        .collect()
}

fn is_series(text: &str) -> bool {
    !text.is_empty()
        && text.split('.').all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn entries(directory: &Path) -> Result<Vec<String>> {
    let listing = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    listing
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<_>>()
        .with_context(|| directory.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_as_a_person_sorts_them() {
        let mut releases = ["6.1.0-9-amd64", "6.12.117+deb12-amd64", "6.1.0-45-amd64", "6.12.9"];
        releases.sort_by_key(|release| version_key(release));
        assert_eq!(releases, ["6.1.0-9-amd64", "6.1.0-45-amd64", "6.12.9", "6.12.117+deb12-amd64"]);
    }

    #[test]
    fn a_series_is_numbers_and_nothing_that_leaves_the_cache() {
        assert!(Kernel::find("../../etc").unwrap_err().to_string().contains("no kernel series"));
        assert!(Kernel::find("").is_err());
    }

    #[test]
    fn an_unpacked_package_is_a_kernel() {
        let root = tempfile::tempdir().unwrap();
        let modules = root.path().join("lib/modules/6.9.9-lab");
        fs::create_dir_all(&modules).unwrap();
        fs::create_dir_all(root.path().join("boot")).unwrap();
        assert!(Kernel::unpacked(root.path()).is_err(), "neither image nor modules.dep");
        fs::write(root.path().join("boot/vmlinuz-6.9.9-lab"), "image").unwrap();
        fs::write(modules.join("modules.dep"), "").unwrap();
        assert_eq!(Kernel::unpacked(root.path()).unwrap().release, "6.9.9-lab");
    }
}

//! The guest's programs: busybox for the small things, the real ones where tests look at them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::programs::{find, need, stdout_of};

/// Real programs that the guest has beside busybox. The first group must be there; dash is `/bin/sh`
/// because Debian's busybox shell prefers its own `ip` to the real one, and kmod is there because
/// busybox's modprobe does not load what a module merely asks for (vfio asks for its IOMMU backend).
const NEEDED: [&str; 4] = ["dash", "kmod", "ip", "lspci"];
/// These come along where the host has them.
const WELCOME: [&str; 4] = ["bridge", "setpci", "ethtool", "devlink"];
/// The names of PCI devices, where distributions keep them.
const PCI_NAMES: [&str; 2] = ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"];

/// Files of the host that go into the guest.
pub(crate) struct Userland {
    /// The static busybox.
    pub(crate) busybox: PathBuf,
    /// The names that it answers to.
    pub(crate) applets: Vec<String>,
    /// Programs, each at `/usr/bin/NAME`.
    pub(crate) programs: Vec<PathBuf>,
    /// Shared libraries, each at its own path.
    pub(crate) libraries: BTreeSet<PathBuf>,
    /// `pci.ids`, where the host has it.
    pub(crate) pci_names: Option<PathBuf>,
}

impl Userland {
    /// Finds everything on this host.
    ///
    /// # Errors
    /// When a needed program is missing, or busybox is not static.
    pub(crate) fn find() -> Result<Self> {
        let busybox = need("busybox")?;
        if !libraries_of(&busybox)?.is_empty() {
            bail!("{} is not static; the guest needs busybox-static", busybox.display());
        }
        let applets = stdout_of(Command::new(&busybox).arg("--list"))?;
        let mut programs = NEEDED.into_iter().map(need).collect::<Result<Vec<_>>>()?;
        programs.extend(WELCOME.into_iter().filter_map(find));
        let mut libraries = BTreeSet::new();
        for program in &programs {
            libraries.extend(libraries_of(program)?);
        }
        let pci_names = PCI_NAMES.iter().map(PathBuf::from).find(|path| path.is_file());
        let applets = applets.lines().map(str::to_owned).collect();
        Ok(Self { busybox, applets, programs, libraries, pci_names })
    }

    /// Every file that the image depends on.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Path> {
        let files = self.programs.iter().chain(&self.libraries).chain(&self.pci_names);
        files.chain([&self.busybox]).map(PathBuf::as_path)
    }
}

/// The shared libraries of a program and its loader, as the loader itself resolves them; none for a
/// static program.
fn libraries_of(program: &Path) -> Result<Vec<PathBuf>> {
    let answer = Command::new(need("ldd")?)
        .arg(program)
        .env("LC_ALL", "C")
        .output()
        .context("cannot start ldd")?;
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    if !answer.status.success() || text.contains("statically linked") {
        // ldd's word for a static program is a failure.
        return Ok(Vec::new());
    }
    parse_libraries(&text).with_context(|| format!("ldd {}", program.display()))
}

/// Lines are `name => /path (address)`, `/path/of/loader (address)` or the kernel's own vdso.
fn parse_libraries(ldd: &str) -> Result<Vec<PathBuf>> {
    let mut libraries = Vec::new();
    for line in ldd.lines() {
        if line.contains("not found") {
            bail!("{}", line.trim());
        }
        libraries.extend(line.split_whitespace().find(|w| w.starts_with('/')).map(PathBuf::from));
    }
    Ok(libraries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_and_every_library_are_found() {
        let text = "\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x2)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x3)\n";
        let found = parse_libraries(text).unwrap();
        assert_eq!(found, ["/lib/x/libc.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from));
    }

    #[test]
    fn a_missing_library_is_said() {
        let refusal = parse_libraries("\tlibmnl.so.0 => not found\n").unwrap_err();
        assert!(refusal.to_string().contains("libmnl"), "{refusal}");
    }
}

//! The guest image: an initramfs that boots in seconds.
//!
//! It has two parts. The base holds the userland and the kernel's modules; it is built once and
//! kept in the cache. `virtfn` and `lab-guest`, which change all the time, are a second archive
//! that is appended for each boot, so that a new build of the program costs nothing here. A guest
//! that needs more gets a set of Debian packages as a part before these.

mod cpio;
pub(crate) mod disk;
mod layer;
mod modules;
mod userland;

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use self::cpio::Archive;
use self::userland::Userland;
use crate::cache;
use crate::kernel::Kernel;
use crate::packages::{PEERS, PackageSet};

/// Counts up whenever what this module writes changes, so that no older image is taken for ours.
const FORMAT: u32 = 2;
/// Names that real programs answer to beside their own; busybox does not get these.
const LINKS: [(&str, &str); 7] = [
    ("sh", "dash"),
    ("depmod", "kmod"),
    ("insmod", "kmod"),
    ("lsmod", "kmod"),
    ("modinfo", "kmod"),
    ("modprobe", "kmod"),
    ("rmmod", "kmod"),
];
/// Initramfs files of boots that were killed are removed when older than this.
const LEFTOVER_AGE: Duration = Duration::from_secs(3600);

/// The project's own static programs that go into the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// `virtfn`, put on the guest's `PATH`.
    pub virtfn: PathBuf,
    /// `lab-guest`, the guest's `/init`.
    pub lab_guest: PathBuf,
    /// The Debian package of this `virtfn`, which the full image has beside it.
    pub package: Option<PathBuf>,
}

/// What a guest has beside the kernel's modules and our own programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Image {
    /// Busybox and a few real programs.
    #[default]
    Small,
    /// The same, and the programs that virtfn is compared with.
    Peers,
    /// Debian with systemd as process 1, on a disk that outlives a reboot.
    Full,
}

impl Image {
    fn packages(self) -> Option<&'static PackageSet> {
        match self {
            // The full image's packages are on its disk.
            Self::Small | Self::Full => None,
            Self::Peers => Some(&PEERS),
        }
    }
}

/// Writes the initramfs for one boot; it is deleted when the value drops.
///
/// # Errors
/// When something that belongs into it is missing.
pub fn initramfs(kernel: &Kernel, image: Image, binaries: &Binaries) -> Result<NamedTempFile> {
    let base = base(kernel)?;
    sweep(&cache::images());
    let mut whole = tempfile::Builder::new().prefix("boot-").tempfile_in(cache::images())?;
    if let Some(packages) = image.packages() {
        layer::append(&layer::archive(packages)?, whole.as_file_mut())?;
    }
    layer::append(&base, whole.as_file_mut())?;
    let mut archive = Archive::new(BufWriter::new(whole.as_file_mut()));
    add_programs(&mut archive, binaries)?;
    if image == Image::Full {
        // What a virtual machine inside this one gets as its own second part.
        let mut programs = Archive::new(Vec::new());
        add_programs(&mut programs, binaries)?;
        archive.file("programs.cpio", 0o644, &programs.finish()?)?;
        if let Some(package) = &binaries.package {
            archive.file("virtfn.deb", 0o644, &read(package)?)?;
        }
    }
    archive.finish()?;
    Ok(whole)
}

fn add_programs(archive: &mut Archive<impl Write>, binaries: &Binaries) -> Result<()> {
    archive.file("usr/bin/virtfn", 0o755, &read(&binaries.virtfn)?)?;
    archive.file("usr/bin/lab-guest", 0o755, &read(&binaries.lab_guest)?)?;
    Ok(())
}

/// The base image for a kernel, built if the cache has none of the same ingredients.
fn base(kernel: &Kernel) -> Result<PathBuf> {
    let userland = Userland::find()?;
    let modules = modules::sources(kernel)?;
    let sources = userland.sources().chain(modules.iter().map(PathBuf::as_path));
    let name = format!("small-{}-{:016x}.cpio", kernel.release, fingerprint(sources)?);
    let kept = cache::images().join(name);
    if !kept.is_file() {
        fs::create_dir_all(cache::images())?;
        let mut fresh = NamedTempFile::new_in(cache::images())?;
        build(kernel, &userland, fresh.as_file_mut())?;
        fresh.persist(&kept).with_context(|| kept.display().to_string())?;
    }
    Ok(kept)
}

/// Tells sets of files apart by path, size and time of change: reading 30 MB at each boot would
/// cost more than the copy.
fn fingerprint<'a>(sources: impl Iterator<Item = &'a Path>) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    FORMAT.hash(&mut hasher);
    for path in sources {
        let about = fs::metadata(path).with_context(|| path.display().to_string())?;
        (path, about.len(), about.modified()?).hash(&mut hasher);
    }
    Ok(hasher.finish())
}

fn build(kernel: &Kernel, userland: &Userland, out: &mut File) -> Result<()> {
    let mut archive = Archive::new(BufWriter::new(out));
    for (link, target) in
        [("bin", "usr/bin"), ("sbin", "usr/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")]
    {
        archive.directory(target)?;
        archive.link(link, target)?;
    }
    archive.link("usr/sbin", "bin")?;
    archive.link("init", "usr/bin/lab-guest")?;
    archive.device("dev/console", 5, 1)?;
    for directory in ["proc", "sys", "run", "tmp", "root", "var/log", "mnt"] {
        archive.directory(directory)?;
    }
    archive.file(
        "etc/passwd",
        0o644,
        b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:\n",
    )?;
    archive.file("etc/group", 0o644, b"root:x:0:\nnogroup:x:65534:\n")?;
    add_userland(&mut archive, userland)?;
    add_modules(&mut archive, kernel)?;
    archive.finish()?;
    Ok(())
}

fn add_userland(archive: &mut Archive<impl Write>, userland: &Userland) -> Result<()> {
    archive.file("usr/bin/busybox", 0o755, &read(&userland.busybox)?)?;
    for program in &userland.programs {
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        archive.file(&format!("usr/bin/{name}"), 0o755, &read(program)?)?;
    }
    let real: Vec<_> = userland.programs.iter().filter_map(|program| program.file_name()).collect();
    for (name, program) in LINKS {
        archive.link(&format!("usr/bin/{name}"), program)?;
    }
    for applet in &userland.applets {
        let taken = applet == "busybox" || LINKS.iter().any(|(name, _)| name == applet);
        if !taken && !real.iter().any(|name| *name == applet.as_str()) {
            archive.link(&format!("usr/bin/{applet}"), "busybox")?;
        }
    }
    for library in &userland.libraries {
        archive.file(&merged(library), 0o755, &read(library)?)?;
    }
    if let Some(names) = &userland.pci_names {
        archive.file("usr/share/misc/pci.ids", 0o644, &read(names)?)?;
    }
    Ok(())
}

/// Writes the modules of a kernel below `root`.
pub(crate) fn stage_modules(kernel: &Kernel, root: &Path) -> Result<()> {
    modules::stage(kernel, root).map(|_| ())
}

fn add_modules(archive: &mut Archive<impl Write>, kernel: &Kernel) -> Result<()> {
    let stage = tempfile::tempdir()?;
    let staged = modules::stage(kernel, stage.path())?;
    add_tree(archive, stage.path(), &staged)
}

fn add_tree(archive: &mut Archive<impl Write>, root: &Path, directory: &Path) -> Result<()> {
    let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for path in entries.iter().map(fs::DirEntry::path) {
        if path.is_dir() {
            add_tree(archive, root, &path)?;
        } else {
            archive.file(&merged(path.strip_prefix(root)?), 0o644, &read(&path)?)?;
        }
    }
    Ok(())
}

/// Where a file of the host goes: the guest keeps all of `/lib` and `/lib64` below `/usr`.
fn merged(path: &Path) -> String {
    let relative = path.strip_prefix("/").unwrap_or(path);
    let below_usr = relative.strip_prefix("usr").unwrap_or(relative);
    format!("usr/{}", below_usr.display())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}

/// Removes what killed runs left behind. A file that cannot be removed is only untidy.
fn sweep(images: &Path) {
    for entry in fs::read_dir(images).into_iter().flatten().filter_map(Result::ok) {
        let of_a_boot = entry.file_name().to_string_lossy().starts_with("boot-");
        let age = entry.metadata().and_then(|about| about.modified()).map(|time| time.elapsed());
        if of_a_boot && age.is_ok_and(|age| age.is_ok_and(|age| age > LEFTOVER_AGE)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_land_below_usr_wherever_the_host_has_them() {
        for path in ["/lib64/ld.so", "/usr/lib64/ld.so"] {
            assert_eq!(merged(Path::new(path)), "usr/lib64/ld.so");
        }
    }

    #[test]
    fn a_changed_ingredient_gives_another_name() {
        let file = NamedTempFile::new().unwrap();
        let before = fingerprint([file.path()].into_iter()).unwrap();
        assert_eq!(before, fingerprint([file.path()].into_iter()).unwrap());
        fs::write(file.path(), "more").unwrap();
        assert_ne!(before, fingerprint([file.path()].into_iter()).unwrap());
    }
}

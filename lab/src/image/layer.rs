//! A set of packages as one more part of the initramfs.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use super::cpio::Archive;
use super::fingerprint;
use crate::cache;
use crate::packages::PackageSet;

/// What no guest reads; a third of most packages.
const LEFT_OUT: [&str; 7] = [
    "usr/share/doc",
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/share/bug",
    "usr/share/gcc",
];

/// The archive of a set, built if the cache has none of the same folder. It goes before the base,
/// which replaces what both have: the base's own programs keep the libraries they were found with.
pub(super) fn archive(set: &PackageSet) -> Result<PathBuf> {
    let root = set.root()?;
    let made = fingerprint([root.as_path()].into_iter())?;
    let kept = cache::images().join(format!("{}-{made:016x}.cpio", set.name));
    if !kept.is_file() {
        fs::create_dir_all(cache::images())?;
        let mut fresh = NamedTempFile::new_in(cache::images())?;
        let mut archive = Archive::new(BufWriter::new(fresh.as_file_mut()));
        add(&mut archive, &root, &root)?;
        archive.finish()?;
        fresh.persist(&kept).with_context(|| kept.display().to_string())?;
    }
    Ok(kept)
}

fn add(archive: &mut Archive<impl Write>, root: &Path, folder: &Path) -> Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for path in entries.iter().map(fs::DirEntry::path) {
        let relative = path.strip_prefix(root)?;
        if LEFT_OUT.iter().any(|left_out| relative.starts_with(left_out)) {
            continue;
        }
        let about = fs::symlink_metadata(&path)?;
        if about.is_dir() {
            add(archive, root, &path)?;
        } else if about.is_symlink() {
            let target = fs::read_link(&path)?;
            archive.link(&place(relative), &target.to_string_lossy())?;
        } else if about.is_file() {
            let body = fs::read(&path).with_context(|| path.display().to_string())?;
            archive.file(&place(relative), about.permissions().mode() & 0o777, &body)?;
        }
    }
    Ok(())
}

/// Where a package's file goes: the guest has all programs in `/usr/bin` and all libraries below
/// `/usr`, as Debian has had since it merged the two.
fn place(relative: &Path) -> String {
    let text = relative.to_string_lossy();
    for (old, new) in [
        ("bin/", "usr/bin/"),
        ("sbin/", "usr/bin/"),
        ("usr/sbin/", "usr/bin/"),
        ("lib/", "usr/lib/"),
        ("lib64/", "usr/lib64/"),
    ] {
        if let Some(rest) = text.strip_prefix(old) {
            return format!("{new}{rest}");
        }
    }
    text.into_owned()
}

/// Appends an archive to what a boot gets.
pub(super) fn append(archive: &Path, whole: &mut File) -> Result<()> {
    let mut part = File::open(archive).with_context(|| archive.display().to_string())?;
    io::copy(&mut part, whole)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn files_land_where_the_guest_looks() {
        for (in_package, in_guest) in [
            ("sbin/ip", "usr/bin/ip"),
            ("usr/sbin/libvirtd", "usr/bin/libvirtd"),
            ("lib/x86_64-linux-gnu/libc.so.6", "usr/lib/x86_64-linux-gnu/libc.so.6"),
            ("etc/libvirt/libvirt.conf", "etc/libvirt/libvirt.conf"),
        ] {
            assert_eq!(place(Path::new(in_package)), in_guest);
        }
    }

    #[test]
    fn programs_stay_programs_links_stay_links_and_manuals_stay_out() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["usr/bin", "usr/share/doc/tool"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join("usr/bin/tool"), "program").unwrap();
        fs::set_permissions(root.path().join("usr/bin/tool"), fs::Permissions::from_mode(0o755))
            .unwrap();
        symlink("tool", root.path().join("usr/bin/other")).unwrap();
        fs::write(root.path().join("usr/share/doc/tool/README"), "words").unwrap();
        let mut bytes = Vec::new();
        let mut archive = Archive::new(&mut bytes);
        add(&mut archive, root.path(), root.path()).unwrap();
        archive.finish().unwrap();
        let text = String::from_utf8_lossy(&bytes);
        // A regular file of everybody's to run, and a link.
        assert!(text.contains("000081ed") && text.contains("0000a1ff"), "{text}");
        assert!(text.contains("usr/bin/other") && !text.contains("README"), "{text}");
    }
}

//! `install` and `uninstall` on systems in a folder.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{Ran, run};
use tempfile::TempDir;

fn on(root: &Path, words: &[&str]) -> Ran {
    run(&[words, &["--root", root.to_str().unwrap()]].concat())
}

/// All files and links below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn every_init_is_installed_once_and_leaves_nothing() {
    for init in ["systemd", "openrc", "sysv"] {
        let system = TempDir::new().unwrap();
        let root = system.path();
        let install = ["install", "--init", init];
        assert_eq!(on(root, &[&install[..], &["--dry-run"]].concat()).code, Some(0));
        assert_eq!(files(root), Vec::<PathBuf>::new(), "{init}: a dry run writes nothing");
        assert_eq!(on(root, &install).code, Some(0));
        let installed = files(root);
        assert!(installed.len() >= 3, "{init}: {installed:?}");
        let again = on(root, &install);
        assert!(again.out.starts_with("Installed already"), "{init}: {}", again.out);
        assert_eq!(on(root, &["uninstall"]).code, Some(0));
        assert_eq!(files(root), Vec::<PathBuf>::new(), "{init}");
    }
}

#[test]
fn a_kernels_command_line_gets_its_flags_and_loses_them_again() {
    let system = TempDir::new().unwrap();
    let root = system.path();
    for (path, text) in [
        ("proc/cpuinfo", "vendor_id\t: GenuineIntel\n"),
        ("proc/cmdline", "quiet\n"),
        ("etc/kernel/cmdline", "root=/dev/sda1 quiet\n"),
        ("usr/bin/kernel-install", ""),
    ] {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), text).unwrap();
    }
    let before = files(root);
    let line = || fs::read_to_string(root.join("etc/kernel/cmdline")).unwrap();
    let install = ["install", "--init", "systemd", "--kernel-args"];
    let told = on(root, &install).out;
    assert!(told.contains("+ root=/dev/sda1 quiet intel_iommu=on iommu=pt"), "{told}");
    assert_eq!(line(), "root=/dev/sda1 quiet intel_iommu=on iommu=pt\n");
    assert!(on(root, &install).out.starts_with("Installed already"));
    on(root, &["uninstall"]);
    assert_eq!((line().as_str(), files(root)), ("root=/dev/sda1 quiet\n", before));
}

#[test]
fn a_boot_loader_that_is_not_known_is_left_alone() {
    let system = TempDir::new().unwrap();
    let refused = on(system.path(), &["install", "--kernel-args"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("iommu=pt"), "{}", refused.err);
    assert_eq!(files(system.path()), Vec::<PathBuf>::new());
}

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

#[test]
fn a_run_that_was_killed_is_made_good_by_the_next_install_and_by_uninstall() {
    let whole = TempDir::new().unwrap();
    let install = ["install", "--init", "systemd"];
    assert_eq!(on(whole.path(), &install).code, Some(0));
    let installed = files(whole.path());
    // As a run leaves it that was killed while it wrote the file after the first `written`.
    for written in 0..installed.len() {
        let leave = |root: &Path| {
            for (number, file) in installed.iter().enumerate().take(written + 1) {
                let to = root.join(file.strip_prefix(whole.path()).unwrap());
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                if number == written {
                    let name = to.file_name().unwrap().to_str().unwrap();
                    fs::write(to.with_file_name(format!(".{name}.virtfn-new")), "# Wri").unwrap();
                } else if fs::symlink_metadata(file).unwrap().is_symlink() {
                    std::os::unix::fs::symlink(fs::read_link(file).unwrap(), to).unwrap();
                } else {
                    fs::copy(file, to).unwrap();
                }
            }
        };
        let below = |root: &Path, found: &[PathBuf]| -> Vec<PathBuf> {
            found.iter().map(|path| path.strip_prefix(root).unwrap().to_owned()).collect()
        };
        let again = TempDir::new().unwrap();
        leave(again.path());
        assert_eq!(on(again.path(), &install).code, Some(0));
        assert_eq!(
            below(again.path(), &files(again.path())),
            below(whole.path(), &installed),
            "killed at file {written}"
        );
        let away = TempDir::new().unwrap();
        leave(away.path());
        assert_eq!(on(away.path(), &["uninstall"]).code, Some(0));
        assert_eq!(files(away.path()), Vec::<PathBuf>::new(), "killed at file {written}");
    }
}

#[test]
fn two_installs_at_once_wait_for_each_other() {
    let system = TempDir::new().unwrap();
    let root = system.path();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(on(root, &["install", "--init", "systemd"]).code, Some(0));
                }
            });
        }
    });
    assert!(on(root, &["install", "--init", "systemd"]).out.starts_with("Installed already"));
}

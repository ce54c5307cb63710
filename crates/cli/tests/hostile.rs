//! Recordings that lie: a clear error, exit 1, nothing written.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::hostile::{Entry, header, packed, write};
use tar::EntryType;
use tempfile::TempDir;

/// Every command that takes a recording refuses this one, says why, and leaves the folder alone.
fn refused(folder: &TempDir, file: &Path, why: &str) {
    let before = names(folder.path());
    let copy = folder.path().join("copy.tar.zst");
    let (file, copy) = (file.to_str().unwrap(), copy.to_str().unwrap());
    for words in [
        &["list"][..],
        &["show", "0b:00.0"],
        &["groups"],
        &["compare", "0b:00.0"],
        &["record", copy],
    ] {
        let mut words = words.to_vec();
        words.extend(["--root", file]);
        let ran = support::run(&words);
        assert_eq!(ran.code, Some(1), "{words:?}: {}{}", ran.out, ran.err);
        assert_eq!(ran.out, "", "{words:?}");
        assert!(ran.err.starts_with("error: ") && ran.err.contains(why), "{words:?}: {}", ran.err);
    }
    assert_eq!(names(folder.path()), before);
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

fn refused_entry(entry: Entry, why: &str) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("host.tar.zst");
    write(&file, &[Entry::of(EntryType::Directory, "sys/"), entry]);
    refused(&folder, &file, why);
}

#[test]
fn paths_that_lead_out_are_refused() {
    refused_entry(Entry::file("../../etc/passwd", b"x"), "leads out of it");
    refused_entry(Entry::file("sys/../../../etc/passwd", b"x"), "leads out of it");
    refused_entry(Entry::file("/etc/passwd", b"x"), "leads out of it");
}

#[test]
fn what_is_neither_file_nor_folder_nor_link_is_refused() {
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo, EntryType::Link] {
        refused_entry(Entry::of(kind, "sys/device"), "neither file, folder nor link");
    }
}

#[test]
fn a_huge_file_is_refused_before_it_is_read() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("host.tar.zst");
    let mut huge = header(&Entry::file("sys/huge", b""));
    huge.set_size(1 << 40);
    huge.set_cksum();
    fs::write(&file, packed(huge.as_bytes())).unwrap();
    refused(&folder, &file, "1099511627776 bytes");
}

#[test]
fn a_recording_that_is_cut_short_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("host.tar.zst");
    let whole = fs::read(support::recorded("intel-default")).unwrap();
    for part in [whole.len() / 2, whole.len() - 8] {
        fs::write(&file, &whole[..part]).unwrap();
        refused(&folder, &file, "not a sound recording");
    }
}

#[test]
fn what_is_no_recording_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("host.tar.zst");
    for content in [&b""[..], b"no recording at all", &[0x28, 0xb5, 0x2f, 0xfd, 0xff]] {
        fs::write(&file, content).unwrap();
        refused(&folder, &file, "not a sound recording");
    }
    write(&file, &[Entry::file("home/me/letter", b"dear")]);
    refused(&folder, &file, "neither sys/ nor proc/");
    refused(&folder, &folder.path().join("missing.tar.zst"), "No such file");
}

/// Links may lead anywhere: they are followed inside the recording, and loops end.
#[test]
fn links_lead_nowhere_outside() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("host.tar.zst");
    let device = "sys/bus/pci/devices/0000:00:01.0";
    write(
        &file,
        &[
            Entry::link("sys/bus/pci/devices/0000:00:00.0", "0000:00:00.0"),
            Entry::link("sys/bus/pci/devices/0000:00:02.0", "../../../../../../../../etc"),
            Entry::link(device, "/"),
            Entry::link("vendor", "/etc/passwd"),
        ],
    );
    let ran = support::run(&["list", "--all", "--root", file.to_str().unwrap()]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(!ran.out.contains("root"), "{}", ran.out);
}

/// The same as a folder: its links may not leave it either, nor may it make a reader wait.
#[test]
fn a_folder_is_no_way_out() {
    let folder = TempDir::new().unwrap();
    let devices = folder.path().join("sys/bus/pci/devices");
    let device = folder.path().join("sys/devices/pci0000:00/0000:00:01.0");
    fs::create_dir_all(&devices).unwrap();
    fs::create_dir_all(&device).unwrap();
    std::os::unix::fs::symlink(
        "../../../devices/pci0000:00/0000:00:01.0",
        devices.join("0000:00:01.0"),
    )
    .unwrap();
    std::os::unix::fs::symlink("/etc/passwd", device.join("vendor")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", device.join("device")).unwrap();
    std::os::unix::fs::symlink("class", device.join("class")).unwrap();
    let ran = support::run(&["list", "--all", "--root", folder.path().to_str().unwrap()]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(!ran.out.contains("00:01.0"), "{}", ran.out);
}

/// Names and log lines may hold what a terminal obeys.
#[test]
fn nothing_in_a_recording_reaches_the_terminal_as_a_command() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("host.tar.zst");
    let path = "sys/devices/pci0000:00/0000:00:01.0";
    write(
        &file,
        &[
            Entry::link(
                "sys/bus/pci/devices/0000:00:01.0",
                "../../../devices/pci0000:00/0000:00:01.0",
            ),
            Entry::file("sys/devices/pci0000:00/0000:00:01.0/vendor", b"0x8086"),
            Entry::file("sys/devices/pci0000:00/0000:00:01.0/device", b"0x10c9"),
            Entry::file("sys/devices/pci0000:00/0000:00:01.0/class", b"0x020000"),
            Entry::file("sys/devices/pci0000:00/0000:00:01.0/sriov_totalvfs", b"7"),
            Entry::link("sys/devices/pci0000:00/0000:00:01.0/driver", "../../x/\x1b]0;owned\x07"),
        ],
    );
    assert!(path.len() < 100);
    for words in [
        &["list"][..],
        &["list", "--tree"],
        &["list", "--all"],
        &["show", "00:01.0"],
        &["groups"],
        &["compare", "00:01.0"],
    ] {
        let mut words = words.to_vec();
        words.extend(["--color", "never", "--root", file.to_str().unwrap()]);
        let ran = support::run(&words);
        assert!(
            !ran.out.is_empty() && !ran.out.contains(['\x1b', '\x07']),
            "{words:?}: {:?}",
            ran.out
        );
    }
}

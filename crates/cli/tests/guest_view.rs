//! `virtfn show --guest`: what a guest reaches of a function, and what of that could not be seen.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use support::{errs, on, run, with_files};
use tempfile::TempDir;

#[test]
fn what_a_guest_reaches_of_a_pf_and_a_vf() {
    let told = ["01:00.0", "enp1s0/2"].map(|device| {
        let ran = on("intel-default", &["show", device, "--guest"]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{device}");
        assert!(ran.out.lines().all(|line| line.chars().count() <= 100), "{}", ran.out);
        ran.out
    });
    insta::assert_snapshot!("guest", told.join("\n---\n\n"));
}

/// The recorded machine with another config space in its card.
fn with_config(change: fn(Vec<u8>) -> Vec<u8>) -> TempDir {
    let host = with_files(&[]);
    let config = host.path().join("sys/bus/pci/devices/0000:01:00.0/config");
    let config = std::fs::canonicalize(config).unwrap();
    std::fs::write(&config, change(std::fs::read(&config).unwrap())).unwrap();
    host
}

/// What could not be seen is not said to be closed: without privilege the kernel shows 64 bytes, and
/// a device that is gone answers nothing but ones.
#[test]
fn what_could_not_be_seen_of_a_guests_view_is_said() {
    for (change, first, says, never) in [
        (
            (|mut bytes| {
                bytes.truncate(64);
                bytes
            }) as fn(Vec<u8>) -> Vec<u8>,
            "01:00.0 in a guest: of its first 64 bytes alone, 3 registers straight",
            "What lies behind them is unknown; 3 BARs are straight memory.",
            "PCI Express",
        ),
        (
            |bytes| vec![0xff; bytes.len()],
            "01:00.0 in a guest: unknown: its config space could not be seen.",
            "it does not answer: gone, or asleep",
            "registers",
        ),
    ] {
        let host = with_config(change);
        let ran = run(&["show", "01:00.0", "--guest", "--root", host.path().to_str().unwrap()]);
        assert_eq!(ran.code, Some(5), "{}{}", ran.out, ran.err);
        assert!(ran.out.starts_with(first), "{}", ran.out);
        assert!(ran.out.contains(says) && ran.out.contains("\nNot seen\n  config"), "{}", ran.out);
        let own = ran.out.split("Beyond config space").next().unwrap();
        assert!(!own.contains(never), "{}", ran.out);
    }
}

#[test]
fn a_bridge_goes_to_no_guest() {
    errs(
        &on("intel-default", &["show", "00:01.0", "--guest"]),
        1,
        &[
            "error: 00:01.0: no guest's view: a bridge goes to no guest",
            "hint: virtfn show 00:01.0",
        ],
    );
}

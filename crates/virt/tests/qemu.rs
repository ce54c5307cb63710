//! The client of QMP against the real QEMU, without KVM and without a guest.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that cannot unwrap has failed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use virtfn_virt::{Qmp, Unplug, VirtError};

const LIMIT: Duration = Duration::from_secs(30);
/// How long a guest that is not there is waited for.
const SHORT: Duration = Duration::from_millis(200);

/// A QEMU that stands still (`-S`), with the root ports `rp1` and `rp2`, and ends with this value.
struct Machine {
    process: Child,
    folder: tempfile::TempDir,
}

impl Machine {
    /// Starts it with these arguments more.
    fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let monitor = format!("unix:{},server=on,wait=off", folder.path().join("qmp").display());
        let process = Command::new("qemu-system-x86_64")
            .args(["-nodefaults", "-M", "q35", "-m", "16", "-display", "none", "-S"])
            .args(["-qmp", &monitor])
            .args(["-device", "pcie-root-port,id=rp1,chassis=1"])
            .args(["-device", "pcie-root-port,id=rp2,chassis=2"])
            .args(more)
            .stdin(Stdio::null())
            .spawn()
            .expect("qemu-system-x86_64 does not start: `cargo xtask setup` installs it");
        Self { process, folder }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("qmp")
    }

    /// Connects as soon as QEMU has made the socket.
    fn monitor(&self) -> Qmp {
        let started = Instant::now();
        loop {
            match Qmp::open(&self.socket(), LIMIT) {
                Err(VirtError::NoMonitor { .. }) if started.elapsed() < LIMIT => {
                    std::thread::yield_now();
                }
                other => return other.unwrap(),
            }
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `device_add` of the simplest device of PCI Express that there is.
fn rng(id: &str, bus: &str) -> Map<String, Value> {
    let arguments = json!({"driver": "virtio-rng-pci", "id": id, "bus": bus});
    arguments.as_object().unwrap().clone()
}

#[test]
fn a_device_is_plugged_in_and_a_guest_that_is_not_there_keeps_it() {
    let machine = Machine::start(&[]);
    let mut qmp = machine.monitor();
    let status = qmp.status().unwrap();
    assert_eq!((status.running, status.status.as_str()), (false, "prelaunch"));
    assert_eq!(qmp.free_ports().unwrap(), ["rp1", "rp2"]);

    qmp.device_add(rng("rng0", "rp1")).unwrap();
    assert_eq!(qmp.free_ports().unwrap(), ["rp2"]);
    let drivers: Vec<String> =
        qmp.peripherals().unwrap().into_iter().map(|device| device.driver).collect();
    assert_eq!(drivers.iter().filter(|driver| *driver == "virtio-rng-pci").count(), 1);
    assert!(qmp.pci().unwrap().iter().any(|device| device.id == "rp1"));
    assert_eq!(qmp.vfio_devices().unwrap(), []);

    qmp.device_del("rng0").unwrap();
    let error = qmp.await_unplug("rng0", SHORT).unwrap_err();
    assert!(matches!(error, VirtError::TimedOut { .. }), "{error}");
    assert!(error.to_string().contains("still has the device"), "{error}");
    assert_eq!(qmp.free_ports().unwrap(), ["rp2"]);
}

/// With native hot-plug, a slot whose power no guest ever turned on gives its device up at once
/// (hw/pci/pcie.c).
#[test]
fn a_device_that_comes_out_is_told_by_its_event() {
    let machine = Machine::start(&["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"]);
    let mut qmp = machine.monitor();
    for _ in 0..3 {
        qmp.device_add(rng("rng0", "rp1")).unwrap();
        qmp.device_del("rng0").unwrap();
        assert_eq!(qmp.await_unplug("rng0", LIMIT).unwrap(), Unplug::Removed);
        assert_eq!(qmp.free_ports().unwrap(), ["rp1", "rp2"]);
    }
}

#[test]
fn a_port_without_hotplug_is_not_free() {
    let machine = Machine::start(&["-device", "pcie-root-port,id=rp3,chassis=3,hotplug=off"]);
    assert_eq!(machine.monitor().free_ports().unwrap(), ["rp1", "rp2"]);
}

#[test]
fn a_second_client_is_told_that_another_one_holds_the_monitor() {
    let machine = Machine::start(&[]);
    let _first = machine.monitor();
    let error = Qmp::open(&machine.socket(), SHORT).unwrap_err();
    assert!(matches!(error, VirtError::TimedOut { .. }), "{error}");
    assert!(error.to_string().contains("another one holds this one"), "{error}");
}

#[test]
fn a_machine_that_dies_ends_the_wait() {
    let mut machine = Machine::start(&[]);
    let mut qmp = machine.monitor();
    machine.process.kill().unwrap();
    let error = qmp.await_unplug("rng0", LIMIT).unwrap_err();
    assert!(matches!(error, VirtError::Torn { peer: "QEMU", .. }), "{error}");
}

#[test]
fn no_qemu_is_said_as_such() {
    let error = Qmp::open(Path::new("/nowhere/qmp"), LIMIT).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/nowhere/qmp: no QEMU listens there: No such file or directory (os error 2)"
    );
}

/// What this QEMU says is what the table of known refusals has.
#[test]
fn the_refusals_of_this_qemu_are_explained() {
    let machine = Machine::start(&[]);
    let mut qmp = machine.monitor();
    qmp.device_add(rng("rng0", "rp1")).unwrap();
    qmp.device_del("rng0").unwrap();
    let cases = [
        (json!({"driver": "virtio-rng-pci", "bus": "pcie.0"}), "takes devices only before"),
        (json!({"driver": "virtio-rng-pci", "bus": "rp9"}), "no port of this name"),
        (json!({"driver": "virtio-rng-pci", "bus": "rp2", "id": "rng0"}), "this id already"),
        (json!({"driver": "virtio-rng-pci", "bus": "rp1"}), "in this place already"),
        (json!({"driver": "pci-assign", "host": "0b:10.0"}), "before VFIO"),
        (json!({"driver": "e1001"}), "no device e1001"),
        (json!({"driver": "virtio-rng-pci", "bus": "rp2", "romfile": "/nowhere"}), "boot ROM"),
        (
            json!({"driver": "vfio-pci", "bus": "rp2", "host": "ffff:ff:1f.7"}),
            "no device at this address",
        ),
    ];
    for (arguments, part) in cases {
        let told = arguments.to_string();
        let error = qmp.device_add(arguments.as_object().unwrap().clone()).expect_err(&told);
        let why = error.explanation().unwrap_or_else(|| panic!("{told}: unknown: {error}"));
        assert!(why.contains(part), "{told}: {error}: {why}");
    }
    let error = qmp.device_del("rng0").unwrap_err();
    assert!(error.explanation().is_some_and(|why| why.contains("asked for it before")), "{error}");
}

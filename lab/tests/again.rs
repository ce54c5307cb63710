//! Recorded machines, booted again: doctor says the same of the machine, of virtfn's own recording
//! of it, and of the recording that was there before, wherever that one has evidence.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use virtfn_kernel::SysRoot;
use virtfn_lab::{self as lab, Guest, Topology};

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/hosts");
/// Without `--all`: a machine with another maker's IOMMU, and one with a fault.
const SAMPLE: [&str; 2] = ["amd-default", "intel-switch"];

/// What doctor says, by rule and object.
type Verdicts = BTreeMap<(String, String), String>;

fn verdicts(told: &Value) -> Verdicts {
    let text = |finding: &Value, member: &str| finding[member].as_str().unwrap().to_owned();
    let findings = told["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| {
            let of = (text(finding, "rule"), text(finding, "object"));
            (of, text(finding, "verdict"))
        })
        .collect()
}

/// Doctor's word on a recording on this host.
fn doctor_on(recording: &Path) -> Verdicts {
    let virtfn = std::env::var_os("VIRTFN_LAB_VIRTFN").unwrap();
    let told =
        Command::new(virtfn).args(["doctor", "--json", "--root"]).arg(recording).output().unwrap();
    verdicts(&serde_json::from_slice(&told.stdout).unwrap())
}

/// The machine that a recording says it was made on.
fn machine(name: &str, root: &SysRoot) -> Topology {
    let text = root.text("oracle/machine");
    let text = text.known().unwrap();
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_default().trim().to_owned()
    };
    let mut topology = Topology::find("one-port").unwrap();
    topology.name = format!("again-{name}");
    topology.machine = value("MACH=");
    topology.kernel_arguments = value("CMDL=");
    (topology.devices, topology.netdevs) = (Vec::new(), Vec::new());
    // The devices come last, and may go over several lines.
    let devices = text.split_once("DEVS=").map_or("", |(_, devices)| devices);
    let options = format!("{} {devices}", value("IOMMU="));
    let words: Vec<&str> = options.split_whitespace().collect();
    for pair in words.chunks(2) {
        match pair {
            ["-device", device] => topology.devices.push((*device).to_owned()),
            ["-netdev", netdev] => topology.netdevs.push((*netdev).to_owned()),
            other => panic!("{name}: {other:?}"),
        }
    }
    if name == "intel-4igb" {
        // It says that it has four cards and describes the first.
        for at in 1..4 {
            let slot = at + 1;
            topology.devices.extend([
                format!("pcie-root-port,id=rp{at},chassis={slot},slot={slot}"),
                format!("igb,id=igb{at},bus=rp{at},netdev=h{at},mac=52:54:00:aa:00:0{at}"),
            ]);
        }
    }
    topology
}

/// What was done on the machine before it was recorded: modules loaded, its network set up, VFs
/// made, and what udev does by default: interfaces named by their place, VFs given addresses.
fn prepare(guest: &Guest, root: &SysRoot) {
    let modules = root.text("proc/modules");
    if modules.known().is_some_and(|modules| modules.contains("vfio_pci ")) {
        guest.ok("modprobe vfio-pci");
    }
    let functions = root.names("sys/bus/pci/devices", |_| true);
    let functions = functions.known().unwrap();
    let is_up = |function: &&String| {
        !is_vf(root, function) && interface(root, function, "operstate").as_deref() == Some("up")
    };
    for function in functions.iter().filter(is_up) {
        let name = named(guest, root, function);
        guest.ok(&format!("ip link set dev {name} up"));
    }
    for function in functions {
        let count = root.text(&format!("sys/bus/pci/devices/{function}/sriov_numvfs"));
        if let Some(count) = count.known().filter(|count| *count != "0") {
            guest.ok(&format!("echo {count} > /sys/bus/pci/devices/{function}/sriov_numvfs"));
        }
    }
    for function in functions.iter().filter(|function| is_vf(root, function)) {
        // NET_ADDR_SET: somebody in user space gave it.
        if interface(root, function, "addr_assign_type").as_deref() == Some("3") {
            let name = named(guest, root, function);
            let mac = interface(root, function, "address").unwrap();
            guest.ok(&format!("ip link set dev {name} address {mac}"));
        }
    }
}

fn is_vf(root: &SysRoot, function: &str) -> bool {
    root.link(&format!("sys/bus/pci/devices/{function}/physfn")).known().is_some()
}

/// Names the function's interface as it was recorded; says how.
fn named(guest: &Guest, root: &SysRoot, function: &str) -> String {
    let name = recorded_name(root, function).unwrap();
    let now = name_in(guest, function);
    if now != name {
        guest.ok(&format!("ip link set dev {now} name {name}"));
    }
    name
}

fn recorded_name(root: &SysRoot, function: &str) -> Option<String> {
    let names = root.names(&format!("sys/bus/pci/devices/{function}/net"), |_| true);
    names.known()?.first().cloned()
}

/// An attribute of a function's interface, as recorded.
fn interface(root: &SysRoot, function: &str, attribute: &str) -> Option<String> {
    let net = format!("sys/bus/pci/devices/{function}/net");
    let name = recorded_name(root, function)?;
    root.text(&format!("{net}/{name}/{attribute}")).known().map(|text| text.trim().to_owned())
}

/// What the machine that runs calls the function's interface; its driver may still be at it.
fn name_in(guest: &Guest, function: &str) -> String {
    let net = format!("/sys/bus/pci/devices/{function}/net");
    guest.eventually(&format!("test -d {net}"));
    guest.ok(&format!("ls {net}")).trim().to_owned()
}

fn recordings() -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(RECORDINGS).unwrap().map(|entry| entry.unwrap());
    let mut all: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().strip_suffix(".tar.zst")?.to_owned();
            Some((name, entry.path()))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn a_machine_is_judged_as_its_recording() {
    let all = recordings();
    assert!(all.len() >= 12, "{}", all.len());
    for (name, path) in all {
        if !lab::thoroughly() && !SAMPLE.contains(&name.as_str()) {
            continue;
        }
        let root = SysRoot::open(&path).unwrap();
        let guest = lab::boot_this(machine(&name, &root), "6.12");
        prepare(&guest, &root);
        let live = verdicts(&guest.run("virtfn doctor --json").json());
        guest.ok("virtfn record /tmp/own.tar.zst");
        let own = verdicts(&guest.run("virtfn doctor --json --root /tmp/own.tar.zst").json());
        assert_eq!(live, own, "{name}: the machine and its own recording");
        for (of, verdict) in doctor_on(&path) {
            if verdict != "unknown" {
                assert_eq!(live.get(&of), Some(&verdict), "{name}: {of:?}");
            }
        }
    }
}

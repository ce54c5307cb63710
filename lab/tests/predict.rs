//! The kernel is the oracle: the groups that are predicted with the IOMMU off are those that the
//! same machine's kernel makes with it on, and with VFs made.

mod machine;

use std::collections::BTreeSet;

use virtfn_lab::{self as lab, Guest, Topology};

type Partition = BTreeSet<BTreeSet<String>>;

/// How many VFs are supposed, and then made, on each PF.
const VFS: u16 = 3;

/// The groups of a document.
fn groups(guest: &Guest, line: &str) -> Partition {
    let told = guest.json(line);
    let members = |group: &serde_json::Value| {
        let devices = group["devices"].as_array().unwrap().iter();
        devices.map(|device| device.as_str().unwrap().to_owned()).collect()
    };
    told["groups"].as_array().unwrap().iter().map(members).collect()
}

/// The kernel's groups, from sysfs itself.
fn kernel_groups(guest: &Guest) -> Partition {
    let told = guest.ok("for g in /sys/kernel/iommu_groups/*; do echo $(ls $g/devices 2>&-); done");
    let groups = told.lines().filter(|line| !line.is_empty());
    groups.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

/// The same machine with its IOMMU off, where it can be off: without virtio-iommu's driver no other
/// virtio device works, the lab's port among them.
fn switched_off(on: &Topology) -> Option<Topology> {
    let mut off = on.clone();
    off.name = format!("{}-off", on.name);
    if on.kernel_arguments.contains("intel_iommu=on") {
        off.kernel_arguments = on.kernel_arguments.replace("intel_iommu=on", "intel_iommu=off");
    } else if on.devices.iter().any(|device| device.starts_with("amd-iommu")) {
        off.kernel_arguments.push_str(" amd_iommu=off");
    } else {
        return None;
    }
    Some(off)
}

/// Predicts with the IOMMU off; boots again with it on; compares, without VFs and with them.
#[track_caller]
fn compare(on: Topology, kernel: &str) {
    // Machines that no file describes have cards with room for all.
    let vfs = if on.expect.vfs_per_pf == 0 { VFS } else { VFS.min(on.expect.vfs_per_pf) };
    let off = switched_off(&on).unwrap();
    let described = format!("{} on {kernel}: {:#?}", on.name, on.devices);
    let (predicted, with_vfs) = {
        let guest = lab::boot_this(off, kernel);
        assert_eq!(kernel_groups(&guest), Partition::new(), "the IOMMU is off: {described}");
        let with_vfs = groups(&guest, &format!("virtfn groups --predict --vfs {vfs} --json"));
        (groups(&guest, "virtfn groups --predict --json"), with_vfs)
    };
    let guest = lab::boot_this(on, kernel);
    assert_eq!(predicted, kernel_groups(&guest), "{described}");
    assert_eq!(groups(&guest, "virtfn groups --predict --json"), predicted, "{described}");
    guest.ok(&format!(
        "for f in /sys/bus/pci/devices/*/sriov_numvfs; do test ! -e $f || echo {vfs} > $f; done"
    ));
    assert_eq!(with_vfs, kernel_groups(&guest), "with VFs: {described}");
    assert_eq!(groups(&guest, "virtfn groups --json"), with_vfs, "{described}");
}

/// Every machine of the lab whose kernel makes groups; without `--all`, one without ACS and one of
/// another maker.
#[test]
fn the_labs_machines_are_predicted() {
    for topology in Topology::all().unwrap() {
        let sampled =
            lab::thoroughly() || ["no-acs", "amd-iommu"].contains(&topology.name.as_str());
        let can_be_off = switched_off(&topology).is_some();
        let makes_vfs = topology.expect.vfs_per_pf > 0;
        if !sampled || !can_be_off || !makes_vfs || !topology.expect.iommu_groups {
            continue;
        }
        for kernel in topology.kernels.clone() {
            if lab::thoroughly() || kernel == "6.12" {
                compare(topology.clone(), &kernel);
            }
        }
    }
}

/// With virtio-iommu no table says who will be in a group: a function joins when a driver tries it.
/// Of those that have joined, the groups are as predicted, and the IOMMU itself is never foreseen.
#[test]
fn virtio_iommu_is_predicted_for_whoever_has_joined() {
    let guest = lab::boot("virtio-iommu");
    for vfs in [0, VFS] {
        if vfs > 0 {
            guest.ok(&format!("virtfn create 01:00.0 --vfs {vfs}"));
        }
        let made = kernel_groups(&guest);
        let joined: BTreeSet<&String> = made.iter().flatten().collect();
        let predicted = groups(&guest, "virtfn groups --predict --json");
        assert!(!predicted.iter().flatten().any(|address| address == "0000:00:01.0"));
        let of_these = predicted.iter().map(|group| {
            group.iter().filter(|address| joined.contains(address)).cloned().collect()
        });
        let of_these: Partition =
            of_these.filter(|group: &BTreeSet<_>| !group.is_empty()).collect();
        assert_eq!(of_these, made, "with {vfs} VFs");
        assert_eq!(made.iter().flatten().count(), 4 + usize::from(vfs), "{made:?}");
    }
}

/// Machines that chance made: of 32, without `--all` the first three.
fn generated(numbers: std::ops::Range<u64>) {
    let wanted = if lab::thoroughly() { numbers } else { numbers.start..numbers.start + 1 };
    for number in wanted {
        let kernel = if number % 8 == 7 { "6.1" } else { "6.12" };
        compare(machine::generate(number), kernel);
    }
}

// In parts, so that they run beside each other.

#[test]
fn generated_machines_are_predicted_0() {
    generated(0..11);
}

#[test]
fn generated_machines_are_predicted_1() {
    generated(11..22);
}

#[test]
fn generated_machines_are_predicted_2() {
    generated(22..32);
}

#[test]
fn generated_machines_are_many_and_have_all_parts() {
    let all: Vec<Topology> = (0..32).map(machine::generate).collect();
    let devices: BTreeSet<&Vec<String>> = all.iter().map(|one| &one.devices).collect();
    assert_eq!(devices.len(), all.len(), "no two are the same");
    for part in [
        "pxb-pcie",
        "disable-acs=on",
        "xio3130-downstream",
        "pcie-pci-bridge",
        "multifunction=on",
        "igb,",
        "e1000e,",
        "e1000,",
    ] {
        let has = |one: &&Topology| one.devices.iter().any(|device| device.contains(part));
        assert!(all.iter().filter(has).count() >= 3, "{part}");
    }
    let taken = |one: &&Topology| one.kernel_arguments.contains("disable_acs_redir");
    assert!(all.iter().filter(taken).count() >= 3);
}

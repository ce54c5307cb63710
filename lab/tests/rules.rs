//! Faults made on a sound machine that runs: each fires exactly its rule, and none is left when it
//! is mended.

use std::collections::BTreeSet;

use virtfn_lab::{self as lab, Guest};

/// A fault: the rule it fires, how it is made, and how it is mended.
const FAULTS: [(&str, &str, &str); 4] = [
    (
        "no-flr",
        "echo > /sys/bus/pci/devices/0000:0b:10.0/reset_method",
        "echo default > /sys/bus/pci/devices/0000:0b:10.0/reset_method",
    ),
    (
        "autoprobe-left-off",
        "echo 0 > /sys/bus/pci/devices/0000:0b:00.0/sriov_drivers_autoprobe",
        "echo 1 > /sys/bus/pci/devices/0000:0b:00.0/sriov_drivers_autoprobe",
    ),
    (
        "bus-autoprobe-off",
        "echo 0 > /sys/bus/pci/drivers_autoprobe",
        "echo 1 > /sys/bus/pci/drivers_autoprobe",
    ),
    (
        "vf-driver-override-stale",
        "echo vfio-pci > /sys/bus/pci/devices/0000:0b:10.0/driver_override",
        "echo > /sys/bus/pci/devices/0000:0b:10.0/driver_override",
    ),
];

/// The rules that fail or warn.
fn fired(guest: &Guest, doctor: &str) -> BTreeSet<String> {
    let told = guest.run(doctor).json();
    let findings = told["findings"].as_array().unwrap().iter();
    let wrong = findings.filter(|one| matches!(one["verdict"].as_str(), Some("fail" | "warn")));
    wrong.map(|one| one["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_fault_made_on_a_sound_machine_fires_its_rule_alone() {
    let seed = lab::boot("seed");
    seed.ok("modprobe vfio-pci && virtfn create 0b:00.0 --vfs 2");
    let sound = fired(&seed, "virtfn doctor --json");
    for (rule, make, mend) in FAULTS {
        assert!(!sound.contains(rule), "{rule} fires on a sound machine");
        seed.ok(make);
        let faulty = fired(&seed, "virtfn doctor --json");
        seed.ok(mend);
        let new: Vec<&String> = faulty.difference(&sound).collect();
        assert_eq!(new, [rule]);
        assert_eq!(fired(&seed, "virtfn doctor --json"), sound, "{rule}, mended");
    }
}

/// Whoever is not root may lock little memory, and a DPDK program finds no huge pages.
#[test]
fn what_a_program_needs_is_judged_for_who_asks() {
    let seed = lab::boot("seed");
    let nobody = fired(&seed, "busybox su -s /bin/sh nobody -c 'virtfn doctor --json'");
    assert!(nobody.contains("memlock-too-small"), "{nobody:?}");
    assert!(!fired(&seed, "virtfn doctor --json").contains("memlock-too-small"));
    let dpdk = fired(&seed, "virtfn doctor --json --for dpdk");
    assert!(dpdk.contains("hugepages-none"), "{dpdk:?}");
    assert!(!fired(&seed, "virtfn doctor --json").contains("hugepages-none"));
}

#[test]
fn a_narrow_iommu_fires_its_rule_alone() {
    let sound = fired(&lab::boot("one-port"), "virtfn doctor --json");
    let narrow = fired(&lab::boot("narrow-iommu"), "virtfn doctor --json");
    let new: Vec<&String> = narrow.difference(&sound).collect();
    assert_eq!(new, ["iova-width-39-bit"]);
}

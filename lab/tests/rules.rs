//! Faults made on a sound machine that runs: each fires exactly its rule, and none is left when it
//! is mended.

use std::collections::BTreeSet;

use virtfn_lab::{self as lab, Guest};

/// A fault: the rule it fires, how it is made, and how it is mended.
const FAULTS: [(&str, &str, &str); 8] = [
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
    (
        "new-id-pollution",
        "echo 0000:0b:10.0 > /sys/bus/pci/drivers/igbvf/unbind && \
         echo 8086 10ca > /sys/bus/pci/drivers/vfio-pci/new_id",
        "echo 8086 10ca > /sys/bus/pci/drivers/vfio-pci/remove_id && \
         echo 0000:0b:10.0 > /sys/bus/pci/drivers/vfio-pci/unbind && \
         echo 0000:0b:10.0 > /sys/bus/pci/drivers_probe",
    ),
    (
        "interrupt-remapping-off",
        "echo Y > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
        "echo N > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
    ),
    (
        "dma-entries-limited",
        "echo 1000 > /sys/module/vfio_iommu_type1/parameters/dma_entry_limit",
        "echo 65535 > /sys/module/vfio_iommu_type1/parameters/dma_entry_limit",
    ),
    (
        "vfio-ids-capture-vfs",
        "mkdir -p /etc/modprobe.d && \
         echo options vfio-pci ids=8086:10ca > /etc/modprobe.d/lab.conf",
        "rm /etc/modprobe.d/lab.conf",
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

//! Faults made on a sound machine that runs: each fires exactly its rule, and none is left when it
//! is mended.

use std::collections::BTreeSet;

use virtfn_lab::{self as lab, Guest};

/// A fault: the rule it fires, how it is made, and how it is mended.
const FAULTS: [(&str, &str, &str); 17] = [
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
    (
        "pf-carries-default-route",
        "ip addr add 10.9.9.1/24 dev eth0 && \
         ip route add default via 10.9.9.2 dev eth0",
        "ip route del default && ip addr del 10.9.9.1/24 dev eth0",
    ),
    (
        "vf-on-bridge",
        "ip link add br0 type bridge && ip link set dev $(VF) master br0",
        "ip link del br0",
    ),
    (
        "pf-on-bridge",
        "ip link add br0 type bridge && ip link set dev eth0 master br0",
        "ip link del br0",
    ),
    (
        "vf-lag-not-active",
        "modprobe bonding max_bonds=0 && ip link add bond0 type bond mode active-backup && \
         ip link set dev eth0 down && ip link set dev eth0 master bond0",
        "ip link set dev eth0 nomaster && ip link del bond0 && ip link set dev eth0 up",
    ),
    (
        "vlan-tagged-twice",
        "ip link add link $(VF) name inner type vlan id 5 && ip link set eth0 vf 0 vlan 42",
        "ip link set eth0 vf 0 vlan 0 && ip link del inner",
    ),
    ("vf-name-not-kept", "ip link set dev eth0 name ens1f0", "ip link set dev ens1f0 name eth0"),
    (
        "host-manages-vf",
        "mkdir -p /run/NetworkManager/devices && \
         printf '[device]\\nmanaged=true\\n' > \
         /run/NetworkManager/devices/$(cat /sys/class/net/$(VF)/ifindex)",
        "rm -r /run/NetworkManager",
    ),
    (
        "libvirt-left-settings",
        "mkdir -p /run/libvirt/hostdevmgr && echo {} > /run/libvirt/hostdevmgr/eth0_vf0",
        "rm -r /run/libvirt",
    ),
    (
        "link-file-not-effective",
        "mkdir -p /etc/systemd/network /run/udev/data && \
         printf '[Match]\\nName=eth0\\n[Link]\\nSR-IOVVirtualFunctions=2\\n' \
         > /etc/systemd/network/pf.link && \
         echo E:ID_NET_LINK_FILE=/usr/lib/systemd/network/99-default.link \
         > /run/udev/data/n$(cat /sys/class/net/eth0/ifindex)",
        "rm /etc/systemd/network/pf.link /run/udev/data/n$(cat /sys/class/net/eth0/ifindex)",
    ),
];

/// The name of the first VF's interface, wherever a fault's line says `$(VF)`.
const VF_NAME: &str = "$(ls /sys/bus/pci/devices/0000:0b:10.0/net)";

/// A machine with two VFs on a port that has its link: a VF's driver needs its port's answers.
fn sound_machine() -> Guest {
    let seed = lab::boot("seed");
    change(&seed, "modprobe vfio-pci && ip link set eth0 up");
    change(&seed, "virtfn create 0b:00.0 --vfs 2");
    seed
}

/// Runs a line, and waits until the port has its link again.
fn change(guest: &Guest, line: &str) {
    guest.ok(&line.replace("$(VF)", VF_NAME));
    guest.eventually("test \"$(cat /sys/bus/pci/devices/0000:0b:00.0/net/*/carrier)\" = 1");
}

/// The rules that fail or warn.
fn fired(guest: &Guest, doctor: &str) -> BTreeSet<String> {
    let told = guest.run(doctor).json();
    let findings = told["findings"].as_array().unwrap().iter();
    let wrong = findings.filter(|one| matches!(one["verdict"].as_str(), Some("fail" | "warn")));
    wrong.map(|one| one["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_fault_made_on_a_sound_machine_fires_its_rule_alone() {
    let seed = sound_machine();
    let sound = fired(&seed, "virtfn doctor --json");
    for (rule, make, mend) in FAULTS {
        assert!(!sound.contains(rule), "{rule} fires on a sound machine");
        change(&seed, make);
        let faulty = fired(&seed, "virtfn doctor --json");
        change(&seed, mend);
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

/// A user whose program shall have a VF may not open its node until somebody lets him.
#[test]
fn a_node_that_may_not_be_opened_is_told_to_who_asks() {
    let seed = lab::boot("seed");
    seed.ok("modprobe vfio-pci && virtfn create 0b:00.0 --vfs 1 --driver vfio-pci");
    let asked = "busybox su -s /bin/sh nobody -c 'virtfn doctor --json --for dpdk'";
    assert!(fired(&seed, asked).contains("vfio-node-not-permitted"));
    let group = seed.ok("basename $(readlink /sys/bus/pci/devices/0000:0b:10.0/iommu_group)");
    seed.ok(&format!("chmod 666 /dev/vfio/{}", group.trim()));
    assert!(!fired(&seed, asked).contains("vfio-node-not-permitted"));
}

/// A kernel that refused VFs says why in its log, which keeps it: a machine of its own.
#[test]
fn a_refusal_of_vfs_is_found_in_the_log() {
    let seed = lab::fresh("seed");
    seed.ok("virtfn create 0b:00.0 --vfs 2");
    let sound = fired(&seed, "virtfn doctor --json");
    seed.run("busybox sh -c 'echo 3 > /sys/bus/pci/devices/0000:0b:00.0/sriov_numvfs'").exits(1);
    let refused = fired(&seed, "virtfn doctor --json");
    let new: Vec<&String> = refused.difference(&sound).collect();
    assert_eq!(new, ["making-vfs-refused"]);
}

/// A recording carries what the machine is like beside its functions, and who lays down what.
#[test]
fn a_recording_carries_the_platform_and_the_claims() {
    let seed = sound_machine();
    for (rule, make, mend) in FAULTS {
        change(&seed, make);
        let live = fired(&seed, "virtfn doctor --json");
        seed.ok("virtfn record --force /tmp/faulty.tar.zst");
        change(&seed, mend);
        let replayed = fired(&seed, "virtfn doctor --json --root /tmp/faulty.tar.zst");
        assert!(live.contains(rule), "{rule}");
        assert_eq!(replayed, live, "{rule}, recorded");
    }
}

#[test]
fn a_narrow_iommu_fires_its_rule_alone() {
    let sound = fired(&lab::boot("one-port"), "virtfn doctor --json");
    let narrow = fired(&lab::boot("narrow-iommu"), "virtfn doctor --json");
    let new: Vec<&String> = narrow.difference(&sound).collect();
    assert_eq!(new, ["iova-width-39-bit"]);
}

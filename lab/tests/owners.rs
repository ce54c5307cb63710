//! Other owners' real files, and VFs with the faults that traffic suffers from: each fires its rule
//! and no other.

use std::collections::BTreeSet;

use virtfn_lab::{self as lab, Guest};

const PF: &str = "0b:00.0";

/// The rules that do not pass on the first port and its VFs. What an earlier test on the same machine
/// was refused stays in the kernel's log, and is no word of this one.
fn warned(guest: &Guest) -> BTreeSet<String> {
    let told = guest.run(&format!("virtfn doctor {PF} --json")).json();
    let findings = told["findings"].as_array().unwrap();
    let warned = findings
        .iter()
        .filter(|one| one["verdict"] == "warn" || one["verdict"] == "fail")
        .filter(|one| one["rule"] != "making-vfs-refused");
    warned.map(|one| one["rule"].as_str().unwrap().to_owned()).collect()
}

fn expect(guest: &Guest, rules: &[&str], why: &str) {
    let rules: BTreeSet<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
    assert_eq!(warned(guest), rules, "{why}");
}

/// Puts a file into the guest.
fn write(guest: &Guest, path: &str, text: &str) {
    let (folder, _) = path.rsplit_once('/').unwrap();
    guest.ok(&format!("mkdir -p {folder} && printf '{text}' > {path}"));
}

fn bring_up(guest: &Guest) {
    guest.ok("ip link set eth0 up");
    guest.eventually("grep -q 1 /sys/class/net/eth0/carrier");
}

/// A guest of libvirt's that is given the first VF.
fn domain(name: &str) -> String {
    let address = "<address domain=\"0x0000\" bus=\"0x0b\" slot=\"0x10\" function=\"0x0\"/>";
    format!(
        "<domain>\\n<name>{name}</name>\\n<hostdev type=\"pci\"><source>{address}</source></hostdev></domain>"
    )
}

/// netplan's file, which claims the first port in every pair.
const NETPLAN: (&str, &str) = (
    "/etc/netplan/50-vfs.yaml",
    "network:\\n  version: 2\\n  ethernets:\\n    eth0:\\n      virtual-function-count: 4\\n",
);

/// Files of other owners that claim the same number of VFs.
const RIVALS: [(&str, &str); 5] = [
    (
        "/etc/systemd/network/10-pf.link",
        "[Match]\\nPath=pci-0000:0b:00.0\\n[Link]\\nSR-IOVVirtualFunctions=7\\n",
    ),
    (
        "/etc/NetworkManager/system-connections/pf.nmconnection",
        "[connection]\\ninterface-name=eth0\\n[wifi-security]\\npsk=sesame\\n[sriov]\\ntotal-vfs=7\\npreserve-on-down=1\\n",
    ),
    (
        "/etc/udev/rules.d/90-vfs.rules",
        "SUBSYSTEM==\"pci\", KERNEL==\"0000:0b:00.0\", ATTR{sriov_numvfs}=\"7\"\\n",
    ),
    ("/etc/sysfs.d/vfs.conf", "bus/pci/devices/0000:0b:00.0/sriov_numvfs = 7\\n"),
    (
        "/etc/network/interfaces",
        "iface eth0 inet manual\\n  up echo 7 > /sys/class/net/$IFACE/device/sriov_numvfs\\n",
    ),
];

#[test]
fn two_owners_of_a_port_are_told_apart_and_named() {
    let seed = lab::boot("seed");
    expect(&seed, &[], "nobody's port");
    write(&seed, NETPLAN.0, NETPLAN.1);
    expect(&seed, &[], "netplan's alone");
    for (path, text) in RIVALS {
        write(&seed, path, text);
        expect(&seed, &["two-owners"], path);
        let told = seed.run(&format!("virtfn doctor {PF}"));
        told.exits(0).says(&NETPLAN.0[1..]).says(&path[1..]).does_not_say("sesame");
        seed.ok(&format!("rm {path}"));
    }
    let dry = seed.run(&format!("virtfn create {PF} --vfs 2 --dry-run"));
    dry.exits(0).says("note: 0b:00.0: netplan lays down 4 VFs").says("/etc/netplan/50-vfs.yaml:5");
    // Nobody but root may read netplan's files, and who cannot read them does not know.
    seed.ok(&format!("chmod 600 {}", NETPLAN.0));
    let told = seed.run(&format!("busybox su -s /bin/sh nobody -c 'virtfn doctor {PF} --json'"));
    let told = told.json();
    let findings = told["findings"].as_array().unwrap();
    let owners = findings.iter().find(|one| one["rule"] == "two-owners").unwrap();
    assert_eq!(owners["verdict"], "unknown");
    seed.ok(&format!(
        "rm -r {} /etc/systemd /etc/NetworkManager /etc/udev/rules.d/90* /etc/sysfs.d; true",
        NETPLAN.0
    ));
    seed.ok("rm -rf /etc/netplan");
}

#[test]
fn an_owner_that_forgets_or_comes_late_is_named() {
    let seed = lab::boot("seed");
    for (path, text, rule) in [
        (
            "/etc/NetworkManager/system-connections/pf.nmconnection",
            "[connection]\\ninterface-name=eth0\\n[sriov]\\ntotal-vfs=7\\n",
            "owner-resets-on-down",
        ),
        (
            "/etc/systemd/network/20-pf.network",
            "[Match]\\nName=eth0\\n[SR-IOV]\\nVirtualFunction=0\\n",
            "sriov-section-empty",
        ),
        (
            "/etc/rc.local",
            "#!/bin/sh\\necho 7 > /sys/class/net/eth0/device/sriov_numvfs\\n",
            "vfs-made-late",
        ),
    ] {
        write(&seed, path, text);
        expect(&seed, &[rule], path);
        seed.run(&format!("virtfn explain {rule}")).exits(0);
        seed.ok(&format!("rm {path}"));
    }
    expect(&seed, &[], "all gone");
}

#[test]
fn drivers_settings_and_module_options_have_owners_too() {
    let seed = lab::boot("seed");
    write(&seed, "/etc/driverctl.d/pci-0000:0b:10.0", "igbvf\\n");
    write(&seed, "/etc/modprobe.d/vf.conf", "options vfio-pci ids=8086:10ca\\n");
    bring_up(&seed);
    seed.ok(&format!("virtfn create {PF} --vfs 1 --mac auto"));
    seed.eventually("grep -q 1 /sys/class/net/eth0/carrier");
    let told = ["two-owners", "vfio-ids-capture-vfs", "vfs-not-kept"];
    expect(&seed, &told, "two drivers for a VF, one by its ids");
    seed.ok("rm /etc/driverctl.d/* /etc/modprobe.d/vf.conf");
    let neutron = "/etc/neutron/plugins/ml2/sriov_agent.ini";
    write(&seed, neutron, "[sriov_nic]\\nphysical_device_mappings = physnet1:eth0\\n");
    let network = "/etc/systemd/network/20-pf.network";
    write(&seed, network, "[Match]\\nName=eth0\\n[SR-IOV]\\nVirtualFunction=0\\nTrust=yes\\n");
    expect(&seed, &["two-owners", "vfs-not-kept"], "two that set VFs");
    seed.ok(&format!("rm {neutron} {network}"));
    write(&seed, "/etc/modprobe.d/igb.conf", "options igb max_vfs=1\\n");
    expect(&seed, &["vfs-from-module-option"], "a module option keeps them");
    seed.ok("rm /etc/modprobe.d/igb.conf");
    expect(&seed, &["vfs-not-kept"], "all gone");
    seed.ok(&format!("virtfn destroy {PF} && ip link set eth0 down"));
}

#[test]
fn a_vf_that_has_no_traffic_says_why() {
    let seed = lab::boot("seed");
    let link = "/etc/systemd/network/10-pf.link";
    write(&seed, link, "[Match]\\nPath=pci-0000:0b:00.0\\n[Link]\\nSR-IOVVirtualFunctions=2\\n");
    seed.ok(&format!("virtfn create {PF} --vfs 2"));
    expect(&seed, &["vf-mac-random", "vf-pf-link-down"], "as igb makes them");
    bring_up(&seed);
    expect(&seed, &["vf-mac-random"], "with a link");
    // A VF's driver that starts while the port is down does not learn its address.
    seed.ok(&format!("virtfn destroy {PF} && ip link set eth0 down"));
    seed.ok(&format!("virtfn create {PF} --vfs 2 --mac auto"));
    bring_up(&seed);
    expect(&seed, &["vf-mac-not-in-use"], "an address that came to nobody");
    seed.ok(&format!("virtfn destroy {PF} && virtfn create {PF} --vfs 2 --mac auto"));
    seed.eventually("grep -q 1 /sys/class/net/eth0/carrier");
    expect(&seed, &[], "with addresses");
    seed.ok("ip link set eth0 vf 0 spoofchk off");
    expect(&seed, &["spoofchk-off"], "spoof check");
    seed.ok("ip link set eth0 vf 0 spoofchk on");
    let netdev = seed.ok("ls /sys/bus/pci/devices/0000:0b:10.0/net").trim().to_owned();
    seed.ok(&format!("ip link set {netdev} mtu 2000"));
    expect(&seed, &["vf-mtu-above-pf"], "large packets");
    seed.ok(&format!("ip link set {netdev} mtu 1500"));
    for guest in ["one", "two"] {
        write(&seed, &format!("/etc/libvirt/qemu/{guest}.xml"), &domain(guest));
    }
    expect(&seed, &["vf-in-two-domains"], "two guests");
    seed.ok("rm -r /etc/libvirt");
    seed.ok("virtfn bind 0b:10.0 --none && virtfn bind 0b:10.2 --none");
    seed.ok("ip link set eth0 vf 0 mac 52:54:00:00:00:42 && ip link set eth0 vf 1 mac 52:54:00:00:00:42");
    expect(&seed, &["vf-mac-duplicate", "vf-without-driver"], "one address for two, unbound");
    seed.ok(&format!("virtfn destroy {PF} && ip link set eth0 down && rm {link}"));
}

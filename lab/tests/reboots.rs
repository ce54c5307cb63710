//! Installed on a machine with systemd: the VFs are there after each start, before the network, after
//! each reload of the driver, and after a power cut; uninstalled, nothing is left.

use virtfn_lab::{self as lab, Guest};

const POLICY: &str = "version: 1\n\
    pfs:\n\
    - match: { pci: \"0000:0b:00.0\" }\n  \
      vfs: 7\n  \
      defaults: { mac: auto }\n  \
      vf:\n    \
        0:   { mac: \"52:54:00:6d:90:02\", vlan: 42, driver: vfio-pci }\n    \
        1-3: { driver: default }\n\
    - match: { pci: \"0000:0b:00.1\" }\n  \
      vfs: 7\n  \
      defaults: { mac: auto, driver: vfio-pci }\n";

/// VFs with their drivers, and what their PFs say of their addresses and VLANs.
const STATE: &str = "set -e; for vf in /sys/bus/pci/devices/0000:0b:00.?/virtfn*; do \
     d=$(readlink $vf/driver); echo ${vf#/sys/bus/pci/devices/} ${d##*/}; done; \
     for pf in /sys/bus/pci/devices/0000:0b:00.?/net/*; do \
     ip link show dev ${pf##*/} > /run/link; sed -n 's/,* spoof.*//; s/^ *vf/vf/p' /run/link; done";

/// A unit that stands for what needs VFs: it writes down what there is when it starts.
const PROBE: &str = "[Unit]\nDefaultDependencies=no\nAfter=network-pre.target\nBefore=multi-user.target\nWants=network-pre.target\n\
     [Service]\nType=oneshot\nExecStart=/bin/sh /root/state /run/seen\n\
     [Install]\nWantedBy=multi-user.target\n";

/// What is there when the power goes: the unit has just made the first VFs, gives the last of them
/// its driver, is at the second PF, is through with it.
const CUTS: [&str; 5] = [
    "0000:0b:00.0/virtfn0",
    "0000:0b:00.0/virtfn0/driver",
    "0000:0b:00.0/virtfn3/net",
    "0000:0b:00.1/virtfn6",
    "0000:0b:00.1/virtfn6/driver",
];

fn prepare(guest: &Guest) {
    guest.ok(&format!(
        "mkdir -p /etc/virtfn && cat > /etc/virtfn/policy.yaml <<'END'\n{POLICY}\nEND"
    ));
    guest.ok(&format!("cat > /root/state <<'END'\nexec > $1\n{STATE}\nEND"));
    guest.ok(&format!(
        "cat > /etc/systemd/system/probe.service <<'END'\n{PROBE}\nEND\nsystemctl enable probe.service"
    ));
}

fn state(guest: &Guest) -> String {
    guest.ok("sh /root/state /dev/stdout")
}

fn assert_wanted(state: &str) {
    assert_eq!(state.lines().filter(|line| line.contains("/virtfn")).count(), 14, "{state}");
    assert!(state.contains("0000:0b:00.0/virtfn0 vfio-pci\n"), "{state}");
    for vf in 1..=3 {
        assert!(state.contains(&format!("0000:0b:00.0/virtfn{vf} igbvf\n")), "{state}");
    }
    let first = state.lines().find(|line| line.starts_with("vf 0")).unwrap_or_default();
    assert!(first.contains("52:54:00:6d:90:02") && first.contains("vlan 42"), "{state}");
}

#[test]
fn every_start_and_every_reload_of_the_driver_makes_the_same_vfs() {
    let mut seed = lab::boot_system("seed");
    let files = "cd / && find etc usr var/lib -xdev | sort";
    let before = seed.ok(files);
    seed.ok("virtfn install");
    seed.run("virtfn install").exits(0).says("Installed already");
    seed.ok("virtfn uninstall");
    assert_eq!(seed.ok(files), before, "uninstalled, nothing is left");

    prepare(&seed);
    seed.ok("virtfn install && virtfn apply");
    let wanted = state(&seed);
    assert_wanted(&wanted);
    for reboot in 1..=if lab::thoroughly() { 10 } else { 1 } {
        seed.reboot();
        assert_eq!(seed.ok("cat /run/seen"), wanted, "before the network, start {reboot}");
        assert_eq!(state(&seed), wanted, "start {reboot}");
        seed.run("virtfn status").exits(0);
    }

    seed.ok("modprobe -r igb && modprobe igb");
    seed.eventually("virtfn status");
    assert_eq!(state(&seed), wanted, "the driver reloaded");

    // As a card that is pulled and put back: the port below which it is is looked at anew.
    seed.ok("for f in 1 0; do echo 1 > /sys/bus/pci/devices/0000:0b:00.$f/remove; done");
    seed.run("virtfn status").exits(1);
    seed.ok("echo 1 > /sys/bus/pci/rescan");
    seed.eventually("virtfn status");
    assert_eq!(state(&seed), wanted, "the card put back");
}

#[test]
fn a_start_whose_apply_loses_its_power_is_made_good_by_the_next() {
    if !lab::thoroughly() {
        return; // Seven boots of a whole system.
    }
    let mut seed = lab::boot_system("seed");
    prepare(&seed);
    seed.ok("virtfn install && virtfn apply && sync");
    let wanted = state(&seed);
    seed.power_cut();
    for cut in CUTS {
        // The agent serves before the unit has begun, or while it is at work.
        seed.ok(&format!("cd /sys/bus/pci/devices && until [ -e {cut} ]; do :; done"));
        seed.power_cut();
    }
    seed.settled();
    assert_eq!(state(&seed), wanted);
    assert_eq!(seed.ok("cat /run/seen"), wanted);
}

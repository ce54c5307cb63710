//! The programs that own the formats read what virtfn exports: systemd's udev, netplan,
//! NetworkManager and driverctl make of it the VFs that the policy has, nova and neutron take it.

use std::io::Write;
use std::process::Command;

use serde_json::{Value, json};
use virtfn_lab::packages::{FULL, OPENSTACK};
use virtfn_lab::{self as lab, Guest};

/// All that the emulated card lets a VF have. One with a given address is not trusted: its driver, which
/// starts while these programs still write, could set one of its own.
const POLICY: &str = "version: 1\npfs:\n- match: { netdev: eth0 }\n  vfs: 7\n  vf:\n    \
    0:   { mac: \"52:54:00:6d:90:02\", vlan: 42, qos: 3, spoofchk: off }\n    \
    1:   { mac: \"52:54:00:6d:90:03\", spoofchk: on }\n    \
    2:   { vlan: 100, spoofchk: off }\n    \
    3-6: { trust: on }\n";

/// What netplan can hold.
const NUMBERS_AND_VLANS: &str = "version: 1\npfs:\n- match: { netdev: eth0 }\n  vfs: 7\n  vf:\n    \
    0: { vlan: 42 }\n    2: { vlan: 100 }\n";

/// What driverctl can hold. It stands for VFs that are there already.
const DRIVERS: &str = "version: 1\ndevices:\n\
    - match: { pci: \"0000:0b:10.0\" }\n  driver: vfio-pci\n\
    - match: { pci: \"0000:0b:10.2\" }\n  driver: none\n";

fn policy(guest: &Guest, text: &str) {
    guest.ok(&format!("printf '%s' '{text}' > /run/policy.yaml"));
}

/// The machine is what the policy says, and the kernel's own words of two VFs agree.
fn assert_has(guest: &Guest, spoof_checked: bool) {
    guest.eventually("virtfn status -f /run/policy.yaml");
    let link = guest.json("ip -json link show dev eth0");
    let vfs = link[0]["vfinfo_list"].as_array().unwrap();
    assert_eq!(vfs.len(), 7, "{link}");
    assert_eq!(vfs[0]["vlan_list"][0]["vlan"], 42, "{link}");
    assert_eq!(vfs[2]["vlan_list"][0]["vlan"], 100, "{link}");
    assert_eq!(vfs[2]["spoofchk"], spoof_checked, "{link}");
    assert_eq!(vfs[1]["vlan_list"][0]["vlan"], Value::Null, "{link}");
}

fn no_vfs(guest: &Guest) {
    guest.ok("echo 0 > /sys/bus/pci/devices/0000:0b:00.0/sriov_numvfs && udevadm settle");
    assert_eq!(guest.vfs("0b:00.0"), 0);
}

#[test]
fn the_owners_of_formats_make_of_an_export_what_the_policy_has() {
    if !lab::thoroughly() {
        return; // Minutes, on an emulated processor.
    }
    let seed = lab::boot_system("seed");
    seed.eventually("[ -e /sys/class/net/eth1 ] && systemctl is-active --quiet dbus.socket");
    for (program, part) in [
        ("udev", networkd as fn(&Guest)),
        ("netplan", netplan),
        ("NetworkManager", network_manager),
        ("driverctl", driverctl),
    ] {
        println!("{program}");
        part(&seed);
    }
}

fn networkd(seed: &Guest) {
    policy(seed, POLICY);
    let told = seed.run("virtfn export networkd -f /run/policy.yaml --output /");
    told.exits(0).does_not_say("lost");
    // The faults of a file are told where it is read, and not where it is applied.
    let link = "udevadm test-builtin net_setup_link /sys/class/net/eth0";
    let told = seed.run(link);
    told.exits(0).says("Parsed configuration file \"/etc/systemd/network/10-virtfn-eth0.link\"");
    for fault in ["Unknown", "Failed to parse", "ignoring", "Invalid"] {
        told.does_not_say(fault);
    }
    seed.ok("modprobe -r igb && modprobe igb && udevadm settle");
    assert_has(seed, false);
    let journal = seed.run("journalctl --boot --unit systemd-udevd --output cat");
    journal.exits(0).does_not_say("SR-IOV").does_not_say("10-virtfn-eth0.link:");
    seed.ok("rm /etc/systemd/network/10-virtfn-eth0.link");
    no_vfs(seed);
}

fn netplan(seed: &Guest) {
    policy(seed, NUMBERS_AND_VLANS);
    let told = seed.run("virtfn export netplan -f /run/policy.yaml --output /");
    told.exits(0).does_not_say("lost");
    seed.run("netplan generate").exits(0).does_not_say("rror");
    seed.run("netplan get ethernets.eth0.virtual-function-count").exits(0).says("7");
    // The VFs of its first run have no names yet, by which it would set their VLANs.
    seed.run("netplan apply --sriov-only").exits(0);
    assert_eq!(seed.vfs("0b:00.0"), 7);
    seed.eventually("[ $(ls -d /sys/bus/pci/devices/0000:0b:00.0/virtfn*/net/* | wc -l) = 7 ]");
    // The lab's machines have interfaces with plain names: those of VFs are what systemd makes of PFs'.
    seed.ok("udevadm settle; for vf in /sys/bus/pci/devices/0000:0b:00.0/virtfn*; do \
         ip link set $(ls $vf/net) name eth0v${vf##*virtfn} || exit 1; done");
    seed.run("netplan apply --sriov-only").exits(0).does_not_say("no matches");
    assert_has(seed, true);
    seed.ok("rm -r /etc/netplan/* /run/systemd/network /run/udev/rules.d/*netplan*");
    no_vfs(seed);
}

fn network_manager(seed: &Guest) {
    policy(seed, POLICY);
    let own = "[main]\\nauth-polkit=false\\nno-auto-default=*\\n";
    seed.ok(&format!(
        "mkdir -p /etc/NetworkManager/conf.d && printf '{own}' > /etc/NetworkManager/conf.d/lab.conf"
    ));
    seed.run("NetworkManager --version").exits(0).says("1.42.");
    let told =
        seed.run("virtfn export networkmanager -f /run/policy.yaml --for-version 1.42 --output /");
    told.exits(0).says("lost: NetworkManager before 1.54 has no preserve-on-down");
    let file = "/etc/NetworkManager/system-connections/virtfn-eth0.nmconnection";
    assert_eq!(seed.ok(&format!("stat -c '%a %U' {file}")), "600 root\n");
    seed.ok("systemctl start NetworkManager");
    seed.run(&format!("nmcli connection load {file}")).exits(0);
    let shown = seed.run("nmcli --fields sriov connection show virtfn-eth0");
    shown.exits(0).says("0 mac=52:54:00:6d:90:02 spoof-check=false vlans=42.3");
    seed.eventually(
        "nmcli --get-values GENERAL.STATE connection show virtfn-eth0 | grep -q activated",
    );
    assert_has(seed, false);
    let journal = seed.run("journalctl --boot --unit NetworkManager --output cat");
    journal.does_not_say("keyfile: load").does_not_say("failed to apply SR-IOV");
    // What is told as lost is so.
    seed.ok("nmcli connection down virtfn-eth0");
    assert_eq!(seed.vfs("0b:00.0"), 0, "they go with the connection");
    // A newer one's file has a key that this one does not know, and passes over.
    seed.ok("virtfn export networkmanager -f /run/policy.yaml --output /");
    seed.run(&format!("grep preserve-on-down=1 {file}")).exits(0);
    seed.run(&format!("nmcli connection load {file} && nmcli connection up virtfn-eth0")).exits(0);
    assert_has(seed, false);
    seed.ok(&format!("nmcli connection down virtfn-eth0 && rm {file}"));
    seed.ok("systemctl stop NetworkManager");
}

fn driverctl(seed: &Guest) {
    seed.ok("virtfn create 0b:00.0 --vfs 2");
    policy(seed, DRIVERS);
    let told = seed.run("virtfn export driverctl -f /run/policy.yaml --output /");
    told.exits(0).does_not_say("lost");
    for vf in ["0000:0b:10.0", "0000:0b:10.2"] {
        seed.run(&format!("driverctl load-override {vf}")).exits(0);
    }
    seed.run("driverctl list-overrides").exits(0).says("0000:0b:10.0 vfio-pci");
    assert_eq!(seed.driver("0b:10.0").as_deref(), Some("vfio-pci"));
    assert_eq!(seed.driver("0b:10.2"), None);
}

/// All VFs alike, as nova has it, with a driver that nova shall leave alone.
const CLOUD: &str = "version: 1\npfs:\n\
    - match: { netdev: eth0 }\n  vfs: 7\n  defaults: { trust: on, driver: vfio }\n\
    - match: { netdev: eth1 }\n  vfs: 2\n";

/// nova's and neutron's packages run on the host, with the interpreter of the full image: importing
/// them takes an emulated machine minutes.
#[test]
fn nova_and_neutron_take_our_exports() {
    let seed = lab::boot("seed");
    seed.ok("virtfn create 0b:00.0 --vfs 7 && virtfn create 0b:00.1 --vfs 2");
    policy(&seed, CLOUD);
    let today = seed.json("virtfn export openstack -f /run/policy.yaml --json");
    let lost = seed.json("virtfn export openstack -f /run/policy.yaml --for-version 26 --json");
    assert!(today.to_string().contains("managed") && lost["lost"].to_string().contains("`driver`"));
    for export in [today, lost] {
        let text = |name: &str| {
            let files = export["files"].as_array().unwrap();
            let file = files.iter().find(|file| file["path"].as_str().unwrap().contains(name));
            file.unwrap()["text"].as_str().unwrap().to_owned()
        };
        let said = read_by_openstack(&json!({
            "nova": text("nova"),
            "neutron": text("neutron"),
            "interfaces": { "eth0": "0000:0b:00.0", "eth1": "0000:0b:00.1" },
            "devices": [
                ["0000:0b:10.0", "0000:0b:00.0"],
                ["0000:0b:11.4", "0000:0b:00.0"],
                ["0000:0b:10.1", "0000:0b:00.1"],
                ["0000:0c:10.0", "0000:0c:00.0"],
            ],
        }));
        let network = |name: &str| json!(format!("physnet-{name}"));
        let given: Vec<&Value> = said["devices"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tags| &tags["physical_network"])
            .collect();
        let (first, second) = (network("eth0"), network("eth1"));
        assert_eq!(given, [&first, &first, &second, &Value::Null], "{said}");
        assert_eq!(said["devices"][0]["trusted"], "true", "{said}");
        assert_eq!(
            said["mappings"],
            json!({ "physnet-eth0": ["eth0"], "physnet-eth1": ["eth1"] }),
            "{said}"
        );
    }
    seed.ok("virtfn destroy 0b:00.0 && virtfn destroy 0b:00.1");
}

/// What nova and neutron make of files, as one document.
fn read_by_openstack(question: &Value) -> Value {
    let (system, modules) = (FULL.root().unwrap(), OPENSTACK.root().unwrap());
    let mut script = tempfile::NamedTempFile::new().unwrap();
    script.write_all(include_bytes!("readers/openstack.py")).unwrap();
    let packages = "usr/lib/python3/dist-packages";
    let path = std::env::join_paths([modules.join(packages), system.join(packages)]).unwrap();
    let output = Command::new(system.join("usr/lib64/ld-linux-x86-64.so.2"))
        .arg("--library-path")
        .arg(system.join("usr/lib/x86_64-linux-gnu"))
        .arg(system.join("usr/bin/python3.11"))
        .args(["-B", "-W", "ignore"])
        .arg(script.path())
        .arg(question.to_string())
        .env("PYTHONHOME", system.join("usr"))
        .env("PYTHONPATH", path)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"))
}

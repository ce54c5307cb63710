//! A policy file: applied, applied again, drifted from, refused, failed, killed at every write.

use virtfn_lab::{self as lab, Guest, Hold};

use crate::crash::{kill_everywhere, settled, writes};

/// What the issue asks of the given machine: 14 VFs, one for a VM, three for the host.
const SEED: &str = "version: 1\n\
    pfs:\n\
    - match: { pci: \"0000:0b:00.0\" }\n  \
      vfs: 7\n  \
      vf:\n    \
        0:   { mac: \"52:54:00:6d:90:02\", vlan: 42, driver: vfio }\n    \
        1-3: { driver: default }\n\
    - match: { netdev: eth1 }\n  \
      vfs: 7\n  \
      defaults: { mac: auto }\n";

const FILE: &str = "/etc/virtfn/policy.yaml";

fn declare(guest: &Guest, text: &str) {
    guest.ok(&format!("mkdir -p /etc/virtfn && cat > {FILE} <<'END'\n{text}\nEND"));
}

fn forget(guest: &Guest) {
    guest.ok("rm -r /etc/virtfn");
}

fn driver(guest: &Guest, address: &str) -> String {
    guest
        .ok(&format!("basename $(readlink /sys/bus/pci/devices/0000:{address}/driver)"))
        .trim()
        .into()
}

/// What `ip` says of a VF of the first port.
fn vf(guest: &Guest, index: usize) -> serde_json::Value {
    guest.json("ip -j link show dev eth0")[0]["vfinfo_list"][index].clone()
}

#[test]
fn the_given_machine_is_made_from_a_file() {
    let seed = lab::boot("seed");
    declare(&seed, SEED);
    let plan = seed.run("virtfn plan --json");
    plan.exits(4);
    assert!(!plan.json()["steps"].as_array().unwrap().is_empty());
    assert_eq!(seed.vfs("0b:00.0"), 0, "a plan changes nothing");

    seed.ok("virtfn apply");
    assert_eq!((seed.vfs("0b:00.0"), seed.vfs("0b:00.1")), (7, 7));
    let first = vf(&seed, 0);
    assert_eq!(first["address"], "52:54:00:6d:90:02");
    assert_eq!(first["vlan_list"][0]["vlan"], 42);
    assert_eq!(driver(&seed, "0b:10.0"), "vfio-pci");
    for address in ["0b:10.2", "0b:10.4", "0b:10.6"] {
        assert_eq!(driver(&seed, address), "igbvf", "{address}");
    }

    assert_eq!(writes(&seed, "apply"), 0, "applied again, it writes nothing");
    seed.run("virtfn plan").exits(0).says("Nothing to do");
    seed.run("virtfn status").exits(0).says("as declared");

    declare(&seed, &SEED.replace("vlan: 42", "vlan: 43"));
    let plan = seed.run("virtfn plan --json").json();
    let steps = plan["steps"].as_array().unwrap();
    assert_eq!((steps.len(), &steps[0]["action"]), (1, &"set-vf".into()), "{plan}");
    assert_eq!(steps[0]["interrupts"].as_array().unwrap().len(), 0);
    assert_eq!(writes(&seed, "apply"), 1);
    assert_eq!(vf(&seed, 0)["vlan_list"][0]["vlan"], 43);
    forget(&seed);
}

#[test]
fn drift_is_seen_and_mended() {
    let seed = lab::boot("seed");
    declare(&seed, SEED);
    seed.ok("virtfn apply");
    seed.ok("ip link set eth0 vf 0 vlan 7");
    seed.run("virtfn status").exits(4).says("0b:00.0/0: vlan 7 → 42").says("0b:00.1  as declared");
    assert_eq!(writes(&seed, "apply"), 1);
    seed.run("virtfn status").exits(0);
    forget(&seed);
}

#[test]
fn nothing_is_changed_while_somebody_would_lose_a_vf() {
    let seed = lab::boot("seed");
    seed.ok("virtfn create 0b:00.1 --vfs 2 --driver vfio-pci");
    let holder = seed.hold(Hold::Group, "0b:10.1");
    declare(&seed, SEED);
    let refused = seed.run("virtfn apply");
    refused.exits(3).says("0b:10.1").says(&holder.name);
    assert_eq!((seed.vfs("0b:00.0"), seed.vfs("0b:00.1")), (0, 2), "not even the other port");
    drop(holder);
    seed.ok("virtfn apply");
    assert_eq!((seed.vfs("0b:00.0"), seed.vfs("0b:00.1")), (7, 7));
    forget(&seed);
}

/// The 82576 refuses a rate while its link is down, and 802.1ad always.
#[test]
fn what_fails_is_put_back_and_keeps_no_other_device() {
    let seed = lab::boot("seed");
    seed.ok("virtfn create 0b:00.0 --vfs 2");
    declare(
        &seed,
        "version: 1\npfs:\n- match: { pci: 0b:00.0 }\n  vfs: 4\n  defaults: { vlan: 7, proto: 802.1ad }\n\
         - match: { pci: 0b:00.1 }\n  vfs: 3",
    );
    let failed = seed.run("virtfn apply");
    failed.exits(1).says("0b:00.0/0: vlan").says("0b:00.0/3: vlan").says("put back");
    assert_eq!((seed.vfs("0b:00.0"), seed.vfs("0b:00.1")), (2, 3));

    let told = seed.run("virtfn apply --json").json();
    let steps = told["steps"].as_array().unwrap();
    let failed = steps.iter().filter(|step| step["result"] == "failed");
    assert_eq!(failed.count(), 4, "every failure of every VF: {told}");
    assert_eq!(told["rolled_back"][0]["device"], "0000:0b:00.0");
    forget(&seed);
}

#[test]
fn what_is_not_here_is_told_and_keeps_no_other_device() {
    let seed = lab::boot("seed");
    declare(
        &seed,
        "version: 1\npfs:\n- match: { pci: 0b:00.7 }\n  vfs: 4\n- match: { pci: 0b:00.1 }\n  vfs: 3",
    );
    let told = seed.run("virtfn apply");
    told.exits(1).says("/etc/virtfn/policy.yaml:3:3: no device here is pci 0000:0b:00.7");
    assert_eq!(seed.vfs("0b:00.1"), 3);
    forget(&seed);
}

#[test]
fn another_owner_is_named_with_file_and_line() {
    let seed = lab::boot("seed");
    seed.ok("mkdir -p /etc/sysfs.d && echo 'class/net/eth0/device/sriov_numvfs = 3' > /etc/sysfs.d/a.conf");
    declare(&seed, SEED);
    seed.run("virtfn apply").exits(3).says("/etc/sysfs.d/a.conf:1");
    assert_eq!((seed.vfs("0b:00.0"), seed.vfs("0b:00.1")), (0, 0));
    seed.ok("virtfn apply --force && rm -r /etc/sysfs.d");
    assert_eq!((seed.vfs("0b:00.0"), seed.vfs("0b:00.1")), (7, 7));
    forget(&seed);
}

/// A policy that makes, resizes and sets: killed before and after each of its writes.
#[test]
fn applying_converges() {
    let seed = lab::boot("seed");
    let (vfs, before) = if lab::thoroughly() { (3, 2) } else { (1, 2) };
    // Not in its own place, where it would keep the test from making the machine another one.
    let policy = format!(
        "version: 1\npfs:\n- match: {{ pci: 0b:00.0 }}\n  vfs: {vfs}\n  defaults: {{ mac: auto }}\n  \
         vf: {{ 0: {{ vlan: 42, driver: vfio }} }}"
    );
    seed.ok(&format!("cat > /tmp/policy.yaml <<'END'\n{policy}\nEND"));
    let prepare = format!(
        "virtfn destroy 0b:00.0 && modprobe -r vfio-pci && virtfn create 0b:00.0 --vfs {before}"
    );
    let mut wanted = vec![("igbvf", "(null)"); vfs];
    wanted[0] = ("vfio-pci", "vfio-pci");
    kill_everywhere(&seed, &prepare, "apply -f /tmp/policy.yaml", &settled(&wanted));
    assert_eq!(vf(&seed, 0)["vlan_list"][0]["vlan"], 42);
}

/// What the live machine has, written down, makes the same machine again.
#[test]
fn what_was_made_by_hand_is_imported_and_made_again() {
    let seed = lab::boot("seed");
    seed.ok("virtfn create 0b:00.0 --vfs 5 && virtfn create 0b:00.1 --vfs 7 --mac auto --driver vfio-pci");
    seed.ok("ip link set eth0 vf 1 mac 52:54:00:6d:90:02 vlan 42 qos 3 && ip link set eth0 vf 2 trust on");
    seed.ok("virtfn import live > /tmp/policy.yaml");
    seed.run("virtfn plan -f /tmp/policy.yaml").exits(0);
    // The other addresses on the first port were made up by the VFs' driver.
    let given = || (vf(&seed, 1), vf(&seed, 2)["trust"].clone(), seed.json("ip -j link show eth1"));
    let before = given();
    seed.ok("virtfn destroy 0b:00.0 && virtfn destroy 0b:00.1 && virtfn apply -f /tmp/policy.yaml");
    assert_eq!(given(), before);
    assert_eq!(driver(&seed, "0b:10.1"), "vfio-pci");
    let policy = seed.ok("cat /tmp/policy.yaml");
    assert!(policy.contains("defaults: { mac: auto, driver: \"vfio-pci\" }"), "{policy}");
}

/// The next apply would undo it: refused, or written into the file, where all else stays.
#[test]
fn what_a_policy_declares_is_changed_in_its_file_or_not_at_all() {
    let seed = lab::boot("seed");
    let text = "# ours\nversion: 1\npfs:\n  - match: { pci: 0b:00.0 } # left\n    vfs: 4\n    \
         vf:\n      0-3: { vlan: 7 } # all";
    declare(&seed, text);
    seed.ok("virtfn apply");
    let file = || seed.ok(&format!("cat {FILE}"));
    let refused = seed.run("virtfn set 0b:00.0/1 --vlan 42");
    refused.exits(3).says("/etc/virtfn/policy.yaml:4:5 declares something else").says("--save");
    seed.run("virtfn create 0b:00.0 --vfs 2").exits(3).says("declares something else");
    seed.run("virtfn destroy 0b:00.0 --dry-run").exits(3);
    assert_eq!((seed.vfs("0b:00.0"), file()), (4, format!("{text}\n")));

    // What the policy says nothing of, and what it says itself, is nobody's quarrel.
    seed.ok("virtfn set 0b:00.0/1 --trust on && virtfn set 0b:00.0/1 --vlan 7");
    assert_eq!(file(), format!("{text}\n"));

    seed.ok("virtfn set 0b:00.0/1 --vlan 42 --save");
    assert!(file().contains("      1: { vlan: 42 }\n      2-3: { vlan: 7 } # all\n"), "{}", file());
    seed.ok("virtfn bind 0b:00.0/0 vfio-pci --save && virtfn create 0b:00.0 --vfs 3 --save");
    assert!(file().contains("      0: { vlan: 7, driver: \"vfio-pci\" }\n"), "{}", file());
    assert!(
        file().starts_with(
            "# ours\nversion: 1\npfs:\n  - match: { pci: 0b:00.0 } # left\n    vfs: 3\n"
        )
    );
    assert_eq!(writes(&seed, "apply"), 0, "{}", file());
    seed.ok("virtfn destroy 0b:00.0 --save");
    seed.run("virtfn status").exits(0);
    seed.run("virtfn set 0b:00.1 --save --vlan 7").exits(1);
    seed.run("virtfn create 0b:00.1 --vfs 2 --save").exits(1).says("does not declare it");
    forget(&seed);
}

/// What a driver makes of a VF on this host has the name and the MTU that the file says, again after
/// the driver took it anew.
#[test]
fn interfaces_on_the_host_are_as_declared() {
    let seed = lab::boot("seed");
    let text = "version: 1\npfs:\n- match: { pci: 0b:00.0 }\n  vfs: 3\n  \
                defaults: { mac: auto }\n  \
                vf: { 0: { netdev: storage0, mtu: 1400 }, 1: { mtu: 1300 }, 2: { driver: vfio, mtu: 1200 } }";
    declare(&seed, text);
    seed.ok("virtfn apply");
    let mtu = |netdev: &str| seed.json(&format!("ip -j link show dev {netdev}"))[0]["mtu"].clone();
    let netdev =
        |vf: &str| seed.ok(&format!("ls /sys/bus/pci/devices/0000:{vf}/net")).trim().to_owned();
    assert_eq!((netdev("0b:10.0").as_str(), mtu("storage0")), ("storage0", 1400.into()));
    assert_eq!(mtu(&netdev("0b:10.2")), 1300);
    assert_eq!(writes(&seed, "apply"), 0, "what VFIO has, has no interface");

    seed.ok("virtfn bind 0b:10.0 --none && virtfn bind 0b:10.0 --default");
    seed.run("virtfn status").exits(4).says("netdev").says("mtu 1500 → 1400");
    seed.ok("virtfn apply");
    assert_eq!((netdev("0b:10.0").as_str(), mtu("storage0")), ("storage0", 1400.into()));
    seed.run("virtfn set 0b:10.2 --mtu 1350").exits(3).says("declares something else");
    forget(&seed);
}

/// Not network cards alone: an NVMe drive's VFs and their drivers come from the same file, and what
/// only network cards have is a fault at its line.
#[test]
fn the_vfs_of_a_drive_are_made_from_the_same_file() {
    let host = lab::boot("shared-slot");
    let text = "version: 1\npfs:\n- match: { driver: nvme }\n  vfs: 2\n  defaults: { driver: vfio }\n  \
                vf:\n    1: { driver: none }";
    declare(&host, text);
    host.ok("virtfn apply");
    assert_eq!(host.vfs("01:00.0"), 2);
    assert_eq!(host.driver("01:00.1").as_deref(), Some("vfio-pci"));
    assert_eq!(host.driver("01:00.2"), None);
    assert_eq!(writes(&host, "apply"), 0);
    declare(&host, &text.replace("driver: none", "vlan: 42"));
    let told = host.run("virtfn plan");
    told.exits(1).says("/etc/virtfn/policy.yaml:7:5: 01:00.0: is no network device").says("vlan");
    host.ok("virtfn destroy 01:00.0 --force || true");
    forget(&host);
}

/// What DPDK and VMs need beside their devices comes from the same file.
#[test]
fn the_host_has_ready_what_the_file_says() {
    let seed = lab::boot("seed");
    let pages = || seed.ok("cat /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
    let before = pages();
    seed.ok("modprobe -r vfio-pci");
    declare(&seed, "version: 1\nhost: { hugepages: { 2M: 16 }, modules: [vfio-pci] }");
    seed.run("virtfn plan").exits(4).says("2M pages: ").says("load module vfio-pci");
    seed.ok("virtfn apply");
    assert_eq!(pages(), "16\n");
    seed.ok("grep -q ^vfio_pci /proc/modules");
    assert_eq!(writes(&seed, "apply"), 0);
    seed.run("virtfn status").exits(0).says("host  as declared");
    declare(&seed, "version: 1\nhost: { hugepages: { 2M: 1000000 } }");
    let told = seed.run("virtfn apply");
    told.exits(1).says("MiB are free: the kernel would kill programs");
    declare(&seed, "version: 1\nhost: { hugepages: { 64K: 1 } }");
    seed.run("virtfn plan").exits(1).says("no huge pages of 64K on this machine: it has");
    seed.ok(&format!(
        "echo {} > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
        before.trim()
    ));
    forget(&seed);
}

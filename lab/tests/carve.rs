//! Making, setting, binding and removing VFs on a real igb: what virtfn says, and what `ip` and
//! sysfs say of it.

use serde_json::Value;
use virtfn_lab::{self as lab, Guest};

const SIXTEEN: [&str; 16] = [
    "0000:0b:00.0",
    "0000:0b:00.1",
    "0000:0b:10.0",
    "0000:0b:10.1",
    "0000:0b:10.2",
    "0000:0b:10.3",
    "0000:0b:10.4",
    "0000:0b:10.5",
    "0000:0b:10.6",
    "0000:0b:10.7",
    "0000:0b:11.0",
    "0000:0b:11.1",
    "0000:0b:11.2",
    "0000:0b:11.3",
    "0000:0b:11.4",
    "0000:0b:11.5",
];

fn listed(seed: &Guest) -> Vec<Value> {
    seed.json("virtfn list --json")["functions"].as_array().unwrap().clone()
}

/// VF `number` of a PF's interface, as `ip -j link` has it.
fn ip_vf(seed: &Guest, netdev: &str, number: usize) -> Value {
    let link = seed.json(&format!("ip -j link show dev {netdev}"));
    link[0]["vfinfo_list"][number].clone()
}

#[test]
fn seven_vfs_on_each_port_are_the_sixteen_functions() {
    for kernel in ["6.12", "6.1"] {
        let seed = lab::boot_on("seed", kernel);
        let before: Vec<_> = listed(&seed).iter().map(|f| f["kind"].clone()).collect();
        assert_eq!(before, ["pf", "pf"]);
        seed.ok("virtfn create 0b:00.0 --vfs 7 && virtfn create eth1 --vfs 7");
        let functions = listed(&seed);
        let addresses: Vec<_> = functions.iter().map(|f| f["address"].as_str().unwrap()).collect();
        assert_eq!(addresses, SIXTEEN);
        let mut groups = std::collections::BTreeSet::new();
        for function in &functions {
            let address = function["address"].as_str().unwrap();
            let short = address.strip_prefix("0000:").unwrap();
            assert_eq!(function["driver"].as_str(), seed.driver(short).as_deref(), "{address}");
            assert!(
                groups.insert(function["iommu_group"].as_u64().unwrap()),
                "{address} shares its group"
            );
        }
        for (position, function) in functions[2..].iter().enumerate() {
            assert_eq!(function["pf"], SIXTEEN[position % 2]);
            assert_eq!(function["vf_index"], position / 2);
            assert_eq!(function["driver"], "igbvf");
        }
        let again = seed.run("lab-guest count-writes -- create 0b:00.0 --vfs 7");
        again.exits(0).says("nothing was to do").says("writes: 0");
    }
}

#[test]
fn ip_agrees_with_what_was_set() {
    let seed = lab::boot("seed");
    seed.ok("virtfn create 0b:00.0 --vfs 7");
    let set = seed.run("virtfn set 0b:00.0/0 --mac 52:54:00:6d:90:02 --vlan 42 --qos 3");
    set.exits(0).says("igbvf   52:54:00:6d:90:02    42");
    seed.ok("virtfn set eth0/1 --trust on --spoofchk off");
    let first = ip_vf(&seed, "eth0", 0);
    assert_eq!(first["address"], "52:54:00:6d:90:02");
    assert_eq!(first["vlan_list"][0]["vlan"], 42);
    assert_eq!(first["vlan_list"][0]["qos"], 3);
    let second = ip_vf(&seed, "eth0", 1);
    assert_eq!((second["trust"].clone(), second["spoofchk"].clone()), (true.into(), false.into()));
    let listed = seed.json("virtfn list --json");
    let vf = listed["functions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["address"] == "0000:0b:10.0")
        .unwrap();
    assert_eq!((vf["mac"].clone(), vf["vlan"].clone()), ("52:54:00:6d:90:02".into(), 42.into()));
    seed.run("virtfn set 0b:10.0 --vlan 42").exits(0).says("nothing was to do");
    seed.ok("virtfn set 0b:10.0 --vlan 0 --qos 0");
    assert_eq!(ip_vf(&seed, "eth0", 0)["vlan_list"][0]["vlan"].as_u64().unwrap_or(0), 0);
}

#[test]
fn settings_are_there_before_any_driver_and_stay_over_another_number() {
    let seed = lab::boot("seed");
    // A VF of a port that is down gets no answer from it, and makes an address up.
    seed.ok("ip link set eth0 up");
    seed.eventually("test \"$(cat /sys/class/net/eth0/carrier)\" = 1");
    seed.ok("virtfn create 0b:00.0 --vfs 2 --mac auto");
    let macs: Vec<_> = (0..2).map(|n| ip_vf(&seed, "eth0", n)["address"].clone()).collect();
    let own: Vec<_> = ["0b:10.0", "0b:10.2"]
        .iter()
        .map(|vf| {
            Value::from(
                seed.ok(&format!("cat /sys/bus/pci/devices/0000:{vf}/net/*/address")).trim(),
            )
        })
        .collect();
    assert_eq!(macs, own, "the VF driver took the address that was set");
    seed.ok("virtfn create 0b:00.0 --vfs 4");
    let after: Vec<_> = (0..2).map(|n| ip_vf(&seed, "eth0", n)["address"].clone()).collect();
    assert_eq!(macs, after);
    assert_eq!(seed.attribute("0b:00.0", "sriov_drivers_autoprobe"), "1");
}

#[test]
fn bind_is_what_the_driver_link_says() {
    for kernel in ["6.12", "6.1"] {
        let seed = lab::boot_on("seed", kernel);
        seed.ok("virtfn create 0b:00.0 --vfs 2");
        seed.ok("virtfn bind 0b:00.0/0 vfio-pci");
        assert_eq!(seed.driver("0b:10.0").as_deref(), Some("vfio-pci"));
        assert_eq!(
            seed.driver("0b:10.2").as_deref(),
            Some("igbvf"),
            "its neighbour was left alone"
        );
        seed.ok("virtfn bind 0b:10.0 --default");
        assert_eq!(seed.driver("0b:10.0").as_deref(), Some("igbvf"));
        assert_eq!(seed.attribute("0b:10.0", "driver_override"), "(null)");
        seed.ok("virtfn bind 0b:10.0 --none");
        assert_eq!(seed.driver("0b:10.0"), None);
        seed.ok("echo 0 > /sys/bus/pci/devices/0000:0b:00.0/sriov_drivers_autoprobe");
        seed.ok("virtfn bind 0b:10.0 --default");
        assert_eq!(
            seed.driver("0b:10.0").as_deref(),
            Some("igbvf"),
            "the switch was off, and a probe does nothing then"
        );
        assert_eq!(
            seed.attribute("0b:00.0", "sriov_drivers_autoprobe"),
            "0",
            "it is the administrator's"
        );
    }
}

#[test]
fn vfs_for_vms_are_seen_by_no_other_driver() {
    let seed = lab::boot("seed");
    seed.ok("dmesg -c > /dev/null");
    seed.ok("virtfn create 0b:00.0 --vfs 3 --driver vfio-pci");
    for vf in ["0b:10.0", "0b:10.2", "0b:10.4"] {
        assert_eq!(seed.driver(vf).as_deref(), Some("vfio-pci"));
    }
    let log = seed.ok("dmesg");
    assert!(!log.contains("igbvf 0000:0b:10"), "igbvf had them for a moment:\n{log}");
    seed.ok("virtfn destroy 0b:00.0");
    assert_eq!(seed.vfs("0b:00.0"), 0);
}

#[test]
fn a_dry_run_changes_nothing() {
    let seed = lab::boot("seed");
    let plan = seed.json("virtfn create 0b:00.0 --vfs 3 --dry-run --json");
    assert_eq!(plan["schema"], "virtfn.plan/1");
    assert_eq!(plan["steps"][0]["action"], "set-numvfs");
    assert_eq!(
        (plan["steps"][0]["from"].clone(), plan["steps"][0]["to"].clone()),
        ("0".into(), "3".into())
    );
    assert_eq!(seed.vfs("0b:00.0"), 0);
    seed.run("lab-guest count-writes -- create 0b:00.0 --vfs 3 --dry-run")
        .exits(0)
        .says("writes: 0");
}

#[test]
fn what_a_driver_refuses_is_told_in_its_words_and_ours() {
    let seed = lab::boot("seed");
    seed.ok("virtfn create 0b:00.0 --vfs 2");
    seed.run("virtfn set 0b:10.0 --link enable")
        .exits(1)
        .says("error: 0b:00.0/0: link")
        .says("this driver cannot set that");
    seed.run("virtfn set 0b:10.0 --vlan 7 --proto 802.1ad")
        .exits(1)
        .says("no such kind of VLAN tag");
    seed.run("virtfn set 0b:10.0 --max-rate 100").exits(1).says("Invalid argument").says("hint:");
    seed.run("virtfn bind 0b:10.0 no-such-driver").exits(1).says("no-such-driver").says("hint:");
    assert_eq!(seed.driver("0b:10.0").as_deref(), Some("igbvf"), "what failed was put back");
    assert_eq!(seed.attribute("0b:10.0", "driver_override"), "(null)");
    seed.ok("virtfn destroy 0b:00.0 && echo 0000:0b:00.0 > /sys/bus/pci/drivers/igb/unbind");
    seed.run("virtfn create 0b:00.0 --vfs 2")
        .exits(1)
        .says("No such file or directory")
        .says("no driver has the PF");
    seed.ok("echo 0000:0b:00.0 > /sys/bus/pci/drivers/igb/bind");
}

#[test]
fn wrong_words_change_nothing() {
    let seed = lab::boot("seed");
    seed.ok("virtfn create 0b:00.0 --vfs 2");
    for (line, status, says) in [
        ("create 0b:00.9 --vfs 1", 1, "error:"),
        ("create 0b:01.0 --vfs 1", 1, "0b:00.0, 00:00.0"),
        ("create eth7 --vfs 1", 1, "eth"),
        ("create 0b:10.0 --vfs 1", 1, "a PF is meant"),
        ("create 0b:00.0 --vfs 8", 1, "allows 7"),
        ("create 0b:00.0 --vfs 0", 2, "--vfs"),
        ("create 0b:00.0 --vfs 65536", 2, "--vfs"),
        ("set 0b:00.0 --vlan 1", 1, "a VF is meant"),
        ("set 0b:00.0/2 --vlan 1", 1, "has 2 VFs"),
        ("set 0b:10.0 --vlan 4095", 2, "VLAN"),
        ("set 0b:10.0 --mac 01:00:5e:00:00:01", 1, "group address"),
        ("set 0b:10.0", 2, "required"),
        ("bind 0b:10.0", 2, "required"),
        ("bind 0a:00.0 vfio-pci", 1, "bridge"),
        ("bind 0b:00.0 vfio-pci", 1, "virtfn destroy 0b:00.0"),
        ("destroy 0b:10.0", 1, "a PF is meant"),
    ] {
        let tried = seed.run(&format!("lab-guest count-writes -- {line}"));
        tried.exits(status).says(says).says("writes: 0");
    }
    assert_eq!(seed.vfs("0b:00.0"), 2);
}

#[test]
fn the_old_way_is_seen_for_what_it_is() {
    for kernel in ["6.12", "6.1"] {
        let seed = lab::boot_on("seed", kernel);
        seed.ok("modprobe -r igbvf igb; modprobe igb max_vfs=7; modprobe igbvf");
        seed.eventually("test $(ls -d /sys/bus/pci/devices/0000:0b:00.*/virtfn* | wc -l) = 14");
        assert_eq!(listed(&seed).len(), SIXTEEN.len(), "{kernel}");
        let found = seed.run("virtfn doctor --json").json();
        let rule = found["findings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|f| f["rule"] == "vfs-from-module-option" && f["verdict"] == "warn");
        let rule = rule.unwrap_or_else(|| panic!("{kernel}: nothing of max_vfs: {found}"));
        assert!(rule["evidence"].to_string().contains("module parameter"), "{kernel}: {rule}");
        seed.run("virtfn show 0b:00.0").exits(0).says("max_vfs");
        seed.ok("modprobe -r igbvf igb; modprobe -a igb igbvf");
    }
}

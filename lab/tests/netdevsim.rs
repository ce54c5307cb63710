//! What the 82576 refuses, on the kernel's own pretended device: set and read with virtfn's netlink
//! code, and held beside `ip` and `devlink`.

use serde_json::Value;
use virtfn_lab::{self as lab, Guest};

const DEVICE: &str = "netdevsim/netdevsim99";
const FOLDER: &str = "/sys/bus/netdevsim/devices/netdevsim99";

/// A machine with netdevsim99, and the name of its interface.
fn simulated() -> (Guest, String) {
    let guest = lab::fresh("seed");
    guest.ok("modprobe netdevsim");
    guest.ok("echo '99 1' > /sys/bus/netdevsim/new_device");
    guest.eventually(&format!("test -n \"$(ls {FOLDER}/net)\""));
    let netdev = guest.ok(&format!("ls {FOLDER}/net")).trim().to_owned();
    (guest, netdev)
}

fn make_vfs(guest: &Guest, vfs: u16) {
    guest.ok(&format!("echo {vfs} > {FOLDER}/sriov_numvfs"));
}

/// One VF as `ip` tells it.
fn by_ip(guest: &Guest, netdev: &str, vf: usize) -> Value {
    guest.json(&format!("ip -j link show {netdev}"))[0]["vfinfo_list"][vf].clone()
}

fn ours(guest: &Guest, netdev: &str) -> Value {
    guest.json(&format!("lab-guest netdevsim vfs {netdev}"))
}

#[test]
fn netdevsim_takes_every_setting_and_ip_reads_the_same() {
    let (guest, netdev) = simulated();
    make_vfs(&guest, 3);
    let set = |setting: &str, value: &str| {
        guest.ok(&format!("lab-guest netdevsim set-vf {netdev} 1 {setting} {value}"));
    };
    set("mac", "52:54:00:6d:90:02");
    set("vlan", "42/3/802.1ad");
    set("rate", "10/100");
    for (setting, value) in [("spoofchk", "on"), ("trust", "on"), ("query_rss", "on")] {
        set(setting, value);
        assert_eq!(ours(&guest, &netdev)["vfs"][1][setting], value, "{setting}");
    }
    for state in ["enable", "disable", "auto"] {
        set("link", state);
        assert_eq!(ours(&guest, &netdev)["vfs"][1]["link"], state);
        assert_eq!(by_ip(&guest, &netdev, 1)["link_state"], state);
    }
    let (vf, ip) = (ours(&guest, &netdev)["vfs"][1].clone(), by_ip(&guest, &netdev, 1));
    assert_eq!(vf["mac"], "52:54:00:6d:90:02");
    assert_eq!(ip["address"], "52:54:00:6d:90:02", "{ip}");
    assert_eq!((&vf["vlan"], &vf["qos"], &vf["proto"]), (&42.into(), &3.into(), &"802.1ad".into()));
    let tag = &ip["vlan_list"][0];
    assert_eq!((&tag["vlan"], &tag["qos"]), (&42.into(), &3.into()), "{ip}");
    assert!(tag["protocol"].as_str().unwrap().eq_ignore_ascii_case("802.1ad"), "{ip}");
    assert_eq!((&vf["min_rate"], &vf["max_rate"]), (&10.into(), &100.into()));
    assert_eq!((&ip["rate"]["min_tx"], &ip["rate"]["max_tx"]), (&10.into(), &100.into()), "{ip}");
    assert_eq!((&ip["trust"], &ip["spoofchk"]), (&true.into(), &true.into()), "{ip}");
    // A maximum below the minimum is the kernel's to refuse, and it does.
    guest.run(&format!("lab-guest netdevsim set-vf {netdev} 1 rate 100/10")).exits(1);
    guest.run(&format!("lab-guest netdevsim set-vf {netdev} 7 trust on")).exits(1);
    assert_eq!(ours(&guest, &netdev)["vfs"][1], vf, "a refusal changes nothing");
}

#[test]
fn netdevsim_goes_to_switchdev_and_back() {
    let (guest, netdev) = simulated();
    make_vfs(&guest, 2);
    let ours = || guest.ok(&format!("lab-guest netdevsim eswitch {DEVICE}")).trim().to_owned();
    let theirs = || {
        let told = guest.json(&format!("devlink -j dev eswitch show {DEVICE}"));
        told["dev"][DEVICE]["mode"].as_str().unwrap().to_owned()
    };
    for mode in ["switchdev", "legacy", "switchdev"] {
        guest.ok(&format!("lab-guest netdevsim eswitch {DEVICE} {mode}"));
        assert_eq!((ours(), theirs()), (mode.to_owned(), mode.to_owned()));
    }
    let ports = ports(&guest);
    assert_eq!(ports["vfs"].as_object().unwrap().len(), 2, "{ports}");
    // The rates of VFs are devlink's in this mode; this driver says so in the log alone.
    guest.run(&format!("lab-guest netdevsim set-vf {netdev} 0 rate 0/100")).exits(1);
    guest.ok("dmesg | grep -q 'Not supported in switchdev mode. Please use devlink API'");
    guest.run("lab-guest netdevsim eswitch netdevsim/netdevsim7").exits(1).says("No such device");
}

fn ports(guest: &Guest) -> Value {
    guest.json(&format!("lab-guest netdevsim ports {DEVICE}"))
}

/// A rate as `devlink` tells it: of a group by its name, of a VF by its port's number.
fn rate_by_devlink(guest: &Guest, name: &str) -> Value {
    let told = guest.json(&format!("devlink -j port function rate show {DEVICE}/{name}"));
    told["rate"][format!("{DEVICE}/{name}")].clone()
}

#[test]
fn netdevsim_shares_rates_in_groups_and_devlink_reads_the_same() {
    let (guest, _) = simulated();
    make_vfs(&guest, 3);
    let virtfn = |words: &str| guest.run(&format!("lab-guest netdevsim {words}"));
    virtfn(&format!("eswitch {DEVICE} switchdev")).exits(0);
    virtfn(&format!("group {DEVICE} make gold 10/1000")).exits(0);
    virtfn(&format!("group {DEVICE} make gold 10/1000")).exits(1).says("File exists");
    virtfn(&format!("group {DEVICE} set silver 0/10")).exits(1).says("No such device");
    virtfn(&format!("group {DEVICE} set gold 20/2000")).exits(0);
    for vf in 0..2 {
        virtfn(&format!("set-port {DEVICE} {vf} rate_group gold")).exits(0);
        virtfn(&format!("set-port {DEVICE} {vf} rate 5/500")).exits(0);
    }
    let ours = ports(&guest);
    assert_eq!(ours["groups"]["gold"], serde_json::json!({ "min": 20, "max": 2000 }), "{ours}");
    assert_eq!(ours["vfs"]["1"]["limits"], serde_json::json!({ "min": 5, "max": 500 }));
    assert_eq!(
        (&ours["vfs"]["1"]["group"], &ours["vfs"]["2"]["group"]),
        (&"gold".into(), &Value::Null)
    );
    // Theirs are bytes a second.
    let theirs = rate_by_devlink(&guest, "gold");
    assert_eq!(
        (&theirs["tx_share"], &theirs["tx_max"]),
        (&2_500_000.into(), &250_000_000.into()),
        "{theirs}"
    );
    let theirs = rate_by_devlink(&guest, &ours["vfs"]["1"]["index"].to_string());
    assert_eq!(
        (&theirs["tx_max"], &theirs["parent"]),
        (&62_500_000.into(), &"gold".into()),
        "{theirs}"
    );
    virtfn(&format!("group {DEVICE} remove gold")).exits(1).says("busy");
    for vf in 0..2 {
        virtfn(&format!("set-port {DEVICE} {vf} rate_group none")).exits(0);
    }
    virtfn(&format!("group {DEVICE} remove gold")).exits(0);
    assert_eq!(ports(&guest)["groups"], serde_json::json!({}));
    // This driver has no such thing, and the kernel says so.
    virtfn(&format!("set-port {DEVICE} 0 migratable on")).exits(1).says("not supported");
}

#[test]
fn netdevsim_parameters_are_read_and_kept() {
    let (guest, _) = simulated();
    guest.ok(&format!("lab-guest netdevsim params {DEVICE} max_macs 16"));
    let params = guest.json(&format!("lab-guest netdevsim params {DEVICE}"));
    assert_eq!(params["max_macs"]["driver_init"], 16, "{params}");
    let theirs = guest.json(&format!("devlink -j dev param show {DEVICE} name max_macs"));
    assert_eq!(theirs["param"][DEVICE][0]["values"][0]["value"], 16, "{theirs}");
}

/// `ip` loses most of them: the list's length is 16 bits, and 300 VFs need more.
#[test]
fn netdevsim_shows_300_vfs_where_the_kernels_list_overflows() {
    let (guest, netdev) = simulated();
    guest.ok("echo 300 > /sys/kernel/debug/netdevsim/netdevsim99/max_vfs");
    make_vfs(&guest, 300);
    guest.ok(&format!("lab-guest netdevsim set-vf {netdev} 299 trust on"));
    let ours = ours(&guest, &netdev);
    assert_eq!(ours["count"], 300);
    assert_eq!(ours["vfs"].as_array().unwrap().len(), 300);
    assert_eq!(ours["vfs"][299]["trust"], "on");
    let ip = guest.json(&format!("ip -j link show {netdev}"));
    assert!(ip[0]["vfinfo_list"].as_array().unwrap().len() < 300, "the oracle sees them all now");
}

//! A card in switchdev mode, made by hand: below its PF hang the representors of its VFs too, and the
//! kernel's list of VFs is short.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::Value;
use support::made_host::{CARD, Iommu, MadeHost};
use support::run;

/// The recorded card; its VFs' representors come before its own interface in the order of names.
fn switched() -> MadeHost {
    let host = MadeHost::arm(Iommu::Translating);
    let net = format!("sys/bus/pci/devices/{CARD}/net");
    for vf in 0..3 {
        for (file, text) in [
            ("ifindex", format!("{}", 90 + vf)),
            ("address", format!("52:54:00:00:00:0{vf}")),
            ("flags", "0x1002".into()),
            ("mtu", "1500".into()),
            ("phys_port_name", format!("pf0vf{vf}")),
        ] {
            host.write(&format!("{net}/aaa{vf}/{file}"), &format!("{text}\n"));
        }
    }
    host.write(&format!("virtfn/eswitch-{CARD}.json"), "\"switchdev\"");
    let told = r#"{"vfs":{"0":{"mac":"52:54:00:6d:90:02"}},"count":3}"#;
    host.write(&format!("virtfn/vfs-{CARD}.json"), told);
    host
}

fn json(host: &MadeHost, words: &[&str]) -> (Value, i32) {
    let mut all = words.to_vec();
    all.extend(["--json", "--root", host.path()]);
    let ran = run(&all);
    (serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.err)), ran.code.unwrap())
}

#[test]
fn a_pfs_own_interface_is_none_of_its_representors() {
    let host = switched();
    let (listed, _) = json(&host, &["list"]);
    let all = listed["functions"].as_array().unwrap();
    let pf = all.iter().find(|function| function["address"] == CARD).unwrap();
    assert_eq!(pf["netdev"], "enp1s0");
    let (shown, _) = json(&host, &["show", CARD]);
    assert_eq!(shown["sriov"]["eswitch"], "switchdev");
    let ports: Vec<&Value> =
        shown["netdevs"].as_array().unwrap().iter().map(|netdev| &netdev["port"]).collect();
    assert_eq!(ports, [&Value::Null, &"pf0vf0".into(), &"pf0vf1".into(), &"pf0vf2".into()]);
    let text = run(&["show", CARD, "--root", host.path()]).out;
    assert!(text.contains("stands for pf0vf1"), "{text}");
}

/// What the kernel did not tell is said so by each command that would show it, and is never taken for
/// settings that are not made.
#[test]
fn a_short_list_of_vfs_is_never_shown_as_whole() {
    let host = switched();
    let vf = |number: usize| ["0000:01:10.0", "0000:01:10.2", "0000:01:10.4"][number];
    for (number, code) in [(0, 0), (1, 5), (2, 5)] {
        let (shown, ended) = json(&host, &["show", vf(number)]);
        let unseen = shown["unseen"].as_array().unwrap();
        let told = unseen.iter().any(|unseen| unseen["what"] == "vf-settings");
        assert_eq!((told, ended), (code == 5, code), "VF {number}: {unseen:?}");
        assert_eq!(shown["settings"].is_null(), code == 5, "VF {number}");
    }
    let (listed, ended) = json(&host, &["list"]);
    let unseen = listed["unseen"].as_array().unwrap();
    let vfs = unseen.iter().filter(|unseen| unseen["what"] == "vf-settings").count();
    assert_eq!((vfs, ended), (2, 5), "{unseen:?}");
    let (imported, ended) = json(&host, &["import", "live", CARD]);
    let lost = imported["lost"].to_string();
    assert!(lost.contains("the settings of 2 of its 3 VFs are left out"), "{lost}");
    assert!(imported["policy"].as_str().unwrap().contains("eswitch: switchdev"));
    assert_eq!(ended, 5);
}

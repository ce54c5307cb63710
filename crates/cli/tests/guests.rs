//! Virtual machines in `virtfn list`: who has a VF, who is given it, and what is to be minded.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use support::made_host::{Iommu, MadeHost};
use support::schema::misfits;
use support::{Ran, run};
use virtfn_render::list::List;

const VFS: [&str; 3] = ["0000:01:10.0", "0000:01:10.2", "0000:01:10.4"];

fn guest(name: &str, manager: &str, state: Value, devices: &[&str], pools: &[&str]) -> Value {
    json!({
        "name": name, "managed_by": manager, "state": state, "devices": devices, "pools": pools,
    })
}

fn running(pid: u32) -> Value {
    json!({ "running": { "pid": pid } })
}

/// The three VFs are VFIO's, and QEMU (pid 812) has the group of the first open.
fn host(guests: &Value) -> MadeHost {
    let host = MadeHost::arm(Iommu::Translating);
    for vf in VFS {
        host.drive(vf, "vfio-pci");
    }
    let node = json!({
        "pid": 812, "name": "qemu-system-aar", "target": "/dev/vfio/2", "function": VFS[0],
    });
    host.write("virtfn/open-nodes.json", &json!({ "nodes": [node], "complete": true }).to_string());
    host.write("virtfn/guests.json", &guests.to_string());
    host
}

fn facts(found: &[Value], stale: &[Value], unseen: &[Value]) -> Value {
    let pool = json!({ "name": "vfpool", "managed_by": "libvirt", "at": ["0000:01:00.0"] });
    json!({ "found": found, "pools": [pool], "stale": stale, "unseen": unseen })
}

fn crowded() -> Value {
    let stale = json!({
        "name": "old", "managed_by": "libvirt", "pid": 77, "now": "postgres",
        "path": "run/libvirt/qemu/old.xml",
    });
    let found = [
        guest("MyGuest", "libvirt", running(812), &[], &[]),
        guest("MyGuest", "libvirt", json!("defined"), &[VFS[0]], &[]),
        guest("101", "proxmox", json!("starting"), &[VFS[1]], &[]),
        guest("a\u{1b}[2Jb", "libvirt", json!("defined"), &[VFS[1]], &[]),
        guest("later", "libvirt", json!("defined"), &[VFS[2]], &[]),
        guest("db", "libvirt", json!("defined"), &[], &["vfpool"]),
        guest("web", "libvirt", json!("defined"), &[], &["vfpool"]),
    ];
    facts(&found, &[stale], &[])
}

fn on(host: &MadeHost, words: &[&str]) -> Ran {
    run(&[&["list"], words, &["--root", host.path()]].concat())
}

#[test]
fn guests_are_named_in_both_lists() {
    let host = host(&crowded());
    let told = [&[][..], &["--tree"]].map(|words| on(&host, words).out);
    insta::assert_snapshot!("guests", told.join("\n---\n\n"));
}

#[test]
fn guests_stand_beside_holders_in_json() {
    let host = host(&crowded());
    let list: Value = serde_json::from_str(&on(&host, &["--json"]).out).unwrap();
    let schema = virtfn_render::schema::schema::<List>();
    assert_eq!(misfits(&schema, &list), Vec::<String>::new());
    let of = |address: &str| {
        let functions = list["functions"].as_array().unwrap();
        functions.iter().find(|function| function["address"] == address).unwrap().clone()
    };
    let first = of(VFS[0]);
    assert_eq!(
        first["guests"],
        json!([{ "name": "MyGuest", "manager": "libvirt", "state": "running", "pool": null }])
    );
    assert_eq!(
        first["holders"],
        json!([{
            "kind": "process", "name": "qemu-system-aar", "pid": 812, "through": "/dev/vfio/2",
            "vm": "MyGuest", "manager": "libvirt",
        }])
    );
    assert_eq!(of(VFS[1])["holders"][0]["vm"], "101");
    let owed: Vec<Value> = of("0000:01:00.0")["guests"].as_array().unwrap().clone();
    assert!(owed.iter().all(|guest| guest["pool"] == "vfpool"));
    let names: Vec<&str> = owed.iter().map(|guest| guest["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["db", "web"]);
    assert_eq!(list["stale_guests"][0]["now"], "postgres");
}

#[test]
fn records_that_may_not_be_read_are_no_absence_of_guests() {
    let unseen = json!({ "path": "etc/libvirt/qemu", "why": "not-permitted" });
    let found = [guest("web", "libvirt", running(812), &[VFS[0]], &[])];
    let host = host(&facts(&found, &[], &[unseen]));
    let ran = on(&host, &[]);
    assert_eq!(ran.code, Some(5));
    assert!(ran.out.contains("which VMs are given a VF"), "{}", ran.out);
    let list: Value = serde_json::from_str(&on(&host, &["--json"]).out).unwrap();
    let functions = list["functions"].as_array().unwrap();
    let of = |address: &str| functions.iter().find(|one| one["address"] == address).unwrap();
    assert_eq!(of(VFS[0])["guests"][0]["name"], "web");
    assert!(of(VFS[1])["guests"].is_null());
}

/// A recording from before guests were recorded says nothing of them, and not that there are none.
#[test]
fn an_older_recording_says_nothing_of_guests() {
    let list: Value =
        serde_json::from_str(&support::on("intel-default", &["list", "--json"]).out).unwrap();
    let functions = list["functions"].as_array().unwrap();
    assert!(!functions.is_empty() && functions.iter().all(|one| one["guests"].is_null()));
}

#[test]
fn a_plan_names_the_guest_that_loses_a_vf_and_the_one_that_would_not_start() {
    let host = host(&crowded());
    let policy = tempfile::NamedTempFile::new().unwrap();
    let text = "version: 1\npfs:\n  - match: { pci: \"0000:01:00.0\" }\n    vfs: 0\n";
    std::fs::write(policy.path(), text).unwrap();
    let file = policy.path().to_str().unwrap();
    let told = run(&["plan", "-f", file, "--root", host.path()]).out;
    for says in [
        "qemu-system-aar (pid 812), VM MyGuest",
        "VM later is given 01:10.4 when it starts; without that VF libvirt does not start it",
        "pool vfpool gives a VF of 01:00.0 to VM db, VM web when it starts: none is left",
    ] {
        assert!(told.contains(says), "`{says}` is not in: {told}");
    }
}

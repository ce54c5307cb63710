//! Who has a VF, or is given one, by real libvirt's own records and by real QEMU's processes.

use serde_json::Value;
use virtfn_lab::{self as lab, Guest};

fn listed(seed: &Guest, address: &str) -> Value {
    let list = seed.run("virtfn list --json").json();
    let all = list["functions"].as_array().unwrap();
    all.iter().find(|one| one["address"] == address).unwrap().clone()
}

fn guest_of(seed: &Guest, address: &str) -> (String, String) {
    let function = listed(seed, address);
    let guest = &function["guests"][0];
    let word = |key: &str| guest[key].as_str().unwrap_or_default().to_owned();
    (word("name"), word("state"))
}

#[test]
fn libvirts_records_name_the_guest_of_each_vf() {
    if !lab::thoroughly() {
        return; // One virtual machine inside the emulated one is enough for a sample.
    }
    let seed = lab::boot_system("seed");
    seed.ok("virtfn create 0b:00.0 --vfs 3 && ip link set eth0 up && modprobe vfio-pci");
    let vm = seed.define("MyGuest", "");
    seed.ok("virtfn attach MyGuest 0b:10.0");
    let pf = "0000:0b:00.0";
    let vf = "0000:0b:10.0";
    assert_eq!(guest_of(&seed, vf), ("MyGuest".into(), "defined".into()));
    // One that is only defined stops nothing, and is told.
    seed.run("virtfn destroy 0b:00.0 --dry-run").exits(0).says("MyGuest");

    vm.start();
    assert_eq!(guest_of(&seed, vf), ("MyGuest".into(), "running".into()));
    let holder = listed(&seed, vf)["holders"][0].clone();
    assert_eq!(
        (holder["kind"].as_str(), holder["vm"].as_str()),
        (Some("process"), Some("MyGuest"))
    );
    seed.run("virtfn list").says("VM MyGuest (running)");
    seed.ok("virsh suspend MyGuest");
    assert_eq!(guest_of(&seed, vf), ("MyGuest".into(), "paused".into()));
    seed.ok("virsh resume MyGuest");

    // Two guests, one VF.
    seed.define("Other", "");
    seed.run("virtfn attach Other 0b:10.0").exits(0).says("MyGuest");
    seed.run("virtfn list").says("only one can have it").says("Other");
    seed.ok("virsh undefine Other && virsh destroy MyGuest");
    assert_eq!(guest_of(&seed, vf), ("MyGuest".into(), "defined".into()));
    seed.ok("virtfn detach MyGuest 0b:10.0");

    // A pool gives out a VF that nobody can name before.
    seed.ok("virtfn xml network 0b:00.0 > /run/pool.xml && sed -i 's#<name>.*</name>#<name>vfpool</name>#' /run/pool.xml && \
             virsh net-define /run/pool.xml && virsh net-start vfpool");
    let pooled =
        seed.define("Pooled", "<interface type='network'><source network='vfpool'/></interface>\n");
    seed.run("virtfn list").says("vfpool").says("Pooled");
    assert_eq!(listed(&seed, pf)["guests"][0]["pool"], "vfpool");
    pooled.start();
    let list = seed.run("virtfn list --json").json();
    let functions = list["functions"].as_array().unwrap();
    let has = |one: &&Value| one["kind"] == "vf" && one["guests"][0]["name"] == "Pooled";
    let given = functions.iter().find(has).unwrap();
    assert_eq!(given["guests"][0]["state"], "running");
    seed.run("virtfn destroy 0b:00.0").exits(3).says("VM Pooled").says("virtfn detach Pooled");
    assert_eq!(seed.vfs("0b:00.0"), 3);
}

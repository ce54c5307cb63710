//! Virtual machines on real libvirt and QEMU, inside the emulated host: a device goes in and comes back.

use serde_json::Value;
use virtfn_lab::{self as lab, Guest, Nested};

/// What the VF is before any guest has it.
const OWN: &str = "--mac 52:54:00:00:00:01 --vlan 7";
const MAC: &str = "52:54:00:6d:90:02";

/// The given machine with its VFs, its ports up, and the second port as the other end of the wire: tagged
/// with VLAN 42 it is 10.42.0.1, untagged 10.0.0.1, in a namespace of its own.
fn host() -> Guest {
    let seed = lab::boot_system("seed");
    seed.ok("virtfn create 0b:00.0 --vfs 7");
    seed.ok("ip link set eth0 up; ip link set eth1 up");
    seed.ok(&format!("virtfn set 0b:00.0/0 {OWN}"));
    seed.ok("ip netns add wire && ip link set eth1 netns wire && ip -n wire link set eth1 up && \
             ip -n wire link add link eth1 name tagged type vlan id 42 && ip -n wire link set tagged up && \
             ip -n wire addr add 10.0.0.1/24 dev eth1 && ip -n wire addr add 10.42.0.1/24 dev tagged");
    seed
}

fn vf(seed: &Guest, index: u64) -> Value {
    let links = seed.json("ip -json link show dev eth0");
    let all = links[0]["vfinfo_list"].as_array().unwrap();
    all.iter().find(|vf| vf["vf"] == index).unwrap().clone()
}

fn assert_own(seed: &Guest) {
    assert_eq!(seed.driver("0b:10.0").as_deref(), Some("igbvf"));
    let vf = vf(seed, 0);
    assert_eq!(vf["address"], "52:54:00:00:00:01", "{vf}");
    assert_eq!(vf["vlan_list"][0]["vlan"], 7, "{vf}");
}

fn assert_guests(seed: &Guest) {
    assert_eq!(seed.driver("0b:10.0").as_deref(), Some("vfio-pci"));
    let vf = vf(seed, 0);
    assert_eq!(vf["address"], MAC, "{vf}");
    assert_eq!(vf["vlan_list"][0]["vlan"], 42, "{vf}");
}

/// libvirt's own word on who has the VF: in the machine that runs, in the definition that lasts.
fn definitions(seed: &Guest) -> [bool; 2] {
    ["", "--inactive"].map(|which| {
        let xml = seed.ok(&format!("virsh dumpxml {which} MyGuest"));
        let has = xml.contains("<interface type='hostdev'");
        assert_eq!(has, xml.contains(MAC), "{xml}");
        assert_eq!(has, xml.contains("<tag id='42'/>"), "{xml}");
        has
    })
}

/// The VF's interface in the guest, up with an address.
fn interface(vm: &Nested<'_>) -> String {
    vm.ok("modprobe igbvf");
    let by_mac = format!("grep -l {MAC} /sys/class/net/*/address");
    vm.eventually(&by_mac);
    let path = vm.ok(&by_mac);
    let name = path.trim().rsplit('/').nth(1).unwrap().to_owned();
    vm.ok(&format!("ip link set {name} up && ip addr add 10.42.0.2/24 dev {name} && ip addr add 10.0.0.2/24 dev {name}"));
    name
}

#[test]
fn a_vf_goes_into_a_running_guest_and_comes_back_as_it_was() {
    let seed = host();
    assert_own(&seed);
    let vm = seed.define("MyGuest", "");
    vm.start();
    let attach = format!("virtfn attach MyGuest 0b:10.0 --mac {MAC} --vlan 42 --live --config");
    seed.run(&attach).exits(0).says("now and at each start").says(MAC).says("VLAN 42");
    assert_guests(&seed);
    assert_eq!(definitions(&seed), [true, true]);
    seed.run(&attach).exits(0).says("nothing was to do");
    seed.run("virtfn attach MyGuest 0b:10.0 --vlan 43").exits(1).says("VLAN 42");

    // Who holds it is named, and keeps it.
    seed.run("virtfn destroy 0b:00.0").exits(3).says("MyGuest");
    seed.run("virtfn create 0b:00.0 --vfs 3").exits(3).says("MyGuest");
    assert_eq!(seed.vfs("0b:00.0"), 7);
    seed.run("virtfn list").exits(0).says("MyGuest");

    // Its VLAN is all that reaches it, and its tag is on the wire.
    let name = interface(&vm);
    vm.ok("ping -c 3 -W 5 10.42.0.1");
    vm.run("ping -c 2 -W 2 10.0.0.1").exits(1);
    let dump = seed.spawn("ip netns exec wire tcpdump -e -n -i eth1 -c 1 vlan 42 and icmp > /run/tag 2> /run/dump");
    seed.eventually("grep -q listening /run/dump");
    vm.ok("ping -c 3 -W 5 10.42.0.1");
    seed.eventually("grep -q 'vlan 42' /run/tag");
    drop(dump);

    // To the port itself, and to another VF of the same VLAN.
    seed.ok("ip link add link eth0 name own type vlan id 42 && ip link set own up && ip addr add 10.42.0.3/24 dev own");
    vm.ok("ping -c 3 -W 5 10.42.0.3");
    seed.ok("virtfn set 0b:00.0/1 --mac 52:54:00:6d:90:03 --vlan 42 && ip netns add other && \
             ip link set $(ls /sys/bus/pci/devices/0000:0b:10.2/net) netns other");
    seed.ok("cd /; v=$(ip -n other -o link | sed -n 's/^[0-9]*: \\(e[^:]*\\):.*/\\1/p'); \
             ip -n other link set $v address 52:54:00:6d:90:03; ip -n other link set $v up; ip -n other addr add 10.42.0.4/24 dev $v");
    vm.ok("ping -c 3 -W 5 10.42.0.4");

    seed.run("virtfn detach MyGuest 0b:10.0").exits(0).says("no more");
    assert_own(&seed);
    assert_eq!(definitions(&seed), [false, false]);
    vm.eventually(&format!("[ ! -e /sys/class/net/{name} ]"));
    seed.run("virtfn detach MyGuest 0b:10.0").exits(0).says("nothing was to do");
    seed.ok("[ -z \"$(ls /run/virtfn | grep given)\" ]");
}

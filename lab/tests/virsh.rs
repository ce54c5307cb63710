//! What libvirt's own client does with the tasks of docs/vms.md's table: the page says what is shown here.

use virtfn_lab::{self as lab, Guest};

fn xml(seed: &Guest, file: &str, bus: &str, more: &str) {
    seed.ok(&format!(
        "cat > {file} <<'END'\n<interface type='hostdev' managed='yes'>\n  {more}\n  <source>{bus}</source>\n</interface>\nEND"
    ));
}

fn vf(slot: &str) -> String {
    format!("<address type='pci' domain='0x0000' bus='0x0b' slot='{slot}' function='0x0'/>")
}

fn attach(file: &str) -> String {
    format!("virsh attach-device MyGuest {file} --live --config")
}

#[test]
fn virsh_does_as_it_is_told() {
    if !lab::thoroughly() {
        return; // It is libvirt that is looked at, and that does not change between two runs.
    }
    let seed = lab::boot_system("seed");
    seed.ok(
        "modprobe vfio-pci && virtfn create 0b:00.0 --vfs 3 && virtfn set 0b:00.0/0 --mac 52:54:00:00:00:01 --vlan 7",
    );
    let vm = seed.define("MyGuest", "");
    vm.start();

    // Its port is down: refused, in words that name it.
    seed.ok("ip link set eth0 down");
    xml(&seed, "/run/0.xml", &vf("0x10"), "");
    seed.run(&attach("/run/0.xml")).exits(1).says("not online");
    assert_eq!(seed.driver("0b:10.0").as_deref(), Some("igbvf"));

    // No address and no VLAN are named: one is made up, the other is cleared.
    seed.ok("ip link set eth0 up");
    seed.run(&attach("/run/0.xml")).exits(0);
    let link = seed.ok("ip link show dev eth0");
    let first = link.lines().find(|line| line.contains("vf 0")).unwrap_or_default();
    assert!(!first.contains("52:54:00:00:00:01") && !first.contains("vlan 7"), "{first}");

    // A guest that stands still has not let go; virsh says that it has, and the definition is without it.
    seed.ok("virsh suspend MyGuest");
    seed.run("virsh detach-device MyGuest /run/0.xml --live --config")
        .exits(0)
        .says("detached successfully");
    assert_eq!(seed.driver("0b:10.0").as_deref(), Some("vfio-pci"));
    assert!(seed.ok("virsh dumpxml MyGuest").contains("type='hostdev'"));
    assert!(!seed.ok("virsh dumpxml --inactive MyGuest").contains("type='hostdev'"));
    seed.ok("virsh resume MyGuest");
    seed.eventually("[ -e /sys/bus/pci/drivers/igbvf/0000:0b:10.0 ]");

    // A VF that this host uses, up with an address, is taken from it.
    seed.ok("v=$(ls /sys/bus/pci/devices/0000:0b:10.2/net) && ip link set $v up && ip addr add 10.9.9.9/24 dev $v");
    let second = vf("0x10").replace("function='0x0'", "function='0x2'");
    xml(&seed, "/run/1.xml", &second, "");
    seed.run(&attach("/run/1.xml")).exits(0);
    assert_eq!(seed.driver("0b:10.2").as_deref(), Some("vfio-pci"));
    seed.run("virsh detach-device MyGuest /run/1.xml --live --config").exits(0);

    // So is a port with the host's way out.
    seed.ok("ip link set eth1 up && ip route add default dev eth1");
    seed.ok(
        "cat > /run/pf.xml <<'END'\n<hostdev mode='subsystem' type='pci' managed='yes'><source>\
             <address domain='0' bus='0x0b' slot='0' function='1'/></source></hostdev>\nEND",
    );
    seed.run(&attach("/run/pf.xml")).exits(0);
    assert_eq!(seed.ok("ip route show default"), "");
}

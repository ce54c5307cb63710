//! Virtual machines on real libvirt and QEMU, inside the emulated host: a device goes in and comes back.

use serde_json::Value;
use virtfn_lab::{self as lab, Guest, Nested};

use crate::libvirt_xml::assert_is_libvirts;

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
    assert_is_libvirts(&seed, "0000:0b:00.0");
    assert_is_libvirts(&seed, "0000:0b:10.0");
    vm.start();
    let attach = format!("virtfn attach MyGuest 0b:10.0 --mac {MAC} --vlan 42 --live --config");
    seed.run(&attach).exits(0).says("now and at each start").says(MAC).says("VLAN 42");
    assert_guests(&seed);
    assert_eq!(definitions(&seed), [true, true]);
    let interfaces = seed.ok("virsh domiflist MyGuest");
    assert!(interfaces.contains("hostdev") && interfaces.contains(MAC), "{interfaces}");
    seed.run(&attach).exits(0).says("nothing was to do");
    seed.run("virtfn attach MyGuest 0b:10.0 --vlan 43").exits(1).says("VLAN 42");

    // Who holds it is named, and keeps it.
    seed.run("virtfn destroy 0b:00.0").exits(3).says("MyGuest");
    seed.run("virtfn create 0b:00.0 --vfs 3").exits(3).says("MyGuest");
    assert_eq!(seed.vfs("0b:00.0"), 7);
    seed.run("virtfn list").exits(0).says("MyGuest");

    // A policy has it back when the guest gives it back.
    seed.ok("printf 'version: 1\\npfs:\\n- match: { netdev: eth0 }\\n  vfs: 7\\n  vf: { 0: { mac: \"52:54:00:00:00:01\", vlan: 7 } }\\n' > /run/policy.yaml");
    seed.run("virtfn apply -f /run/policy.yaml").exits(0).says("is with VM MyGuest");
    seed.run("virtfn status -f /run/policy.yaml").exits(0).says("is with VM MyGuest");
    assert_guests(&seed);

    // Its VLAN is all that reaches it, and its tag is on the wire.
    let name = interface(&vm);
    vm.ok("ping -c 3 -W 5 10.42.0.1");
    vm.run("ping -c 2 -W 2 10.0.0.1").exits(1);
    let dump = seed.spawn(
        "ip netns exec wire tcpdump -e -n -i eth1 -c 1 vlan 42 and icmp > /run/tag 2> /run/dump",
    );
    seed.eventually("grep -q listening /run/dump");
    vm.ok("ping -c 3 -W 5 10.42.0.1");
    seed.eventually("grep -q 'vlan 42' /run/tag");
    drop(dump);

    // To the port itself, and to another VF of the same VLAN.
    seed.ok("ip link add link eth0 name own type vlan id 42 && ip link set own up && ip addr add 10.42.0.3/24 dev own");
    vm.ok("ping -c 3 -W 5 10.42.0.3");
    seed.ok("virtfn set 0b:00.0/1 --mac 52:54:00:6d:90:03 --vlan 42 && virtfn bind 0b:10.2 --none && virtfn bind 0b:10.2 --default");
    seed.eventually("[ -n \"$(ls /sys/bus/pci/devices/0000:0b:10.2/net)\" ]");
    seed.ok("ip netns add other && v=$(ls /sys/bus/pci/devices/0000:0b:10.2/net) && ip link set $v netns other && \
             ip -n other link set $v up && ip -n other addr add 10.42.0.4/24 dev $v");
    vm.ok("ping -c 3 -W 5 10.42.0.4");

    seed.run("virtfn detach MyGuest 0b:10.0").exits(0).says("no more");
    assert_own(&seed);
    assert_eq!(definitions(&seed), [false, false]);
    vm.eventually(&format!("[ ! -e /sys/class/net/{name} ]"));
    seed.run("virtfn detach MyGuest 0b:10.0").exits(0).says("nothing was to do");
    seed.ok("[ -z \"$(ls /run/virtfn | grep given)\" ]");
}

#[test]
fn a_vf_is_plugged_through_qemus_own_monitor_and_comes_back() {
    if !lab::thoroughly() {
        return; // One virtual machine inside the emulated one is enough for a sample.
    }
    let seed = host();
    let (line, vm) = seed.qemu("plain", "");
    let _qemu = seed.spawn(&line);
    vm.booted();
    let at = format!("--qmp {}", vm.monitor());
    seed.run(&format!("virtfn attach {at} 0b:10.0 --mac {MAC} --vlan 42")).exits(0).says(MAC);
    assert_guests(&seed);
    seed.run(&format!("virtfn attach {at} 0b:10.0")).exits(0).says("nothing was to do");
    seed.run("virtfn destroy 0b:00.0").exits(3).says("plain");
    interface(&vm);
    vm.ok("ping -c 3 -W 5 10.42.0.1");
    seed.run(&format!("virtfn detach {at} 0b:10.0")).exits(0).says("no more");
    assert_own(&seed);
    seed.run(&format!("virtfn detach {at} 0b:10.0")).exits(0).says("nothing was to do");
    seed.run("virtfn detach --gone 0b:10.0").exits(1).says("nothing is to be put back");

    // A machine that was started with a VF which has no name in it.
    seed.ok("virtfn bind 0b:10.2 vfio-pci");
    let (line, own) = seed.qemu("own", "-device vfio-pci,host=0b:10.2,bus=rp1");
    let _own = seed.spawn(&line);
    own.booted();
    let at = format!("--qmp {}", own.monitor());
    seed.run(&format!("virtfn detach {at} 0b:10.2")).exits(0).says("no more");

    // The host's way out stays, here too.
    seed.ok("ip -n wire link set eth1 down && ip -n wire link set eth1 name port1 && ip -n wire link set port1 netns 1");
    seed.ok("ip link set port1 up && ip route add default dev port1");
    seed.run(&format!("virtfn attach {at} 0b:00.1")).exits(3).says("default route");
}

#[test]
fn a_program_gets_its_devices_and_they_come_back_however_it_ends() {
    if !lab::thoroughly() {
        return; // One virtual machine inside the emulated one is enough for a sample.
    }
    let seed = host();
    let (line, vm) = seed.qemu("mine", "-device vfio-pci,host=0b:10.0");
    let run = format!("virtfn run --mac {MAC} --vlan 42 -- {line}");
    let running = seed.spawn(&run);
    vm.booted();
    assert_guests(&seed);
    interface(&vm);
    vm.ok("ping -c 3 -W 5 10.42.0.1");
    // Ended by a signal to virtfn alone, which hands it on and puts the VF back.
    seed.ok("pkill -TERM -o -x virtfn");
    let _ = running.finish(std::time::Duration::from_secs(60));
    assert_own(&seed);

    // Killed, it cannot: the next command can, once nobody has the VF.
    let _killed = seed.spawn(&run);
    vm.booted();
    seed.ok("pkill -KILL -o -x virtfn");
    seed.run("virtfn detach --gone 0b:10.0").exits(3).says("mine");
    seed.ok("pkill -KILL qemu-system");
    seed.eventually("! pgrep qemu-system");
    seed.run("virtfn detach --gone 0b:10.0").exits(0);
    assert_own(&seed);

    seed.run("virtfn run -- qemu-system-x86_64 -device pci-assign,host=0b:10.0")
        .exits(1)
        .says("-device vfio-pci,host=0000:0b:10.0");
    seed.run("virtfn run --device 0b:10.0 -- sh -c 'exit 7'").exits(7);
    assert_own(&seed);
}

#[test]
fn again_and_again_nothing_is_left() {
    if !lab::thoroughly() {
        return; // One virtual machine inside the emulated one is enough for a sample.
    }
    let seed = host();
    let vm = seed.define("MyGuest", "");
    vm.start();
    let left = "ls /run/virtfn | grep -v lock; ls /run/libvirt/hostdevmgr; cat /sys/bus/pci/devices/0000:0b:10.0/driver_override; \
                ls /proc/$(pidof libvirtd)/fd | wc -l; ls /dev/vfio; virsh dumpxml MyGuest --inactive | wc -l";
    let round = || {
        seed.run(&format!("virtfn attach MyGuest 0b:10.0 --mac {MAC} --vlan 42")).exits(0);
        assert_guests(&seed);
        seed.run("virtfn detach MyGuest 0b:10.0").exits(0);
        assert_own(&seed);
    };
    // The first has libvirt open what it keeps.
    round();
    let before = seed.ok(left);
    for _ in 0..50 {
        round();
    }
    assert_eq!(seed.ok(left), before);
}

/// What of an attach has happened when somebody dies: the VF's driver is gone, it is VFIO's, its address
/// is the guest's, the machine has opened it.
const POINTS: [&str; 4] = [
    "[ ! -e /sys/bus/pci/drivers/igbvf/0000:0b:10.0 ]",
    "[ -e /sys/bus/pci/drivers/vfio-pci/0000:0b:10.0 ]",
    "ip link show dev eth0 | grep -q 52:54:00:6d:90:02",
    "virsh -q qemu-monitor-command MyGuest --hmp 'info pci' | grep -q 8086:10ca",
];

#[test]
fn virtfn_killed_at_any_point_the_next_command_goes_on() {
    if !lab::thoroughly() {
        return; // One virtual machine inside the emulated one is enough for a sample.
    }
    let seed = host();
    let vm = seed.define("MyGuest", "");
    vm.start();
    let attach = format!("virtfn attach MyGuest 0b:10.0 --mac {MAC} --vlan 42");
    for point in POINTS {
        let run = seed.spawn(&attach);
        seed.ok(&format!("until {point}; do :; done; pkill -KILL -x virtfn || true"));
        drop(run);
        // libvirt goes on with what it was asked for.
        seed.eventually(&attach);
        assert_guests(&seed);
        assert_eq!(definitions(&seed), [true, true], "{point}");
        let back = POINTS[0];
        let run = seed.spawn("virtfn detach MyGuest 0b:10.0");
        seed.ok(&format!("until ! {back} || ! virsh -q dumpxml MyGuest | grep -q hostdev; do :; done; pkill -KILL -x virtfn || true"));
        drop(run);
        seed.eventually("virtfn detach MyGuest 0b:10.0");
        assert_own(&seed);
        assert_eq!(definitions(&seed), [false, false], "{point}");
        seed.ok("[ -z \"$(ls /run/virtfn | grep given)\" ]");
    }
}

#[test]
fn libvirts_daemon_killed_at_any_point_the_next_command_goes_on_or_says_what_it_found() {
    if !lab::thoroughly() {
        return; // One virtual machine inside the emulated one is enough for a sample.
    }
    let seed = host();
    let vm = seed.define("MyGuest", "");
    vm.start();
    let attach = format!("virtfn attach MyGuest 0b:10.0 --mac {MAC} --vlan 42");
    for point in POINTS {
        let run = seed.spawn(&format!("{attach} > /run/attach 2>&1; echo done >> /run/attach"));
        seed.ok(&format!("until {point}; do :; done; pkill -KILL -x libvirtd"));
        seed.eventually("grep -q done /run/attach");
        drop(run);
        seed.eventually("virsh list");
        let told = seed.ok("cat /run/attach");
        let again = seed.run(&attach);
        if again.status() != 0 {
            again.says("libvirt does not know");
            seed.ok("virsh qemu-monitor-command MyGuest --hmp 'device_del hostdev0'");
            seed.eventually(&attach);
        }
        assert_guests(&seed);
        assert_eq!(definitions(&seed), [true, true], "{point}: {told}");
        seed.run("virtfn detach MyGuest 0b:10.0").exits(0);
        assert_own(&seed);
    }
}

#[test]
fn what_cannot_be_is_said_and_nothing_is_lost() {
    if !lab::thoroughly() {
        return; // One virtual machine inside the emulated one is enough for a sample.
    }
    let seed = host();
    let vm = seed.define("MyGuest", "");
    vm.start();
    seed.run("virtfn attach MyGest 0b:10.0").exits(1).says("MyGuest");
    seed.run("virtfn attach MyGuest 0b:10.9").exits(1);
    seed.run("setpriv --reuid 65534 --clear-groups virtfn attach MyGuest 0b:10.0")
        .exits(1)
        .says("root");
    seed.run("virtfn attach MyGuest 0b:00.0").exits(1).says("7 VFs");
    seed.run("virtfn attach --connect qemu+ssh://host/system MyGuest 0b:10.0")
        .exits(1)
        .says("another host");
    seed.ok("ip link set eth0 down");
    seed.run(&format!("virtfn attach MyGuest 0b:10.0 --mac {MAC}"))
        .exits(1)
        .says("ip link set dev eth0 up");
    seed.ok("ip link set eth0 up");
    seed.ok("printf '%s' \"<interface type='hostdev' managed='yes'>\n  <mac address='52:54:00:6d:90:02'>\n</interface>\" > /run/vf.xml");
    seed.run("virtfn attach MyGuest --xml /run/vf.xml").exits(1).says("/run/vf.xml:");

    // As older guides write it.
    seed.ok("cat > /run/vf.xml <<'END'\n<interface type='hostdev' managed='yes'>\n  <mac address='52:54:00:6d:90:02'/>\n  <source>\n    \
             <address type='pci' domain='0' bus='11' slot='16' function='0'/>\n  </source>\n  <vlan><tag id='42'/></vlan>\n</interface>\nEND");
    seed.run("virtfn attach MyGuest --xml /run/vf.xml").exits(0).says("VLAN 42");
    assert_guests(&seed);

    // Another guest is given the same VF, and says so.
    seed.define("Other", "");
    seed.run("virtfn attach Other 0b:10.0").exits(0).says("MyGuest");
    seed.run("virtfn list").exits(0).says("Other");
    seed.run("virtfn detach Other 0b:10.0").exits(0);
    assert_guests(&seed);

    // A guest that stands still lets go of nothing; what was asked of it stands.
    seed.ok("virsh suspend MyGuest");
    seed.run("virtfn detach MyGuest 0b:10.0 --wait 3").exits(1).says("3 s").says("hint:");
    assert_guests(&seed);
    seed.ok("virsh resume MyGuest");
    seed.eventually("virtfn detach MyGuest 0b:10.0");
    assert_own(&seed);

    seed.ok("systemctl stop libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd");
    seed.run("virtfn attach MyGuest 0b:10.0").exits(1).says("not running").says("systemctl start");
}

#[test]
fn a_whole_device_goes_in_and_the_hosts_own_way_out_does_not() {
    if !lab::thoroughly() {
        return; // One virtual machine inside the emulated one is enough for a sample.
    }
    let seed = lab::boot_system("seed");
    let vm = seed.define("MyGuest", "");
    vm.start();
    let mac = seed.ok("cat /sys/class/net/eth1/address");
    seed.ok("ip link set eth1 up && ip route add default dev eth1");
    seed.run("virtfn attach MyGuest 0b:00.1").exits(3).says("default route").says("--force");
    assert_eq!(seed.driver("0b:00.1").as_deref(), Some("igb"));
    seed.ok("ip route del default");
    seed.run("virtfn attach MyGuest 0b:00.1 --vlan 5").exits(1).says("no VF");
    seed.run("virtfn attach MyGuest 0b:00.1").exits(0).says("vfio-pci");
    vm.ok("modprobe igb");
    vm.eventually(&format!("grep -l {} /sys/class/net/*/address", mac.trim()));
    seed.run("virtfn detach MyGuest 0b:00.1").exits(0).says("driver igb");
    assert_eq!(seed.driver("0b:00.1").as_deref(), Some("igb"));
}

/// The interface above a failover pair has both below it.
const PAIRED: &str = "[ $(ls -d /sys/class/net/*/lower_* | wc -l) = 2 ]";

/// The longest run of lost numbers among those of a ping's answers.
fn longest_gap(ping: &str) -> u32 {
    let number = |line: &str| line.split("icmp_seq=").nth(1)?.split(' ').next()?.parse().ok();
    let mut heard: Vec<u32> =
        ping.lines().filter(|line| line.contains("bytes from")).filter_map(number).collect();
    heard.sort_unstable();
    assert!(heard.len() > 20, "{ping}");
    heard.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap() - 1
}

#[test]
fn a_failover_pair_keeps_its_traffic_while_the_vf_leaves_and_returns() {
    if !lab::thoroughly() {
        return; // What is lost is counted in time, of which a busy machine has none.
    }
    let seed = host();
    seed.ok("ip link add br0 type bridge && ip link set br0 up && ip link set eth0 master br0 && modprobe tun");
    let standby = format!(
        "<interface type='bridge'><mac address='{MAC}'/><source bridge='br0'/><model type='virtio'/>\
         <teaming type='persistent'/><alias name='ua-net0'/></interface>\n"
    );
    let vm = seed.define("MyGuest", &standby);
    vm.start();
    vm.ok("modprobe virtio_net && modprobe igbvf");
    // The kernel makes an interface above the virtio one, for the pair.
    vm.eventually("ls -d /sys/class/net/*/lower_*");
    vm.ok("m=$(basename $(dirname $(ls -d /sys/class/net/*/lower_*))) && ip link set $m up && ip addr add 10.0.0.2/24 dev $m");
    seed.run("virtfn attach MyGuest 0b:10.2 --failover ua-net9").exits(1).says("ua-net9");
    let attach = "virtfn attach MyGuest 0b:10.2 --failover ua-net0 --live";
    // An emulated processor translates code when it first runs: the driver's is not what is measured.
    seed.run(attach).exits(0);
    vm.eventually(PAIRED);
    seed.run("virtfn detach MyGuest 0b:10.2").exits(0);
    let ping = seed.spawn("exec ip netns exec wire ping -i 0.1 -w 600 10.0.0.2 > /run/ping");
    seed.eventually("grep -q 'bytes from' /run/ping");
    let heard =
        "n=$(wc -l < /run/ping); until [ $(wc -l < /run/ping) -gt $((n + 20)) ]; do :; done";
    for _ in 0..2 {
        seed.run(attach).exits(0).says(MAC);
        vm.eventually(PAIRED);
        seed.ok(heard);
        seed.run("virtfn detach MyGuest 0b:10.2").exits(0);
        seed.ok(heard);
    }
    ping.signal(2).unwrap();
    let told = seed.ok("cat /run/ping");
    let gap = longest_gap(&told);
    println!("at most {gap} lost in a row: {}", told.lines().rev().nth(1).unwrap_or_default());
    assert!(gap <= 10, "{gap} lost in a row\n{told}");
}

/// Two cards back to back: what one sends, the other hears, with its tag.
#[test]
fn a_guests_vlan_is_on_the_wire_between_two_cards() {
    if !lab::thoroughly() {
        return; // One virtual machine inside the emulated one is enough for a sample.
    }
    let two = lab::boot_system("two-cards");
    two.ok("virtfn create 01:00.0 --vfs 2 && ip link set eth0 up");
    two.ok("ip netns add wire && ip link set eth1 netns wire && ip -n wire link set eth1 up && \
            ip -n wire link add link eth1 name tagged type vlan id 42 && ip -n wire link set tagged up && \
            ip -n wire addr add 10.42.0.1/24 dev tagged");
    let vm = two.define("MyGuest", "");
    vm.start();
    two.run(&format!("virtfn attach MyGuest 01:00.0/any --mac {MAC} --vlan 42"))
        .exits(0)
        .says("VLAN 42");
    interface(&vm);
    let _dump = two.spawn(
        "ip netns exec wire tcpdump -e -n -i eth1 -c 1 vlan 42 and icmp > /run/tag 2> /run/dump",
    );
    two.eventually("grep -q listening /run/dump");
    vm.ok("ping -c 3 -W 5 10.42.0.1");
    two.eventually(&format!("grep -q '{MAC}.*vlan 42' /run/tag"));
}

//! A recording replays every command that looks, with the same output as on the machine.

use virtfn_lab::{self as lab, Hold};

#[test]
fn a_recording_says_what_the_machine_said() {
    let seed = lab::boot("seed");
    seed.ok("virtfn create 0b:00.0 --vfs 3 && virtfn create 0b:00.1 --vfs 1 --mac auto --driver vfio-pci");
    seed.ok("virtfn set 0b:10.0 --mac 52:54:00:6d:90:02 --vlan 42 && ip link set eth0 up");
    let _holder = seed.hold(Hold::GroupAndDevice, "0b:10.1");
    seed.eventually("test \"$(cat /sys/class/net/eth0/carrier)\" = 1");
    seed.ok("virtfn record /tmp/host.tar.zst");
    for line in [
        "list",
        "list --json",
        "list --tree",
        "list --all",
        "groups",
        "groups --json",
        "doctor",
        "doctor --json",
        "doctor -v",
        "doctor --for dpdk",
        "show 0b:00.0",
        "show 0b:00.0 --json",
        "show 0b:10.0",
        "show eth0/1",
        "show 0b:10.1 --json",
        "show 0a:00.0",
        "show no-such-device",
    ] {
        let live = seed.run(&format!("virtfn {line}"));
        let replayed = seed.run(&format!("virtfn {line} --root /tmp/host.tar.zst"));
        assert_eq!(live.stdout(), replayed.stdout(), "{line}");
        assert_eq!(live.status(), replayed.status(), "{line}");
    }
}

#[test]
fn a_masked_recording_has_no_address_of_the_machine() {
    let seed = lab::boot("seed");
    seed.ok("virtfn create 0b:00.0 --vfs 2 && virtfn set 0b:10.0 --mac 52:54:00:6d:90:02");
    seed.ok("virtfn record --mask /tmp/masked.tar.zst");
    let own = seed.ok("cat /sys/class/net/eth*/address");
    let shown = seed.ok("virtfn list --root /tmp/masked.tar.zst --json; virtfn show 0b:00.0 --root /tmp/masked.tar.zst");
    for mac in own.lines().chain(["52:54:00:6d:90:02"]) {
        assert!(!shown.contains(mac), "{mac} is in it:\n{shown}");
    }
}

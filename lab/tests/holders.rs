//! Who holds a VF keeps it: every manner of holding, named in the refusal, and nothing changed.

use std::time::{Duration, Instant};

use virtfn_lab::{self as lab, Guest, Hold};

/// `seed` with seven VFs, the first on vfio-pci.
fn seed(kernel: &str) -> Guest {
    with_vfio(lab::boot_on("seed", kernel))
}

fn with_vfio(seed: Guest) -> Guest {
    seed.ok("virtfn create 0b:00.0 --vfs 7");
    seed.ok("virtfn bind 0b:10.0 vfio-pci");
    seed
}

#[test]
fn vfs_held_through_vfio_stay() {
    for kernel in ["6.12", "6.1"] {
        let seed = seed(kernel);
        for what in [Hold::GroupAndDevice, Hold::DeviceOnly, Hold::Group] {
            let holder = seed.hold(what, "0b:10.0");
            for line in [
                "destroy 0b:00.0",
                "create 0b:00.0 --vfs 3",
                "bind 0b:10.0 --default",
                "bind 0b:10.0 --none",
            ] {
                let refused = seed.run(&format!("lab-guest count-writes -- {line}"));
                refused
                    .exits(3)
                    .says(&holder.name)
                    .says(&format!("pid {}", holder.pid))
                    .says("hint:")
                    .says("writes: 0");
            }
            assert_eq!(seed.vfs("0b:00.0"), 7, "{what:?}");
            assert_eq!(seed.driver("0b:10.0").as_deref(), Some("vfio-pci"), "{what:?}");
            holder.release();
        }
        seed.ok("virtfn destroy 0b:00.0");
        assert_eq!(seed.vfs("0b:00.0"), 0);
    }
}

#[test]
fn a_list_names_holders_and_says_where_it_cannot() {
    let seed = seed("6.12");
    let holders = || {
        let list = seed.run("virtfn list --json").json();
        let vf = list["functions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|f| f["address"] == "0000:0b:10.0")
            .unwrap()
            .clone();
        vf["holders"].clone()
    };
    assert_eq!(holders(), serde_json::json!([]));
    let holder = seed.hold(Hold::GroupAndDevice, "0b:10.0");
    assert_eq!(holders()[0]["pid"], holder.pid);
    assert_eq!(holders()[0]["name"], holder.name.as_str());
    holder.release();
    let holder = seed.hold(Hold::DeviceOnly, "0b:10.0");
    assert!(holders().is_null(), "this kernel does not say whose device is open: {}", holders());
    seed.run("virtfn list").exits(5).says(&holder.name);
}

#[test]
fn a_vf_in_another_network_namespace_stays() {
    let seed = lab::boot("seed");
    seed.ok("virtfn create 0b:00.0 --vfs 2 && ip netns add blue");
    seed.ok("ip link set $(ls /sys/bus/pci/devices/0000:0b:10.2/net) netns blue");
    seed.run("lab-guest count-writes -- destroy 0b:00.0")
        .exits(3)
        .says("namespace blue")
        .says("writes: 0");
    assert_eq!(seed.vfs("0b:00.0"), 2);
    seed.run("virtfn list").says("blue");
    seed.ok("ip netns del blue");
    seed.eventually("test -n \"$(ls /sys/bus/pci/devices/0000:0b:10.2/net)\"");
    seed.ok("virtfn destroy 0b:00.0");
}

#[test]
fn a_vf_whose_interface_is_in_use_stays() {
    let seed = lab::boot("seed");
    // A VF of a port that is down gets no answer from it, and cannot join a bridge.
    seed.ok("ip link set eth0 up");
    seed.eventually("test \"$(cat /sys/class/net/eth0/carrier)\" = 1");
    seed.ok("virtfn create 0b:00.0 --vfs 2");
    let netdev = seed.ok("ls /sys/bus/pci/devices/0000:0b:10.0/net").trim().to_owned();
    seed.ok(&format!("ip link set {netdev} up && virtfn list > /dev/null"));
    seed.ok(&format!("ip addr add 10.0.0.5/24 dev {netdev}"));
    seed.run("lab-guest count-writes -- destroy 0b:00.0")
        .exits(3)
        .says(&netdev)
        .says("10.0.0.5/24")
        .says("writes: 0");
    seed.run("virtfn bind 0b:10.0 vfio-pci").exits(3).says("10.0.0.5/24");
    seed.ok(&format!("ip addr flush dev {netdev} && ip link add br0 type bridge && ip link set {netdev} master br0"));
    seed.run("virtfn destroy 0b:00.0").exits(3).says("port of br0");
    seed.ok("ip link del br0");
    assert_eq!(seed.vfs("0b:00.0"), 2);
    seed.ok("virtfn destroy 0b:00.0");
}

#[test]
fn force_names_who_loses_it_and_takes_it() {
    let seed = seed("6.12");
    let holder = seed.hold(Hold::Group, "0b:10.0");
    let forced = seed.run("virtfn destroy 0b:00.0 --force");
    forced.exits(0).says(&holder.name).says("taken away");
    assert_eq!(seed.vfs("0b:00.0"), 0);
}

/// A writer that waits in the kernel for a holder holds the locks of the PF: what only looks must
/// not wait with it, and what would change it must say so.
#[test]
fn looking_is_answered_while_a_writer_hangs() {
    let limit = Duration::from_secs(15);
    for kernel in ["6.12", "6.1"] {
        let seed = with_vfio(lab::fresh_on("seed", kernel));
        let holder = seed.hold(Hold::GroupAndDevice, "0b:10.0");
        let writer = seed.spawn("echo 0 > /sys/bus/pci/devices/0000:0b:00.0/sriov_numvfs");
        seed.eventually(&format!("grep -q vfio_ /proc/{}/stack", writer.pid()));
        for line in [
            "virtfn list",
            "virtfn list --tree",
            "virtfn groups",
            "virtfn show 0b:00.1",
            "virtfn show 0b:00.0",
        ] {
            let begun = Instant::now();
            let answer = seed.run_within(limit, line);
            assert!([0, 5].contains(&answer.status()), "{kernel}: {line}: {}", answer.stderr());
            assert!(begun.elapsed() < limit, "{kernel}: {line}");
        }
        for line in ["destroy 0b:00.0", "create 0b:00.1 --vfs 1"] {
            let told = seed
                .run_within(Duration::from_secs(40), &format!("lab-guest count-writes -- {line}"));
            told.exits(1).says("0b:00.0: an earlier write").says("hint:").says("writes: 0");
        }
        holder.release();
        writer.finish(limit).unwrap();
        seed.eventually(
            "test -z \"$(ls -d /sys/bus/pci/devices/0000:0b:00.0/virtfn* 2> /dev/null)\"",
        );
    }
}

//! Killed before and after every write to the kernel, and run again: the wanted state, with every
//! switch and reservation as it should be.

use virtfn_lab::{self as lab, Guest};

/// How many writes a command makes on a clean machine.
fn writes(seed: &Guest, command: &str) -> usize {
    let counted = seed.run(&format!("lab-guest count-writes -- {command}"));
    counted.exits(0);
    let told = counted.stderr();
    let count = told.lines().find_map(|line| line.strip_prefix("writes: "));
    count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no count in {told}"))
}

/// Kills `command` at every write, after `prepare`; runs it again; `judge`s what is there.
fn kill_everywhere(
    seed: &Guest,
    prepare: &str,
    command: &str,
    judge: impl Fn(&Guest, &str),
) -> usize {
    seed.ok(prepare);
    let count = writes(seed, command);
    assert!(count > 0, "{command} writes nothing");
    for write in 1..=count {
        for moment in ["before", "after"] {
            let at = format!("{command}, killed {moment} write {write} of {count}");
            seed.ok(prepare);
            let killed = seed.run(&format!("lab-guest killed-at {moment} {write} -- {command}"));
            assert_eq!(killed.status(), 128 + 9, "{at}: {}", killed.stderr());
            seed.run(&format!("virtfn {command}")).exits(0);
            judge(seed, &at);
            assert_eq!(seed.ok("ls /run/virtfn | grep -c journal || true").trim(), "0", "{at}");
            assert_eq!(seed.attribute("0b:00.0", "sriov_drivers_autoprobe"), "1", "{at}");
        }
    }
    count
}

/// Without VFs, and without the module whose loading is one of the writes.
const CLEAN: &str = "virtfn destroy 0b:00.0 && modprobe -r vfio-pci";

fn seven(seed: &Guest, driver: &str, reserved: &str, at: &str) {
    assert_eq!(seed.vfs("0b:00.0"), 7, "{at}");
    for vf in ["0b:10.0", "0b:10.2", "0b:10.4", "0b:10.6", "0b:11.0", "0b:11.2", "0b:11.4"] {
        assert_eq!(seed.driver(vf).as_deref(), Some(driver), "{at}: {vf}");
        assert_eq!(seed.attribute(vf, "driver_override"), reserved, "{at}: {vf}");
    }
}

#[test]
fn making_plain_vfs_converges() {
    let seed = lab::boot("seed");
    kill_everywhere(&seed, CLEAN, "create 0b:00.0 --vfs 7", |seed, at| {
        seven(seed, "igbvf", "(null)", at)
    });
}

#[test]
fn making_vfs_for_vms_converges() {
    let seed = lab::boot("seed");
    let vfs = if lab::thoroughly() { 7 } else { 2 };
    let command = format!("create 0b:00.0 --vfs {vfs} --mac auto --driver vfio-pci");
    let count = kill_everywhere(&seed, CLEAN, &command, |seed, at| {
        assert_eq!(seed.vfs("0b:00.0"), vfs, "{at}");
        for vf in
            &["0b:10.0", "0b:10.2", "0b:10.4", "0b:10.6", "0b:11.0", "0b:11.2", "0b:11.4"][..vfs]
        {
            assert_eq!(seed.driver(vf).as_deref(), Some("vfio-pci"), "{at}: {vf}");
            assert_eq!(seed.attribute(vf, "driver_override"), "vfio-pci", "{at}: {vf}");
        }
        let macs =
            seed.ok("ip link show dev eth0 | grep ' vf ' | grep -c 00:00:00:00:00:00 || true");
        assert_eq!(macs.trim(), "0", "{at}: an address is missing");
    });
    assert!(count > 3 * vfs, "{count} writes");
}

#[test]
fn making_vfs_with_addresses_for_the_host_converges() {
    let seed = lab::boot("seed");
    kill_everywhere(&seed, CLEAN, "create 0b:00.0 --vfs 2 --mac auto", |seed, at| {
        assert_eq!(seed.vfs("0b:00.0"), 2, "{at}");
        for vf in ["0b:10.0", "0b:10.2"] {
            assert_eq!(seed.driver(vf).as_deref(), Some("igbvf"), "{at}: {vf}");
            assert_eq!(seed.attribute(vf, "driver_override"), "(null)", "{at}: {vf}");
        }
    });
}

#[test]
fn binding_converges() {
    let seed = lab::boot("seed");
    seed.ok("virtfn create 0b:00.0 --vfs 2");
    let default = "virtfn bind 0b:10.0 --default && modprobe -r vfio-pci";
    kill_everywhere(&seed, default, "bind 0b:10.0 vfio-pci", |seed, at| {
        assert_eq!(seed.driver("0b:10.0").as_deref(), Some("vfio-pci"), "{at}");
        assert_eq!(seed.attribute("0b:10.0", "driver_override"), "vfio-pci", "{at}");
        assert_eq!(seed.driver("0b:10.2").as_deref(), Some("igbvf"), "{at}: its neighbour");
    });
    kill_everywhere(&seed, "virtfn bind 0b:10.0 vfio-pci", "bind 0b:10.0 --default", |seed, at| {
        assert_eq!(seed.driver("0b:10.0").as_deref(), Some("igbvf"), "{at}");
        assert_eq!(seed.attribute("0b:10.0", "driver_override"), "(null)", "{at}");
    });
}

#[test]
fn two_runs_at_once_end_in_one_of_the_two_states() {
    let seed = lab::boot("seed");
    seed.ok("(virtfn create 0b:00.0 --vfs 3 & virtfn create 0b:00.0 --vfs 5 & wait) > /dev/null");
    assert!([3, 5].contains(&seed.vfs("0b:00.0")), "{}", seed.vfs("0b:00.0"));
}

//! Killed before and after every write to the kernel, and run again: the wanted state, with every
//! switch and reservation as it should be.

use virtfn_lab::{self as lab, Guest};

/// How many writes a command makes on a clean machine.
pub(crate) fn writes(seed: &Guest, command: &str) -> usize {
    let counted = seed.run(&format!("lab-guest count-writes -- {command}"));
    counted.exits(0);
    let told = counted.stderr();
    let count = told.lines().find_map(|line| line.strip_prefix("writes: "));
    count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no count in {told}"))
}

/// The port's VFs with driver and reservation, its switch, and the journals that are left.
const STATE: &str = "cd /sys/bus/pci/devices/0000:0b:00.0 && ls -d /run/virtfn/*journal* 2>&-; \
     read autoprobe < sriov_drivers_autoprobe; echo autoprobe $autoprobe; \
     for vf in virtfn*; do read reserved < $vf/driver_override; driver=$(readlink $vf/driver); \
     echo ${vf#virtfn} ${driver##*/} $reserved; done";

/// What [`STATE`] prints when nothing is owed and each VF has this driver and reservation.
pub(crate) fn settled(vfs: &[(&str, &str)]) -> String {
    let vfs = vfs.iter().enumerate();
    let lines = vfs.map(|(index, (driver, reserved))| format!("{index} {driver} {reserved}\n"));
    "autoprobe 1\n".to_owned() + &lines.collect::<String>()
}

/// Kills `command` at every write, after `prepare`; runs it again; returns how many it made.
pub(crate) fn kill_everywhere(seed: &Guest, prepare: &str, command: &str, settled: &str) -> usize {
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
            assert_eq!(seed.ok(STATE), settled, "{at}");
        }
    }
    count
}

/// How many VFs, where each costs writes of its own: with `--all` a first, a last, one between.
fn vfs() -> usize {
    if lab::thoroughly() { 3 } else { 1 }
}

/// Without VFs, and without the module whose loading is one of the writes.
const CLEAN: &str = "virtfn destroy 0b:00.0 && modprobe -r vfio-pci";

#[test]
fn making_plain_vfs_converges() {
    let seed = lab::boot("seed");
    let settled = settled(&[("igbvf", "(null)"); 7]);
    kill_everywhere(&seed, CLEAN, "create 0b:00.0 --vfs 7", &settled);
}

#[test]
fn making_vfs_for_vms_converges() {
    let seed = lab::boot("seed");
    let vfs = vfs();
    let command = format!("create 0b:00.0 --vfs {vfs} --mac auto --driver vfio-pci");
    let settled = settled(&vec![("vfio-pci", "vfio-pci"); vfs]);
    let count = kill_everywhere(&seed, CLEAN, &command, &settled);
    assert!(count > 3 * vfs, "{count} writes");
    let links = seed.json("ip -j link show dev eth0");
    let vfs = links[0]["vfinfo_list"].as_array().unwrap();
    assert!(vfs.iter().all(|vf| vf["address"] != "00:00:00:00:00:00"), "{links}");
}

#[test]
fn making_vfs_with_addresses_for_the_host_converges() {
    let seed = lab::boot("seed");
    let vfs = vfs();
    let settled = settled(&vec![("igbvf", "(null)"); vfs]);
    kill_everywhere(&seed, CLEAN, &format!("create 0b:00.0 --vfs {vfs} --mac auto"), &settled);
}

#[test]
fn binding_converges() {
    let seed = lab::boot("seed");
    seed.ok("virtfn create 0b:00.0 --vfs 2");
    let default = "virtfn bind 0b:10.0 --default && modprobe -r vfio-pci";
    let bound = settled(&[("vfio-pci", "vfio-pci"), ("igbvf", "(null)")]);
    kill_everywhere(&seed, default, "bind 0b:10.0 vfio-pci", &bound);
    let unbound = settled(&[("igbvf", "(null)"); 2]);
    let reserved = "virtfn bind 0b:10.0 vfio-pci";
    kill_everywhere(&seed, reserved, "bind 0b:10.0 --default", &unbound);
}

#[test]
fn two_runs_at_once_end_in_one_of_the_two_states() {
    let seed = lab::boot("seed");
    seed.ok("(virtfn create 0b:00.0 --vfs 3 & virtfn create 0b:00.0 --vfs 5 & wait) > /dev/null");
    assert!([3, 5].contains(&seed.vfs("0b:00.0")), "{}", seed.vfs("0b:00.0"));
}

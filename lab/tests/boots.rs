//! Every machine boots, on every kernel its file names, and is what its file promises.

use virtfn_lab::{self as lab, Guest, Topology};

/// Boots a topology on a kernel, makes the VFs by hand and compares with the file's promises.
#[track_caller]
fn check(name: &str, kernel: &str) {
    let expect = Topology::find(name).unwrap().expect;
    let guest = lab::boot_on(name, kernel);
    assert!(guest.machine().release().starts_with(&format!("{kernel}.")));
    assert_eq!(functions_with(&guest, "sriov_totalvfs"), expect.pfs, "PFs of {name}");
    for pf in &expect.pfs {
        let count = expect.vfs_per_pf;
        guest.ok(&format!("echo {count} > /sys/bus/pci/devices/0000:{pf}/sriov_numvfs"));
        assert_eq!(guest.vfs(pf), usize::from(count), "{pf}");
    }
    assert_eq!(functions_with(&guest, "physfn"), expect.vfs, "VFs of {name}");
    let grouped = functions_with(&guest, "iommu_group");
    let mut promised = functions_with(&guest, "config");
    promised.retain(|one| expect.iommu_groups && !expect.groupless.contains(one));
    assert_eq!(grouped, promised, "groups of {name}");
}

/// The functions that have an attribute, in address order and short form.
fn functions_with(guest: &Guest, attribute: &str) -> Vec<String> {
    let line = format!(
        "cd /sys/bus/pci/devices && for f in *; do test ! -e $f/{attribute} || echo $f; done"
    );
    let listing = guest.ok(&line);
    listing.lines().map(|address| address.trim_start_matches("0000:").to_owned()).collect()
}

#[test]
fn seed() {
    check("seed", "6.12");
}

#[test]
fn seed_on_6_1() {
    check("seed", "6.1");
}

#[test]
fn one_port() {
    check("one-port", "6.12");
}

#[test]
fn two_cards() {
    check("two-cards", "6.12");
}

#[test]
fn no_iommu() {
    check("no-iommu", "6.12");
}

#[test]
fn iommu_off() {
    check("iommu-off", "6.12");
}

#[test]
fn amd_iommu() {
    check("amd-iommu", "6.12");
}

#[test]
fn amd_iommu_on_6_1() {
    check("amd-iommu", "6.1");
}

#[test]
fn virtio_iommu() {
    check("virtio-iommu", "6.12");
}

#[test]
fn switch_no_acs() {
    check("switch-no-acs", "6.12");
}

#[test]
fn switch_no_acs_on_6_1() {
    check("switch-no-acs", "6.1");
}

#[test]
fn shared_slot() {
    check("shared-slot", "6.12");
}

#[test]
fn no_flr() {
    check("no-flr", "6.12");
}

#[test]
fn no_intremap() {
    check("no-intremap", "6.12");
}

#[test]
fn narrow_iommu() {
    check("narrow-iommu", "6.12");
}

#[test]
fn no_acs() {
    check("no-acs", "6.12");
}

#[test]
fn no_acs_on_6_1() {
    check("no-acs", "6.1");
}

#[test]
fn no_msi() {
    check("no-msi", "6.12");
}

#[test]
fn small_window() {
    check("small-window", "6.12");
}

#[test]
fn every_topology_is_booted_here() {
    let tests = include_str!("boots.rs");
    for topology in Topology::all().unwrap() {
        for kernel in &topology.kernels {
            let line = format!("check(\"{}\", \"{kernel}\");", topology.name);
            assert!(tests.contains(&line), "no test boots {} on {kernel}", topology.name);
        }
    }
}

#[test]
fn each_function_of_seed_is_in_a_group_of_its_own() {
    let seed = lab::boot("seed");
    seed.ok("echo 7 > /sys/bus/pci/devices/0000:0b:00.0/sriov_numvfs");
    let sizes =
        seed.ok("for g in /sys/kernel/iommu_groups/*; do ls $g/devices | grep -c 0b:; done");
    let of_the_card: Vec<_> = sizes.lines().filter(|size| *size != "0").collect();
    assert_eq!(of_the_card, ["1"; 9], "two PFs and seven VFs");
}

#[test]
fn without_acs_the_card_and_its_vfs_are_one_group() {
    let guest = lab::boot("no-acs");
    guest.ok("echo 7 > /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs");
    let groups =
        guest.ok("for f in /sys/bus/pci/devices/0000:01:*; do readlink $f/iommu_group; done");
    let mut groups: Vec<_> = groups.lines().collect();
    assert_eq!(groups.len(), 8);
    groups.dedup();
    assert_eq!(groups.len(), 1);
}

//! Each machine with a fault fires exactly its rule, and a sound one fires none.

use std::collections::BTreeSet;

use virtfn_lab::{self as lab, Guest, Topology};

/// The rules that fail on a machine, and how many findings follow from them.
fn failing(guest: &Guest) -> (BTreeSet<String>, usize) {
    let told = guest.run("virtfn doctor --json").json();
    let findings = told["findings"].as_array().unwrap();
    let failing = findings.iter().filter(|finding| finding["verdict"] == "fail");
    let following = findings.iter().filter(|finding| finding["because"].is_string());
    let rules = failing.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect();
    (rules, following.count())
}

/// Every machine of the lab on each of its kernels, with the rules that it says will fail: at once,
/// and once there are VFs.
fn machines() -> impl Iterator<Item = (Topology, String, [BTreeSet<String>; 2])> {
    let all = Topology::all().unwrap();
    all.into_iter().flat_map(|topology| {
        let at_once: BTreeSet<String> = topology.expect.fails.iter().cloned().collect();
        let later = topology.expect.fails_with_vfs.iter().cloned();
        let with_vfs = at_once.iter().cloned().chain(later).collect();
        let expected = [at_once, with_vfs];
        let kernels = topology.kernels.clone();
        kernels.into_iter().map(move |kernel| (topology.clone(), kernel, expected.clone()))
    })
}

#[test]
fn a_sound_machine_fails_no_rule() {
    let sound: Vec<_> = machines().filter(|(_, _, fails)| fails[0].is_empty()).collect();
    assert!(sound.len() >= 4, "seed on two kernels, one-port, two-cards: {}", sound.len());
    for (topology, kernel, [_, with_vfs]) in sound {
        let guest = lab::boot_on(&topology.name, &kernel);
        assert_eq!(failing(&guest).0, BTreeSet::new(), "{} on {kernel}", topology.name);
        guest.run("virtfn doctor").exits(0).says("Ready");
        guest.ok(&format!("virtfn create {} --vfs 2", topology.expect.pfs[0]));
        assert_eq!(failing(&guest).0, with_vfs, "{} on {kernel}, with VFs", topology.name);
    }
}

#[test]
fn each_fault_fails_its_own_rule_alone() {
    let faulty: Vec<_> = machines().filter(|(_, _, fails)| !fails[0].is_empty()).collect();
    assert!(faulty.len() >= 5, "four faults, one of them on two kernels: {}", faulty.len());
    for (topology, kernel, [at_once, with_vfs]) in faulty {
        let guest = lab::boot_on(&topology.name, &kernel);
        assert_eq!(failing(&guest).0, at_once, "{} on {kernel}", topology.name);
        let doctor = guest.run("virtfn doctor");
        doctor.exits(1).says("fix");
        for rule in &at_once {
            doctor.says(rule);
            guest.run(&format!("virtfn explain {rule}")).exits(0);
        }
        if topology.expect.vfs_per_pf == 0 {
            continue;
        }
        guest.ok(&format!("virtfn create {} --vfs 2", topology.expect.pfs[0]));
        assert_eq!(failing(&guest).0, with_vfs, "{} on {kernel}, with VFs", topology.name);
    }
}

/// A controller and the host's own card share a slot, and nothing keeps them apart: the controller
/// goes nowhere while the host's driver has the card.
#[test]
fn a_sibling_with_a_driver_keeps_its_group() {
    let guest = lab::boot("shared-slot");
    let fails = |line: &str| {
        let told = guest.run(line).json();
        let findings = told["findings"].as_array().unwrap().clone();
        let failing = findings.into_iter().filter(|finding| finding["verdict"] == "fail");
        failing.map(|one| one["rule"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(
        fails("virtfn doctor 01:00.0 --json"),
        BTreeSet::from(["group-not-viable".to_owned()])
    );
    guest.run("virtfn doctor 01:00.0").exits(1).says("01:00.7 (e1000e)");
    guest.run("virtfn bind 01:00.7 vfio-pci").exits(0).says("vfio-pci has it").says("01:00.7  ");
    assert_eq!(fails("virtfn doctor 01:00.0 --json"), BTreeSet::new());
}

#[test]
fn what_follows_from_a_fault_says_from_which() {
    let guest = lab::boot("iommu-off");
    let (_, following) = failing(&guest);
    assert!(
        following > 0,
        "an IOMMU that is off leaves devices untranslated, and no finding says so"
    );
}

/// Without root the kernel hides config space, tables and other people's processes.
#[test]
fn without_root_nothing_passes_that_was_not_seen() {
    let guest = lab::boot("seed");
    let told = guest.run("busybox su -s /bin/sh nobody -c 'virtfn doctor --json'");
    told.exits(5);
    let json = told.json();
    let findings = json["findings"].as_array().unwrap();
    let verdict = |rule: &str| {
        let finding = findings.iter().find(|finding| finding["rule"] == rule);
        finding.map(|finding| finding["verdict"].as_str().unwrap().to_owned())
    };
    assert_eq!(verdict("acs-missing-on-path").as_deref(), Some("unknown"));
    for finding in findings.iter().filter(|finding| finding["verdict"] == "pass") {
        let evidence = finding["evidence"].as_array().unwrap();
        assert!(!evidence.is_empty(), "passed without evidence: {finding}");
    }
    guest
        .run("busybox su -s /bin/sh nobody -c 'virtfn create 0b:00.0 --vfs 2'")
        .exits(1)
        .says("root");
    assert_eq!(guest.vfs("0b:00.0"), 0);
}

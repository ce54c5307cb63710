//! Each machine with a fault fires exactly its rule, and a sound one fires none.

use std::collections::BTreeSet;

use virtfn_lab::{self as lab, Guest};

/// The rules that fail on a machine, and how many findings follow from them.
fn failing(guest: &Guest) -> (BTreeSet<String>, usize) {
    let told = guest.run("virtfn doctor --json").json();
    let findings = told["findings"].as_array().unwrap();
    let failing = findings.iter().filter(|finding| finding["verdict"] == "fail");
    let following = findings.iter().filter(|finding| finding["because"].is_string());
    let rules = failing.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect();
    (rules, following.count())
}

#[test]
fn a_sound_machine_fails_no_rule() {
    for (topology, kernel) in
        [("seed", "6.12"), ("seed", "6.1"), ("one-port", "6.12"), ("two-cards", "6.12")]
    {
        let guest = lab::boot_on(topology, kernel);
        assert_eq!(failing(&guest).0, BTreeSet::new(), "{topology} on {kernel}");
        guest.run("virtfn doctor").exits(0).says("Ready");
        guest.ok("virtfn create $(ls /sys/bus/pci/drivers/igb | grep : | head -1) --vfs 2");
        assert_eq!(failing(&guest).0, BTreeSet::new(), "{topology} on {kernel}, with VFs");
    }
}

#[test]
fn each_fault_fails_its_own_rule_alone() {
    for (topology, kernel, rule) in [
        ("no-iommu", "6.12", "iommu-absent-in-firmware"),
        ("iommu-off", "6.12", "iommu-off-in-kernel"),
        ("no-intremap", "6.12", "interrupt-remapping-off"),
        ("no-acs", "6.12", "acs-missing-on-path"),
        ("no-acs", "6.1", "acs-missing-on-path"),
    ] {
        let guest = lab::boot_on(topology, kernel);
        for state in ["without VFs", "with VFs"] {
            let (rules, _) = failing(&guest);
            assert_eq!(rules, BTreeSet::from([rule.to_owned()]), "{topology} on {kernel}, {state}");
            guest.run("virtfn doctor").exits(1).says(rule).says("fix");
            guest.run(&format!("virtfn explain {rule}")).exits(0);
            guest.ok("virtfn create 01:00.0 --vfs 2");
        }
    }
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

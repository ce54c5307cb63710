//! Recorded hosts: a healthy one has no failure, each fault fires exactly its own rule, and every
//! finding keeps the promises of findings.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{ROOT, fixture, read, rules};
use virtfn_doctor::{Finding, RULES, Readiness, Uses, Verdict, Weight, judge, summary};

const FIXTURES: [(&str, Option<&str>); 12] = [
    ("intel-default", None),
    ("intel-rp-acs", None),
    ("intel-4igb", None),
    ("intel-pci-bridge", None),
    ("amd-default", None),
    ("noiommu", Some("iommu-absent-in-firmware")),
    ("intel-off", Some("iommu-off-in-kernel")),
    ("amd-off", Some("iommu-off-in-kernel")),
    ("intel-noremap", Some("interrupt-remapping-off")),
    // On x86 it remaps no interrupts, and VFIO refuses devices.
    ("virtio-iommu", Some("interrupt-remapping-off")),
    ("intel-rp-noacs", Some("acs-missing-on-path")),
    ("intel-switch", Some("acs-missing-on-path")),
];

#[test]
fn each_fault_fails_its_own_rule_alone() {
    for (name, expected) in FIXTURES {
        let host = fixture(name);
        let findings = judge(&host, Uses::ALL, &[]);
        assert_eq!(rules(&findings, Verdict::Fail), expected.into_iter().collect(), "{name}");
        let unseen = findings.iter().filter(|finding| finding.verdict == Verdict::Unknown);
        let required = unseen.filter(|finding| finding.weight() == Weight::Requirement);
        assert_eq!(required.count(), 0, "{name}");
        let expected = if expected.is_some() { Readiness::NotReady } else { Readiness::Ready };
        assert_eq!(summary(&host, &findings, Uses::ALL).readiness, expected, "{name}");
        keep_promises(name, &findings);
    }
}

#[test]
fn the_first_line_answers_the_question() {
    for (name, line) in [
        ("intel-default", "Ready: VFs of 01:00.0 can go to VMs, each on its own."),
        (
            "intel-4igb",
            "Ready: VFs of 01:00.0, 02:00.0, 03:00.0 and 04:00.0 can go to VMs, each on its own.",
        ),
        ("noiommu", "Not ready: the firmware describes no IOMMU."),
        ("intel-off", "Not ready: the kernel was told to leave the IOMMU off: intel_iommu=off."),
    ] {
        let host = fixture(name);
        let findings = judge(&host, Uses::ALL, &[]);
        assert_eq!(summary(&host, &findings, Uses::ALL).line, line);
    }
}

/// What follows from a failure names it, and is not counted.
#[test]
fn what_follows_says_because() {
    let findings = judge(&fixture("noiommu"), Uses::ALL, &[]);
    let because = |rule: &str| {
        let found = findings.iter().find(|finding| finding.rule == rule).unwrap();
        (found.verdict, found.because)
    };
    for rule in ["iommu-off-in-kernel", "interrupt-remapping-off", "device-not-translated"] {
        assert_eq!(because(rule), (Verdict::NotApplicable, Some("iommu-absent-in-firmware")));
    }
    let findings = judge(&fixture("intel-rp-noacs"), Uses::ALL, &[]);
    let groups = findings.iter().filter(|finding| finding.rule == "group-not-viable");
    assert!(groups.clone().count() == 3);
    assert!(groups.into_iter().all(|finding| finding.because == Some("acs-missing-on-path")));
}

/// Containers need no IOMMU, and VMs no VF driver on the host.
#[test]
fn a_use_narrows_the_rules() {
    let host = fixture("noiommu");
    let findings = judge(&host, Uses::CONTAINER, &[]);
    assert_eq!(
        summary(&host, &findings, Uses::CONTAINER).line,
        "Ready: VFs of 01:00.0 can go to containers."
    );
    assert!(findings.iter().any(|finding| finding.rule == "vf-driver-missing"));
    let findings = judge(&host, Uses::VM, &[]);
    assert!(findings.iter().all(|finding| finding.rule != "vf-driver-missing"));
}

#[test]
fn a_named_device_narrows_the_objects() {
    let host = fixture("intel-switch");
    let pf = "03:00.0".parse().unwrap();
    let vf = "04:10.0".parse().unwrap();
    for (named, inside, outside) in [(pf, "03:10.0", "04:00.0"), (vf, "04:00.0", "03:00.0")] {
        let findings = judge(&host, Uses::ALL, &[named]);
        let about = |text: &str| {
            let address = text.parse().unwrap();
            findings.iter().any(|finding| finding.object.address() == Some(address))
        };
        assert!(about(inside) && !about(outside), "{named}");
    }
    // Neither PF nor VF: judged as something to pass whole.
    let plain = "02:00.0".parse().unwrap();
    let findings = judge(&fixture("intel-default"), Uses::VM, &[plain]);
    assert_eq!(rules(&findings, Verdict::Fail), BTreeSet::from(["sriov-missing"]));
}

#[test]
fn findings_are_written_as_the_contract_says() {
    let findings = judge(&fixture("intel-rp-noacs"), Uses::ALL, &[]);
    let failed = findings.iter().find(|finding| finding.verdict == Verdict::Fail).unwrap();
    let json = serde_json::to_value(failed).unwrap();
    assert_eq!(json["rule"], "acs-missing-on-path");
    assert_eq!(json["verdict"], "fail");
    assert_eq!(json["because"], serde_json::Value::Null);
    assert_eq!(json["object"], "0000:01:00.0");
    assert_eq!(json["evidence"][1]["path"], "sys/bus/pci/devices/0000:00:01.0/config");
    assert_eq!(json["evidence"][1]["value"], "root port, has no ACS; missing SV RR CR UF");
    let follows = findings.iter().find(|finding| finding.because.is_some()).unwrap();
    assert_eq!(serde_json::to_value(follows).unwrap()["verdict"], "not-applicable");
}

/// Machines that may not be copied into the project: read in place, where they are.
#[test]
fn real_machines_are_judged_where_they_are_at_hand() {
    let folder = Path::new(ROOT).join("../shared/real/hosts");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let host = read(&path);
        let findings = judge(&host, Uses::ALL, &[]);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        println!("{name}: {}", summary(&host, &findings, Uses::ALL).line);
        keep_promises(&name, &findings);
        count += 1;
    }
    println!("{count} real machines judged");
}

/// No verdict without evidence, nothing wrong without a remedy, and a cause only where it failed.
fn keep_promises(name: &str, findings: &[Finding]) {
    for finding in findings {
        let applies = finding.verdict != Verdict::NotApplicable;
        assert!(!applies || !finding.evidence.is_empty(), "{name}: {finding:?}");
        let wrong = matches!(finding.verdict, Verdict::Fail | Verdict::Warn);
        assert!(!wrong || !finding.fixes.is_empty(), "{name}: {finding:?}");
        assert!(
            !finding.summary.is_empty() && !finding.summary.contains('\n'),
            "{name}: {finding:?}"
        );
        let Some(because) = finding.because else {
            continue;
        };
        assert!(!applies, "{name}: {finding:?}");
        let failed = |one: &Finding| one.rule == because && one.verdict == Verdict::Fail;
        assert!(findings.iter().any(failed), "{name}: {finding:?}");
    }
}

#[test]
fn rules_stand_behind_what_they_follow_and_have_pages() {
    let mut before = BTreeSet::new();
    for rule in RULES {
        assert!(rule.follows.iter().all(|id| before.contains(id)), "{}", rule.id);
        assert!(before.insert(rule.id), "{} is there twice", rule.id);
        assert!(rule.page.starts_with("# ") && !rule.title().is_empty(), "{}", rule.id);
        for part in ["\n## How it is seen\n", "\n## What mends it\n"] {
            assert!(rule.page.contains(part), "{} has no {part}", rule.id);
        }
    }
}

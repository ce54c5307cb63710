//! Hosts that the lab cannot emulate, made by hand: Arm servers with an SMMU that runs, lets pass, is
//! kept off or is not described, and POWER servers. The card is the recorded 82576; what is around it
//! is as those kernels show it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;

use serde_json::Value;
use support::made_host::{CARD, Iommu, MadeHost};
use support::{Ran, run};

fn on(host: &MadeHost, words: &[&str]) -> Ran {
    let mut all = words.to_vec();
    all.extend(["--root", host.path()]);
    run(&all)
}

/// What doctor says of a host that is to be used for virtual machines.
fn judged(host: &MadeHost) -> Vec<Value> {
    let ran = on(host, &["doctor", "--for", "vm", "--json"]);
    let told: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.err));
    let findings = told["findings"].as_array().unwrap().clone();
    for finding in &findings {
        let applies = finding["verdict"] != "not-applicable";
        let evidence = finding["evidence"].as_array().unwrap();
        assert!(!applies || !evidence.is_empty(), "no evidence: {finding}");
    }
    findings
}

/// The rules with a verdict.
fn rules(findings: &[Value], verdict: &str) -> BTreeSet<String> {
    let of = findings.iter().filter(|finding| finding["verdict"] == verdict);
    of.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
}

/// The verdict on the host, or on the card's port, and its sentence.
#[track_caller]
fn said(findings: &[Value], rule: &str) -> (String, String) {
    let about = |finding: &&Value| {
        finding["rule"] == rule && matches!(finding["object"].as_str(), Some("host" | CARD))
    };
    let found = findings.iter().find(about).unwrap_or_else(|| panic!("nothing about {rule}"));
    let text = |member: &str| found[member].as_str().unwrap().to_owned();
    (text("verdict"), text("summary"))
}

fn groups(host: &MadeHost, words: &[&str]) -> BTreeSet<BTreeSet<String>> {
    let mut all = vec!["groups", "--json"];
    all.extend(words);
    let ran = on(host, &all);
    let told: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.err));
    let devices = |group: &Value| {
        let devices = group["devices"].as_array().unwrap().iter();
        devices.map(|device| device.as_str().unwrap().to_owned()).collect()
    };
    told["groups"].as_array().unwrap().iter().map(devices).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The recorded card, below its root port: each in a group of its own.
fn each_alone() -> BTreeSet<BTreeSet<String>> {
    let all = ["0000:00:01.0", "0000:01:00.0", "0000:01:10.0", "0000:01:10.2", "0000:01:10.4"];
    all.map(|one| set(&[one])).into()
}

/// What must be there before anything can be handed over.
const REQUIRED: [&str; 5] = [
    "iommu-absent-in-firmware",
    "iommu-off-in-kernel",
    "interrupt-remapping-off",
    "device-not-translated",
    "acs-missing-on-path",
];

#[test]
fn an_arm_server_with_its_smmu_on_is_ready() {
    let host = MadeHost::arm(Iommu::Translating);
    let findings = judged(&host);
    assert_eq!(rules(&findings, "fail"), set(&[]));
    for rule in REQUIRED {
        assert_eq!(said(&findings, rule).0, "pass", "{rule}");
    }
    assert!(said(&findings, "interrupt-remapping-off").1.contains("ITS"));
    let first = on(&host, &["doctor", "--for", "vm"]).out;
    assert!(first.starts_with("Ready: VFs of 01:00.0 can go to VMs, each on its own."), "{first}");
    assert_eq!(groups(&host, &[]), each_alone());
    assert_eq!(groups(&host, &["--predict"]), each_alone());
}

/// The host's own devices bypass the SMMU; what is handed over does not.
#[test]
fn passthrough_by_default_is_no_smmu_that_is_off() {
    let host = MadeHost::arm(Iommu::Identity);
    let findings = judged(&host);
    assert_eq!(rules(&findings, "fail"), set(&[]));
    for rule in REQUIRED {
        assert_eq!(said(&findings, rule).0, "pass", "{rule}");
    }
    let ran = on(&host, &["groups"]);
    assert!(ran.out.contains("identity"), "{}", ran.out);
}

#[test]
fn an_arm_server_whose_smmu_is_kept_off_says_by_what() {
    let host = MadeHost::arm(Iommu::KeptOff);
    let findings = judged(&host);
    assert_eq!(rules(&findings, "fail"), set(&["iommu-off-in-kernel"]));
    let (_, sentence) = said(&findings, "iommu-off-in-kernel");
    assert!(sentence.contains("module_blacklist=arm_smmu_v3"), "{sentence}");
    assert_eq!(said(&findings, "device-not-translated").0, "not-applicable");
    assert_eq!(groups(&host, &[]), BTreeSet::new());
    let text = on(&host, &["groups", "--predict"]).out;
    assert!(text.contains("joins its group when a driver first tries it"), "{text}");
    // As the same server's kernel makes them with the SMMU on.
    assert_eq!(groups(&host, &["--predict"]), each_alone());
}

/// Nearly every Arm server has the table, for its interrupts.
#[test]
fn a_table_without_an_smmu_describes_no_iommu() {
    let host = MadeHost::arm(Iommu::NotDescribed);
    let findings = judged(&host);
    assert_eq!(rules(&findings, "fail"), set(&["iommu-absent-in-firmware"]));
    assert_eq!(said(&findings, "iommu-off-in-kernel").0, "not-applicable");
    assert_eq!(on(&host, &["doctor"]).code, Some(1));
}

/// Who may not read the table does not know what it describes.
#[test]
fn a_table_that_nobody_may_read_proves_nothing() {
    let host = MadeHost::arm(Iommu::KeptOff);
    host.hide("sys/firmware/acpi/tables/IORT");
    let findings = judged(&host);
    assert_ne!(said(&findings, "iommu-absent-in-firmware").0, "pass");
    assert_ne!(said(&findings, "iommu-table-damaged").0, "pass");
}

/// Without an ITS the doorbell takes any device's message, and VFIO refuses.
#[test]
fn an_arm_server_without_an_its_hands_nothing_over() {
    let host = MadeHost::arm(Iommu::Translating);
    host.write("proc/interrupts", " 23:  4  GICv2m-PCI-MSIX-0000:01:00.0   0 Edge  eth0\n");
    let findings = judged(&host);
    assert_eq!(rules(&findings, "fail"), set(&["interrupt-remapping-off"]));
}

#[test]
fn a_power_server_is_ready_without_a_table_or_a_list_of_iommus() {
    for lists_iommus in [false, true] {
        let host = MadeHost::power(lists_iommus);
        let findings = judged(&host);
        assert_eq!(rules(&findings, "fail"), set(&[]), "{lists_iommus}");
        for rule in ["iommu-absent-in-firmware", "iommu-off-in-kernel", "device-not-translated"] {
            assert_eq!(said(&findings, rule).0, "pass", "{rule}");
        }
        let (verdict, sentence) = said(&findings, "acs-missing-on-path");
        assert_eq!(verdict, "pass");
        assert!(sentence.contains("PE"), "{sentence}");
        assert_eq!(said(&findings, "interrupt-remapping-off").0, "not-applicable");
        assert_eq!(groups(&host, &[]), each_alone());
        // Firmware makes these groups, and no rule of ours foresees them.
        let ran = on(&host, &["groups", "--predict"]);
        assert_eq!(ran.code, Some(1), "{}", ran.out);
        assert!(ran.err.contains("cannot be predicted"), "{}", ran.err);
    }
}

#[test]
fn cards_in_one_partitionable_endpoint_go_together() {
    let host = MadeHost::power(false);
    // Firmware put the first two VFs into one.
    host.join("0000:01:10.0", "0000:01:10.2");
    let findings = judged(&host);
    assert_eq!(rules(&findings, "fail"), set(&["group-not-viable"]));
    let ran = on(&host, &["groups"]);
    assert!(ran.out.contains("partitionable endpoint (PE)"), "{}", ran.out);
    let both = on(&host, &["groups", "01:10.0", "01:10.2"]);
    assert!(both.out.starts_with("No: "), "{}", both.out);
}

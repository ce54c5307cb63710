//! Recorded hosts: a healthy one has no failure, and each fault fires exactly its own rule.

use std::collections::BTreeSet;
use std::path::Path;

use virtfn_doctor::{Finding, Uses, Verdict, judge, summary};
use virtfn_host::Host;
use virtfn_kernel::SysRoot;
use virtfn_observe::Look;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn read(path: &Path) -> Host {
    let root = SysRoot::open(path).unwrap();
    virtfn_observe::host(&root, &Look::everything()).unwrap()
}

fn fixture(name: &str) -> Host {
    read(&Path::new(ROOT).join(format!("fixtures/hosts/{name}.tar.zst")))
}

/// The rules with this verdict.
fn rules(findings: &[Finding], verdict: Verdict) -> BTreeSet<&'static str> {
    findings.iter().filter(|one| one.verdict == verdict).map(|one| one.rule).collect()
}

#[test]
fn each_fault_fails_its_own_rule_alone() {
    for (name, expected) in [
        ("intel-default", None),
        ("intel-rp-acs", None),
        ("intel-4igb", None),
        ("intel-pci-bridge", None),
        ("amd-default", None),
        ("noiommu", Some("iommu-absent-in-firmware")),
        ("intel-off", Some("iommu-off-in-kernel")),
        ("amd-off", Some("iommu-off-in-kernel")),
        ("intel-noremap", Some("interrupt-remapping-off")),
        ("virtio-iommu", Some("interrupt-remapping-off")),
        ("intel-rp-noacs", Some("acs-missing-on-path")),
        ("intel-switch", Some("acs-missing-on-path")),
    ] {
        let host = fixture(name);
        let findings = judge(&host, Uses::ALL, &[]);
        let failed = rules(&findings, Verdict::Fail);
        println!("{name}: {}", summary(&host, &findings, Uses::ALL).line);
        for finding in &findings {
            if !matches!(finding.verdict, Verdict::Pass | Verdict::NotApplicable) {
                println!(
                    "  {} {} {}: {}",
                    finding.verdict, finding.object, finding.rule, finding.summary
                );
            }
        }
        assert_eq!(failed, expected.into_iter().collect(), "{name}");
        assert_eq!(rules(&findings, Verdict::Unknown), BTreeSet::new(), "{name}");
    }
}

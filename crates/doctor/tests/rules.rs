//! Every rule is fired by a host that is healthy but for one thing, and passes the healthy one.

#![allow(clippy::unwrap_used)]

mod cases;
mod common;

use std::collections::{BTreeMap, BTreeSet};

use cases::{Case, at, case, command_line, edit_config, extended, for_vfs, forbidden, healthy, pf};
use common::{fixture, rules};
use virtfn_doctor::{Finding, RULES, Readiness, Uses, Verdict, Weight, judge, summary};
use virtfn_host::{Host, Role, Seen};

const CASES: &[Case] = &[
    case("iommu-absent-in-firmware", Verdict::Fail, "no table", |host| {
        without_iommu(host);
        tables(host).remove("DMAR");
    }),
    case("iommu-absent-in-firmware", Verdict::Unknown, "no ACPI and no device tree", |host| {
        without_iommu(host);
        host.kernel.iommus = Seen::Absent;
        host.firmware.acpi = Seen::Absent;
        host.firmware.device_tree = Seen::Absent;
    }),
    case("iommu-absent-in-firmware", Verdict::Pass, "POWER", |host| {
        without_iommu(host);
        host.kernel.iommus = Seen::Absent;
        host.firmware.acpi = Seen::Absent;
        host.firmware.device_tree = Seen::Known(true);
        machine(host, "ppc64");
    }),
    case("iommu-table-damaged", Verdict::Fail, "four bytes", |host| {
        tables(host).insert("DMAR".into(), Seen::Known(b"DMAR".to_vec()));
    }),
    case("iommu-table-damaged", Verdict::Warn, "a wrong checksum", |host| {
        let Some(Seen::Known(bytes)) = tables(host).get_mut("DMAR") else { panic!() };
        bytes[9] ^= 0xff;
    }),
    case("iommu-table-damaged", Verdict::Fail, "no unit, and no IOMMU running", |host| {
        without_iommu(host);
        tables(host).insert("DMAR".into(), Seen::Known(empty_dmar()));
    }),
    case("iommu-table-damaged", Verdict::Unknown, "not root", |host| {
        tables(host).insert("DMAR".into(), forbidden());
    }),
    case("iommu-off-in-kernel", Verdict::Fail, "never asked for", without_iommu),
    case("wrong-iommu-flags", Verdict::Warn, "a flag of another maker", |host| {
        command_line(host, "amd_iommu=on");
    }),
    case("wrong-iommu-flags", Verdict::Warn, "an override", |host| {
        command_line(host, "pcie_acs_override=downstream,multifunction");
    }),
    case("interrupt-remapping-off", Verdict::Fail, "plain chips", |host| {
        chips(host, &["PCI-MSI-0000:01:00.0"]);
    }),
    case("interrupt-remapping-off", Verdict::Warn, "plain chips, and told not to mind", |host| {
        chips(host, &["PCI-MSI-0000:01:00.0"]);
        unsafe_interrupts(host);
    }),
    case("interrupt-remapping-off", Verdict::Warn, "told not to mind without need", |host| {
        unsafe_interrupts(host);
    }),
    case("interrupt-remapping-off", Verdict::Pass, "an ITS", |host| {
        chips(host, &["ITS-PCI-MSIX-0000:01:00.0"]);
        machine(host, "aarch64");
    }),
    case("interrupt-remapping-off", Verdict::Unknown, "no chip at all", |host| chips(host, &[])),
    case("vfio-missing", Verdict::Fail, "neither loaded nor on disk", |host| {
        without_vfio_driver(host);
        host.kernel.vfio_modules = Seen::Known(BTreeSet::new());
    }),
    case("vfio-missing", Verdict::Pass, "on disk", |host| {
        without_vfio_driver(host);
        host.kernel.vfio_modules = Seen::Known(BTreeSet::from(["vfio_pci".to_owned()]));
    }),
    case("sriov-missing", Verdict::Fail, "a driver that allows none", |host| {
        pf(host).total_vfs = 0;
    }),
    case("sriov-missing", Verdict::Fail, "a kernel that makes nothing of it", |host| {
        at(host, "01:00.0").role = Role::Plain;
    }),
    case("sriov-missing", Verdict::Fail, "no PF on the whole host", |host| {
        host.functions.retain(|address, _| address.bus() != 1);
    }),
    case("sriov-missing", Verdict::Warn, "a kernel that makes nothing of one of two", |host| {
        let mut other = at(host, "01:00.0").clone();
        (other.address, other.role) = ("05:00.0".parse().unwrap(), Role::Plain);
        host.functions.insert(other.address, other);
    }),
    case("iommu-off-in-kernel", Verdict::Unknown, "an IOMMU and nobody behind it", |host| {
        let iommus = host.kernel.iommus.clone();
        without_iommu(host);
        host.kernel.iommus = iommus;
    }),
    case("pf-driver-missing", Verdict::Fail, "no driver", |host| at(host, "01:00.0").driver = None),
    case("pf-driver-missing", Verdict::Fail, "a driver for user space", |host| {
        at(host, "01:00.0").driver = Some("uio_pci_generic".into());
    }),
    case("pf-driver-missing", Verdict::Warn, "vfio-pci", |host| {
        at(host, "01:00.0").driver = Some("vfio-pci".into());
    }),
    case("vf-driver-missing", Verdict::Warn, "no module fits", |host| {
        for_vfs(host, |vf| vf.driver = None);
        pf(host).vf_modules = Seen::Known(Vec::new());
    }),
    case("vf-driver-missing", Verdict::Pass, "a module fits", |host| {
        for_vfs(host, |vf| vf.driver = Some("vfio-pci".into()));
        pf(host).vf_modules = Seen::Known(vec!["igbvf".into()]);
    }),
    case("vf-driver-missing", Verdict::Unknown, "no table of modules", |host| {
        for_vfs(host, |vf| vf.driver = None);
        pf(host).vf_modules = Seen::Absent;
    }),
    case("vfs-from-module-option", Verdict::Warn, "on the command line", |host| {
        command_line(host, "igb.max_vfs=3");
    }),
    case("vfs-from-module-option", Verdict::Warn, "in modprobe.d", |host| {
        let line = ("etc/modprobe.d/igb.conf".to_owned(), "options igb max_vfs=3".to_owned());
        host.kernel.module_options = Seen::Known(vec![line]);
    }),
    case("vfs-from-module-option", Verdict::Warn, "in the log alone", |host| {
        let said = "igb 0000:01:00.0: Enabling SR-IOV VFs using the module parameter is deprecated \
                    - please use the pci sysfs interface.";
        log(host).push(said.into());
    }),
    case("vfs-from-module-option", Verdict::Pass, "in the log, of VFs that are gone", |host| {
        let said = "igb 0000:01:00.0: Enabling SR-IOV VFs using the module parameter is deprecated";
        log(host).extend([said.into(), "igb 0000:01:00.0: IOV Disabled".into()]);
    }),
    case("vfs-from-module-option", Verdict::Pass, "of another driver", |host| {
        command_line(host, "ixgbe.max_vfs=3");
    }),
    case("vfs-from-module-option", Verdict::Pass, "a log without its beginning", |host| {
        log(host).drain(..100);
    }),
    case("vfs-from-module-option", Verdict::Unknown, "an unreadable modprobe.d", |host| {
        host.kernel.module_options = forbidden();
    }),
    case("device-not-translated", Verdict::Fail, "left out by the IOMMU", |host| {
        for_vfs(host, |vf| (vf.iommu_group, vf.behind_iommu) = (None, false));
    }),
    case("device-not-translated", Verdict::Fail, "a group without an IOMMU", |host| {
        at(host, "01:00.0").behind_iommu = false;
    }),
    case("device-not-translated", Verdict::Fail, "a group that VFIO made up", |host| {
        let id = at(host, "01:10.0").iommu_group.unwrap();
        host.groups.get_mut(&id).unwrap().name = Seen::Known("vfio-noiommu".into());
    }),
    case("acs-missing-on-path", Verdict::Fail, "switched off in the root port", |host| {
        edit_config(host, "00:01.0", |bytes| {
            let acs = extended(bytes, 0x0d);
            bytes[acs + 6] = 0;
        });
        join(host, "01:10.0", "00:01.0");
        join(host, "01:00.0", "00:01.0");
    }),
    case("acs-missing-on-path", Verdict::Warn, "a kernel that knows better", |host| {
        edit_config(host, "00:01.0", |bytes| {
            let acs = extended(bytes, 0x0d);
            bytes[acs + 6] = 0;
        });
    }),
    case("acs-missing-on-path", Verdict::Unknown, "64 bytes of config space", |host| {
        edit_config(host, "00:01.0", |bytes| bytes.truncate(64));
    }),
    case("group-not-viable", Verdict::Fail, "with a function of the host", |host| {
        join(host, "01:10.0", "02:00.0");
    }),
    case("group-not-viable", Verdict::Warn, "with a function that is free", |host| {
        at(host, "02:00.0").driver = None;
        join(host, "01:10.0", "02:00.0");
    }),
    case("vf-driver-override-stale", Verdict::Warn, "another driver than ordered", |host| {
        at(host, "01:10.0").driver_override = Seen::Known("vfio-pci".into());
    }),
];

/// Every case, of every file.
fn all_cases() -> impl Iterator<Item = &'static Case> {
    CASES
        .iter()
        .chain(cases::owners::CASES)
        .chain(cases::room::CASES)
        .chain(cases::traffic::CASES)
        .chain(cases::platform::CASES)
        .chain(cases::upkeep::CASES)
}

/// Rules that have nothing to say of the healthy host: what they are about is not there.
const SILENT: [&str; 4] =
    ["vfio-pf-sriov-off", "vf-name-not-kept", "ib-guid-missing", "vfio-node-not-permitted"];

/// By every rule, those that are only asked for by name too.
fn judge_all(host: &Host) -> Vec<Finding> {
    let mut findings = judge(host, Uses::ALL, &[]);
    let by_name = judge(host, Uses::DPDK, &[]).into_iter();
    findings.extend(by_name.filter(|finding| finding.weight() == Weight::Preparation));
    findings
}

#[test]
fn every_rule_says_what_went_wrong_and_no_other_fails() {
    let healthy = healthy();
    for Case { rule, verdict, name, happen } in all_cases() {
        let mut host = healthy.clone();
        happen(&mut host);
        let findings = judge_all(&host);
        assert!(rules(&findings, *verdict).contains(rule), "{rule}, {name}: {findings:#?}");
        let failed = rules(&findings, Verdict::Fail);
        let expected: BTreeSet<_> =
            (*verdict == Verdict::Fail).then_some(*rule).into_iter().collect();
        assert_eq!(failed, expected, "{rule}, {name}");
    }
}

#[test]
fn every_rule_has_a_case_and_passes_the_healthy_host() {
    let findings = judge_all(&healthy());
    let passed = rules(&findings, Verdict::Pass);
    for rule in RULES {
        let bad = |case: &&Case| matches!(case.verdict, Verdict::Fail | Verdict::Warn);
        assert!(all_cases().filter(bad).any(|case| case.rule == rule.id), "{}", rule.id);
        let passes = |case: &Case| case.rule == rule.id && case.verdict == Verdict::Pass;
        let silent = SILENT.contains(&rule.id) && all_cases().any(passes);
        assert!(passed.contains(rule.id) || silent, "{}", rule.id);
    }
    let open: Vec<_> = findings
        .iter()
        .filter(|finding| finding.verdict != Verdict::Pass && !SILENT.contains(&finding.rule))
        .collect();
    assert!(open.is_empty(), "{open:#?}");
}

/// What sysfs shows to everybody stays evidence; nothing else may pass.
#[test]
fn without_privilege_nothing_passes_that_was_not_seen() {
    let mut host = fixture("intel-default");
    blind(&mut host);
    let findings = judge(&host, Uses::ALL, &[]);
    let by_links = BTreeSet::from([
        "iommu-absent-in-firmware",
        "iommu-off-in-kernel",
        "device-not-translated",
        "sriov-missing",
        "pf-driver-missing",
        // VFs that are there have found room.
        "pf-cannot-make-vfs",
        "mmio-window-too-small",
        "vf-driver-missing",
        "many-vfs-probed",
        "group-not-viable",
        "link-file-before-pf-up",
        "vf-without-driver",
        "new-id-pollution",
        "uio-for-vf",
        "vfio-denylisted",
    ]);
    assert_eq!(rules(&findings, Verdict::Pass), by_links);
    assert_eq!(rules(&findings, Verdict::Fail), BTreeSet::new());
    let summed = summary(&host, &findings, Uses::ALL);
    assert_eq!(summed.readiness, Readiness::Unsure);
    for finding in findings.iter().filter(|finding| finding.verdict == Verdict::Unknown) {
        let named = finding.evidence.iter().any(|one| one.value.contains("not permitted"));
        assert!(
            named && finding.fixes.contains(&"run virtfn doctor as root".to_owned()),
            "{finding:?}"
        );
    }
}

/// With the links gone too there is no evidence of anything, and so no pass.
#[test]
fn a_host_of_which_nothing_can_be_seen_passes_nothing() {
    let mut host = fixture("intel-default");
    blind(&mut host);
    host.groups.clear();
    for function in host.functions.values_mut() {
        (function.iommu_group, function.behind_iommu, function.driver) = (None, false, None);
        function.role = Role::Plain;
    }
    let findings = judge(&host, Uses::ALL, &[]);
    assert_eq!(rules(&findings, Verdict::Pass), BTreeSet::new());
}

/// Takes away all that could be refused to somebody.
fn blind(host: &mut Host) {
    let kernel = &mut host.kernel;
    (kernel.release, kernel.command_line, kernel.log) = (forbidden(), forbidden(), forbidden());
    (kernel.iommus, kernel.interrupt_chips) = (forbidden(), forbidden());
    (kernel.loaded_modules, kernel.vfio_modules) = (forbidden(), forbidden());
    (kernel.pci_drivers, kernel.module_options) = (forbidden(), forbidden());
    kernel.cpu = forbidden();
    (host.claims, host.netdevs) = (forbidden(), forbidden());
    cases::platform::blind(host);
    cases::upkeep::blind(host);
    host.firmware.acpi = forbidden();
    (host.firmware.device_tree, host.firmware.product) = (forbidden(), forbidden());
    for function in host.functions.values_mut() {
        (function.config, function.driver_override) = (forbidden(), forbidden());
        (function.modules, function.resources) = (forbidden(), forbidden());
        if let Role::Pf(pf) = &mut function.role {
            (pf.vf_modules, pf.vf_device, pf.autoprobe) = (forbidden(), forbidden(), forbidden());
            pf.admin = forbidden();
            (pf.vf_offset, pf.vf_stride) = (forbidden(), forbidden());
        }
    }
}

fn tables(host: &mut Host) -> &mut BTreeMap<String, Seen<Vec<u8>>> {
    match &mut host.firmware.acpi {
        Seen::Known(tables) => tables,
        other => panic!("{other:?}"),
    }
}

fn log(host: &mut Host) -> &mut Vec<String> {
    match &mut host.kernel.log {
        Seen::Known(lines) => lines,
        other => panic!("{other:?}"),
    }
}

/// A DMAR table with a header and nothing else, its checksum right.
fn empty_dmar() -> Vec<u8> {
    let mut bytes = vec![0; 48];
    bytes[..4].copy_from_slice(b"DMAR");
    bytes[4] = 48;
    let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    bytes[9] = 0u8.wrapping_sub(sum);
    bytes
}

fn without_iommu(host: &mut Host) {
    host.kernel.iommus = Seen::Known(Vec::new());
    host.groups.clear();
    for function in host.functions.values_mut() {
        (function.iommu_group, function.behind_iommu) = (None, false);
    }
}

fn without_vfio_driver(host: &mut Host) {
    let Seen::Known(drivers) = &mut host.kernel.pci_drivers else { panic!() };
    assert!(drivers.remove("vfio-pci"));
}

fn machine(host: &mut Host, name: &str) {
    let Seen::Known(cpu) = &mut host.kernel.cpu else { panic!() };
    (cpu.machine, cpu.vendor) = (name.into(), None);
}

fn chips(host: &mut Host, names: &[&str]) {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    host.kernel.interrupt_chips = Seen::Known(names);
}

fn unsafe_interrupts(host: &mut Host) {
    let name = "vfio_iommu_type1.allow_unsafe_interrupts".to_owned();
    host.kernel.parameters.insert(name, Seen::Known("Y".into()));
}

/// Puts a function into another one's group.
fn join(host: &mut Host, address: &str, other: &str) {
    let id = at(host, other).iommu_group.unwrap();
    let function = at(host, address);
    let (moved, old) = (function.address, function.iommu_group.replace(id).unwrap());
    host.groups.get_mut(&id).unwrap().members.insert(moved);
    host.groups.get_mut(&old).unwrap().members.remove(&moved);
}

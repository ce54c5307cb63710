//! Did the firmware tell the kernel of an IOMMU?

use std::collections::BTreeMap;

use virtfn_acpi::Table;
use virtfn_acpi::iort::{self, NodeBody};
use virtfn_host::{Host, Seen};

use crate::advice;
use crate::evidence::{Running, iommus, is_power, is_x86};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

/// What describes an IOMMU, and whose it is.
pub(super) const TABLES: [(&str, &str); 4] =
    [("DMAR", "VT-d"), ("IVRS", "AMD-Vi"), ("IORT", "the SMMU"), ("VIOT", "virtio-iommu")];
pub(super) const FOLDER: &str = "sys/firmware/acpi/tables";
/// Arm's table.
const IORT: &str = "IORT";
const DEVICE_TREE: &str = "sys/firmware/devicetree/base";

pub(crate) const RULE: Rule = Rule {
    id: "iommu-absent-in-firmware",
    label: "firmware",
    about: About::Host,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Requirement,
    follows: &[],
    judge: Judge::Host(judge),
    page: include_str!("iommu_absent_in_firmware.md"),
};

fn judge(host: &Host) -> Opinion {
    let tables = match &host.firmware.acpi {
        Seen::Known(tables) => tables,
        Seen::Absent | Seen::Unreadable(_) => return without_acpi(host),
    };
    let Some((name, what)) = TABLES.iter().find(|(name, _)| tables.contains_key(*name)) else {
        return without_table(host, tables);
    };
    let path = format!("{FOLDER}/{name}");
    match tables.get(IORT) {
        Some(bytes) if *name == IORT => by_iort(host, path, bytes),
        _ => Opinion::pass(format!("{what} described by the {name} table")).saw(path, "there"),
    }
}

/// Arm's table is there for interrupts too: it must name an SMMU.
fn by_iort(host: &Host, path: String, bytes: &Seen<Vec<u8>>) -> Opinion {
    if let Running::Yes { path, value } = iommus(host) {
        return Opinion::pass("the SMMU described by the IORT table").saw(path, value);
    }
    let Seen::Known(known) = bytes else {
        return Opinion::unknown("whether the IORT table describes an SMMU could not be seen")
            .missed(&path, bytes);
    };
    let is_smmu =
        |node: &iort::Node| matches!(node.body, NodeBody::Smmu { .. } | NodeBody::SmmuV3 { .. });
    match virtfn_acpi::parse(known) {
        Ok(Table::Iort(table)) if !table.nodes.iter().any(is_smmu) => Opinion::fail(
            "the firmware describes no SMMU: its IORT table is about interrupts alone",
        )
        .saw(path, format!("{} nodes, none of an SMMU", table.nodes.len()))
        .fixes(advice::enable_in_setup(host)),
        // What is wrong with a table is another rule's.
        _ => Opinion::pass("the SMMU described by the IORT table").saw(path, "there"),
    }
}

/// There is ACPI, and no table of an IOMMU in it.
fn without_table<T>(host: &Host, tables: &BTreeMap<String, T>) -> Opinion {
    if let Running::Yes { path, value } = iommus(host) {
        return Opinion::pass("no table names an IOMMU, and yet the kernel runs one")
            .saw(path, value);
    }
    let names: Vec<&str> = tables.keys().map(String::as_str).collect();
    let names = if names.is_empty() { "empty".to_owned() } else { names.join(" ") };
    let opinion = Opinion::fail("the firmware describes no IOMMU")
        .saw(FOLDER, format!("{names}: none of DMAR, IVRS, IORT and VIOT"));
    let vendor = host.kernel.cpu.known().and_then(|cpu| cpu.vendor.clone());
    let opinion = match vendor {
        Some(vendor) => opinion.saw("proc/cpuinfo", format!("vendor_id {vendor}")),
        None => opinion,
    };
    opinion.fixes(advice::enable_in_setup(host))
}

/// No ACPI: a device tree says it, or a running IOMMU proves it.
fn without_acpi(host: &Host) -> Opinion {
    if let Running::Yes { path, value } = iommus(host) {
        return Opinion::pass("the kernel found an IOMMU").saw(path, value);
    }
    let has_tree = host.firmware.device_tree == Seen::Known(true);
    if has_tree && is_power(host) {
        return Opinion::pass("POWER: every PCI host bridge has an IOMMU, on from the start")
            .saw(DEVICE_TREE, "there")
            .saw("proc/cpuinfo", "POWER");
    }
    let opinion = Opinion::unknown("whether the firmware describes an IOMMU could not be seen")
        .missed(FOLDER, &host.firmware.acpi)
        .missed(DEVICE_TREE, &host.firmware.device_tree);
    if is_x86(host) == Some(true) && host.firmware.acpi == Seen::Absent {
        return opinion.fix("boot with ACPI: remove acpi=off from the kernel's command line");
    }
    opinion
}

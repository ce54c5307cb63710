//! Can the kernel make sense of the table that describes the IOMMU?

use std::collections::BTreeMap;

use virtfn_acpi::{Oddity, Table};
use virtfn_host::{Host, Seen};

use super::iommu_absent_in_firmware::{FOLDER, TABLES};
use crate::evidence::{Running, iommus};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

/// A table that is all wrong is not told to its end.
const MAX_TOLD: usize = 8;

pub(crate) const RULE: Rule = Rule {
    id: "iommu-table-damaged",
    label: "IOMMU table",
    about: About::Host,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Requirement,
    follows: &["iommu-absent-in-firmware"],
    judge: Judge::Host(judge),
    page: include_str!("iommu_table_damaged.md"),
};

fn judge(host: &Host) -> Opinion {
    let tables = match &host.firmware.acpi {
        Seen::Known(tables) => tables,
        Seen::Absent => return without_acpi(host),
        seen @ Seen::Unreadable(_) => {
            return Opinion::unknown("the firmware's tables could not be seen")
                .missed(FOLDER, seen);
        }
    };
    let Some((name, bytes)) = first(tables) else {
        return Opinion::not_applicable("there is no table of an IOMMU");
    };
    let path = format!("{FOLDER}/{name}");
    match bytes {
        Seen::Known(bytes) => read(host, &path, name, bytes),
        seen => Opinion::unknown(format!("what the {name} table says could not be seen"))
            .missed(&path, seen),
    }
}

/// A machine with a device tree has no tables. One with neither to be seen proves nothing.
fn without_acpi(host: &Host) -> Opinion {
    if host.firmware.device_tree == Seen::Known(true) {
        return Opinion::not_applicable("a device tree describes this machine, and no table");
    }
    Opinion::unknown("the firmware's tables could not be seen").missed(FOLDER, &host.firmware.acpi)
}

fn first(tables: &BTreeMap<String, Seen<Vec<u8>>>) -> Option<(&'static str, &Seen<Vec<u8>>)> {
    TABLES.iter().find_map(|(name, _)| Some((*name, tables.get(*name)?)))
}

fn read(host: &Host, path: &str, name: &str, bytes: &[u8]) -> Opinion {
    let table = match virtfn_acpi::parse(bytes) {
        Ok(table) if is_named(&table, name) => table,
        Ok(table) => {
            let said = &table.header().signature;
            return damaged(
                format!("the {name} table is none: it calls itself {said}"),
                path,
                bytes,
            );
        }
        Err(error) => return damaged(format!("the {name} table is none: {error}"), path, bytes),
    };
    let odd = table.oddities();
    let runs = matches!(iommus(host), Running::Yes { .. });
    let opinion = match odd {
        [] => {
            return Opinion::pass(what(&table))
                .saw(path, format!("{} bytes, nothing odd", bytes.len()));
        }
        _ if !runs && odd.iter().any(is_fatal) => Opinion::fail(format!(
            "the {name} table is damaged, and the kernel runs no IOMMU by it"
        )),
        [one] => Opinion::warn(format!("the {name} table is odd: {one}")),
        many => Opinion::warn(format!("the {name} table is odd in {} places", many.len())),
    };
    let told = odd.iter().take(MAX_TOLD);
    told.fold(opinion, |opinion, one| opinion.saw(path, one.to_string())).fix("update the firmware")
}

fn is_named(table: &Table, name: &str) -> bool {
    table.header().signature == name
}

fn damaged(summary: String, path: &str, bytes: &[u8]) -> Opinion {
    Opinion::fail(summary).saw(path, format!("{} bytes", bytes.len())).fix("update the firmware")
}

/// What makes Linux drop a table (drivers/iommu/intel/dmar.c, `dmar_validate_one_drhd`,
/// `parse_dmar_table`; drivers/iommu/amd/init.c, `init_iommu_all`).
const fn is_fatal(odd: &Oddity) -> bool {
    matches!(
        odd,
        Oddity::NoUnit
            | Oddity::UnitWithoutRegisters { .. }
            | Oddity::NoLength { .. }
            | Oddity::Overrun { .. }
            | Oddity::NodesOutside { .. }
    )
}

/// What a sound table describes.
fn what(table: &Table) -> String {
    match table {
        Table::Dmar(dmar) => {
            let is_unit = |structure: &&virtfn_acpi::dmar::Structure| {
                matches!(structure, virtfn_acpi::dmar::Structure::Unit(_))
            };
            let units = dmar.structures.iter().filter(is_unit).count();
            let plural = if units == 1 { "" } else { "s" };
            let remapping = if dmar.interrupt_remapping { ", interrupt remapping" } else { "" };
            format!("{units} remapping unit{plural}{remapping}")
        }
        Table::Ivrs(_) | Table::Iort(_) | Table::Viot(_) | Table::Other { .. } => "sound".into(),
    }
}

//! Does the command line say things that do nothing, or pretend?

use virtfn_host::{Host, Seen};

use crate::advice;
use crate::evidence::flags;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "wrong-iommu-flags",
    label: "boot flags",
    about: About::Host,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(judge),
    page: include_str!("wrong_iommu_flags.md"),
};

fn judge(host: &Host) -> Opinion {
    let Seen::Known(line) = &host.kernel.command_line else {
        return Opinion::unknown("the kernel's command line could not be seen")
            .missed("proc/cmdline", &host.kernel.command_line);
    };
    let wrong: Vec<(&str, &str)> =
        flags(host).into_iter().filter_map(|flag| Some((flag, why_wrong(host, flag)?))).collect();
    if wrong.is_empty() {
        return Opinion::pass("no flag that does nothing").saw("proc/cmdline", line.trim());
    }
    let told: Vec<String> = wrong.iter().map(|(flag, why)| format!("{flag} {why}")).collect();
    let names: Vec<&str> = wrong.iter().map(|(flag, _)| *flag).collect();
    Opinion::warn(told.join("; "))
        .saw("proc/cmdline", line.trim())
        .fixes(advice::command_line(&format!("remove {}", names.join(" "))))
}

/// Why a flag does not do what its writer hoped.
fn why_wrong(host: &Host, flag: &str) -> Option<&'static str> {
    let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
    let has = |table: &str| host.firmware.acpi.known().map(|tables| tables.contains_key(table));
    match (name, value) {
        ("amd_iommu", "on") => Some("is no option: AMD-Vi is on by itself"),
        ("iommu", "1" | "on") => Some("does nothing"),
        ("intel_iommu", value) if value != "off" && has("DMAR") == Some(false) => {
            Some("does nothing: the firmware describes no VT-d")
        }
        ("amd_iommu", value) if value != "off" && has("IVRS") == Some(false) => {
            Some("does nothing: the firmware describes no AMD-Vi")
        }
        ("pcie_acs_override", _) => Some(acs_override(host)),
        ("vfio_iommu_type1.allow_unsafe_interrupts", "1" | "Y" | "y") => {
            Some("splits no group; it only lets a guest forge interrupts")
        }
        _ => None,
    }
}

/// A patched kernel says in its log that it obeys; a log that could not be seen says nothing.
fn acs_override(host: &Host) -> &'static str {
    let obeyed = |line: &String| line.contains("ACS override");
    match &host.kernel.log {
        Seen::Known(lines) if lines.iter().any(obeyed) => {
            "makes groups smaller and isolates nothing: what they promise is not kept"
        }
        _ => "does nothing on a kernel without its patch, and isolates nothing on one with it",
    }
}

//! Does the firmware forbid the processors' wide mode?

use virtfn_acpi::Table;
use virtfn_host::{Host, Seen};

use super::iommu_absent_in_firmware::FOLDER;
use crate::advice;
use crate::evidence::flags;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "x2apic-opt-out",
    label: "x2APIC",
    about: About::Host,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Advice,
    follows: &["iommu-absent-in-firmware", "iommu-table-damaged"],
    judge: Judge::Host(judge),
    page: include_str!("x2apic_opt_out.md"),
};

/// Without x2APIC an interrupt can be sent to this many processors.
const MAX_XAPIC_CPUS: usize = 255;

fn judge(host: &Host) -> Opinion {
    let path = format!("{FOLDER}/DMAR");
    let table = host.firmware.acpi.known().and_then(|tables| tables.get("DMAR"));
    let bytes = match table {
        Some(Seen::Known(bytes)) => bytes,
        Some(seen) => {
            return Opinion::unknown("what the DMAR table says could not be seen")
                .missed(&path, seen);
        }
        None if host.firmware.acpi.unreadable().is_some() => {
            return Opinion::unknown("the firmware's tables could not be seen")
                .missed(FOLDER, &host.firmware.acpi);
        }
        None => return Opinion::not_applicable("there is no VT-d"),
    };
    match virtfn_acpi::parse(bytes) {
        Ok(Table::Dmar(dmar)) if !dmar.x2apic_opt_out => {
            Opinion::pass("the firmware allows it").saw(path, "X2APIC_OPT_OUT is not set")
        }
        Ok(Table::Dmar(_)) => opted_out(host, path),
        _ => Opinion::not_applicable("the DMAR table cannot be read"),
    }
}

fn opted_out(host: &Host, path: String) -> Opinion {
    let saw = |opinion: Opinion| opinion.saw(path.clone(), "X2APIC_OPT_OUT is set");
    if flags(host).contains(&"intremap=no_x2apic_optout") {
        return saw(Opinion::pass("the firmware forbids it, and the kernel does not mind"))
            .saw("proc/cmdline", "intremap=no_x2apic_optout");
    }
    let Some(cpu) = host.kernel.cpu.known().filter(|cpu| cpu.count > 0) else {
        return saw(Opinion::unknown("how many processors there are could not be seen"))
            .missed("proc/cpuinfo", &host.kernel.cpu);
    };
    if cpu.count <= MAX_XAPIC_CPUS {
        return saw(Opinion::pass("the firmware forbids it, which so few processors do not mind"))
            .saw("proc/cpuinfo", format!("{} processors", cpu.count));
    }
    saw(Opinion::warn(
        "the firmware forbids x2APIC: interrupts reach the first 255 processors alone",
    ))
    .saw("proc/cpuinfo", format!("{} processors", cpu.count))
    .fix("switch on x2APIC in the firmware's setup")
    .fixes(advice::command_line("add intremap=no_x2apic_optout"))
}

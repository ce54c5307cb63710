//! Can a guest forge interrupts?

use virtfn_host::{Host, Seen};

use crate::advice;
use crate::evidence::{flags, is_arm, is_power, is_x86};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

/// Switches that let VFIO go on without remapping.
const UNSAFE: [(&str, &str); 2] = [
    (
        "vfio_iommu_type1.allow_unsafe_interrupts",
        "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
    ),
    ("iommufd.allow_unsafe_interrupts", "sys/module/iommufd/parameters/allow_unsafe_interrupts"),
];

pub(crate) const RULE: Rule = Rule {
    id: "interrupt-remapping-off",
    label: "interrupts",
    about: About::Host,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Requirement,
    follows: &["iommu-absent-in-firmware", "iommu-table-damaged", "iommu-off-in-kernel"],
    judge: Judge::Host(judge),
    page: include_str!("interrupt_remapping_off.md"),
};

fn judge(host: &Host) -> Opinion {
    let Seen::Known(chips) = &host.kernel.interrupt_chips else {
        return Opinion::unknown("whether interrupts are remapped could not be seen")
            .missed("proc/interrupts", &host.kernel.interrupt_chips);
    };
    let chips: Vec<&str> = chips.iter().map(String::as_str).collect();
    let chip_that = |test: fn(&str) -> bool| chips.iter().copied().find(|chip| test(chip));
    if let Some(chip) = chip_that(|chip| chip.starts_with("IR-")) {
        return remapped(host).saw("proc/interrupts", chip);
    }
    if let Some(chip) = chip_that(|chip| chip.contains("ITS")) {
        return Opinion::pass("the GIC's ITS keeps message interrupts apart")
            .saw("proc/interrupts", chip);
    }
    match (is_x86(host), chips.first()) {
        (Some(true), Some(chip)) => {
            off(host).saw("proc/interrupts", format!("{chip}, none with IR-"))
        }
        // Of Arm's interrupt controllers the ITS alone knows who may send what.
        (Some(false), Some(chip)) if is_arm(host) => {
            off(host).saw("proc/interrupts", format!("{chip}, none of the GIC's ITS"))
        }
        (Some(false), _) if is_power(host) => Opinion::not_applicable(
            "POWER's host bridges keep message interrupts apart by themselves",
        ),
        (_, first) => Opinion::unknown("no interrupt chip tells whether interrupts are kept apart")
            .saw("proc/interrupts", first.copied().unwrap_or("no message interrupt")),
    }
}

/// They are; does somebody leave the door open all the same?
fn remapped(host: &Host) -> Opinion {
    match unsafe_switch(host) {
        Some((name, path)) => Opinion::warn(format!("remapped, but {name} would go on without"))
            .saw(path, "Y")
            .fix(format!("remove {name} from the command line and from /etc/modprobe.d")),
        None => Opinion::pass("remapped"),
    }
}

fn off(host: &Host) -> Opinion {
    let told = flags(host).into_iter().find(|flag| matches!(*flag, "intremap=off" | "nointremap"));
    let mut opinion = match unsafe_switch(host) {
        Some((name, path)) => {
            let summary = format!(
                "not remapped, and {name} lets guests have devices all the same: they can forge \
                 interrupts"
            );
            Opinion::warn(summary).saw(path, "Y")
        }
        None => Opinion::fail("interrupts are not remapped, so VFIO refuses every device"),
    };
    if let Some(flag) = told {
        opinion = opinion
            .saw("proc/cmdline", flag)
            .fixes(advice::command_line(&format!("remove {flag}")));
    }
    let told = host.kernel.log.known().into_iter().flatten().filter(|line| is_about(line)).take(3);
    for line in told {
        opinion = opinion.saw("kernel.log", line.as_str());
    }
    opinion.fixes(in_setup(host)).fix(
        "last resort, insecure: options vfio_iommu_type1 allow_unsafe_interrupts=1 in \
         /etc/modprobe.d",
    )
}

fn in_setup(host: &Host) -> Vec<String> {
    let mut fixes = Vec::new();
    if is_arm(host) {
        return vec![
            "use a machine whose interrupt controller has an ITS (GICv3 or later); in a virtual \
             machine of QEMU: -machine virt,gic-version=3,its=on"
                .to_owned(),
        ];
    }
    if crate::evidence::is_guest(host) {
        fixes.push(
            "this is a virtual machine: give its IOMMU interrupt remapping (QEMU: \
             -machine q35,kernel-irqchip=split -device intel-iommu,intremap=on)"
                .to_owned(),
        );
    }
    fixes
        .push("in the firmware's setup switch on x2APIC and interrupt remapping; update it".into());
    fixes
}

/// Lines about remapping.
fn is_about(line: &str) -> bool {
    line.contains("DMAR-IR")
        || line.contains("IRQ remapping")
        || line.contains("interrupt remapping")
        || line.contains("not in IVRS table")
}

/// The first of the switches that is known to be on.
fn unsafe_switch(host: &Host) -> Option<(&'static str, &'static str)> {
    let is_on = |name: &str| {
        let value = host.kernel.parameters.get(name).and_then(Seen::known);
        value.is_some_and(|value| matches!(value.trim(), "Y" | "1"))
    };
    UNSAFE.into_iter().find(|(name, _)| is_on(name))
}

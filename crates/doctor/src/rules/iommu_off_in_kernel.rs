//! Does the kernel run the IOMMU that the firmware describes?

use virtfn_host::{Host, Seen};

use super::iommu_absent_in_firmware::{FOLDER, TABLES};
use crate::advice;
use crate::evidence::{Running, flags, iommus};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

/// Words of the command line that keep the IOMMU off
/// (Documentation/admin-guide/kernel-parameters.txt).
const OFF: [&str; 4] = ["intel_iommu=off", "amd_iommu=off", "iommu=off", "acpi=off"];

pub(crate) const RULE: Rule = Rule {
    id: "iommu-off-in-kernel",
    label: "kernel",
    about: About::Host,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Requirement,
    follows: &["iommu-absent-in-firmware", "iommu-table-damaged"],
    judge: Judge::Host(judge),
    page: include_str!("iommu_off_in_kernel.md"),
};

fn judge(host: &Host) -> Opinion {
    match iommus(host) {
        Running::Yes { path, value } => on(host).saw(path, value),
        Running::No => off(host).saw("sys/class/iommu", "empty"),
        Running::NotSeen if described(host).is_some() && host.kernel.iommus == Seen::Absent => {
            off(host).saw("sys/class/iommu", "not there")
        }
        Running::NotSeen => Opinion::unknown("whether the kernel runs an IOMMU could not be seen")
            .missed("sys/class/iommu", &host.kernel.iommus),
    }
}

/// An IOMMU is listed. One that nothing is seen behind is no proof that it works.
fn on(host: &Host) -> Opinion {
    match host.functions.values().filter(|one| one.iommu_group.is_some()).count() {
        0 => Opinion::unknown("an IOMMU is listed, but no device is seen behind it")
            .saw("sys/bus/pci/devices/*/iommu_group", "not there")
            .fix("dmesg | grep -i -e iommu -e DMAR -e AMD-Vi says whether it started"),
        1 => Opinion::pass("IOMMU on, 1 device translated"),
        count => Opinion::pass(format!("IOMMU on, {count} devices translated")),
    }
}

/// The table that the firmware describes an IOMMU with.
fn described(host: &Host) -> Option<&'static str> {
    let tables = host.firmware.acpi.known()?;
    TABLES.iter().map(|(name, _)| *name).find(|name| tables.contains_key(*name))
}

fn off(host: &Host) -> Opinion {
    let guilty: Vec<&str> = flags(host).into_iter().filter(|flag| keeps_off(flag)).collect();
    let mut opinion = match guilty.as_slice() {
        [] => Opinion::fail("the kernel does not run the IOMMU"),
        some => {
            Opinion::fail(format!("the kernel was told to leave the IOMMU off: {}", some.join(" ")))
        }
    };
    if let Seen::Known(line) = &host.kernel.command_line {
        opinion = opinion.saw("proc/cmdline", line.trim());
    }
    if let Some(table) = described(host) {
        opinion = opinion.saw(format!("{FOLDER}/{table}"), "there");
    }
    let told = host.kernel.log.known().into_iter().flatten();
    for line in told.filter(|line| is_about(line)).take(3) {
        opinion = opinion.saw("kernel.log", line.as_str());
    }
    opinion.fixes(remedies(host, &guilty))
}

/// The words above, and those that keep a driver of Arm's or of virtual machines' from starting.
fn keeps_off(flag: &str) -> bool {
    let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
    let keeps_out = matches!(name, "module_blacklist" | "initcall_blacklist");
    let driver = ["arm_smmu", "virtio_iommu"].iter().any(|driver| value.contains(driver));
    OFF.contains(&flag) || (keeps_out && driver)
}

/// Lines in which a driver says why it does not run.
fn is_about(line: &str) -> bool {
    [
        "DMAR: IOMMU disabled",
        "AMD-Vi: AMD IOMMU disabled",
        "AMD-Vi: Failed",
        "AMD-Vi: Disabl",
        "DMAR: Firmware",
        "DMAR: Failed",
        "arm-smmu",
    ]
    .iter()
    .any(|start| line.contains(start))
}

fn remedies(host: &Host, guilty: &[&str]) -> Vec<String> {
    if !guilty.is_empty() {
        return advice::command_line(&format!("remove {}", guilty.join(" and ")));
    }
    match described(host) {
        // Whether it is on without a word is a choice of the kernel's configuration.
        Some("DMAR") => advice::command_line("add intel_iommu=on iommu=pt"),
        Some("IVRS") => {
            vec!["dmesg | grep AMD-Vi says why; a firmware update often mends the table".into()]
        }
        Some("VIOT") => vec!["modprobe virtio_iommu".into()],
        Some("IORT") => vec![
            "modprobe arm_smmu_v3, before the drivers of the devices behind it".into(),
            "dmesg | grep -i smmu says why it does not run".into(),
            "use a kernel that is built with it (CONFIG_ARM_SMMU_V3, for older ones CONFIG_ARM_SMMU)"
                .into(),
        ],
        Some(_) | None => {
            vec!["use a kernel that is built with this machine's IOMMU driver".into()]
        }
    }
}

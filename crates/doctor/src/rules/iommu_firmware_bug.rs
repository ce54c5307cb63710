//! Did the kernel complain about what the firmware says of the IOMMU?

use crate::rule::{About, Judge, Rule, Weight};
use crate::symptom::Symptom;
use crate::uses::Uses;

const SYMPTOM: Symptom = Symptom {
    texts: &[
        &["DMAR", "[Firmware Bug]"],
        &["Your BIOS is broken; DMAR"],
        &["DMAR: Firmware forces DMA remapping off"],
        &["DMAR: No DRHD structure found"],
        &["AMD-Vi: [Firmware Bug]"],
        &["AMD-Vi: Disabling interrupt remapping"],
        &["AMD-Vi: IVRS table error"],
        &["AMD-Vi: Failed to initialize"],
    ],
    found: "the kernel found faults in what the firmware says of the IOMMU",
    clean: "the kernel had nothing to say against the firmware",
    fixes: &[
        "update the firmware",
        "AMD, where an IOAPIC is not in the IVRS table: ivrs_ioapic=ID@SSSS:BB:DD.F on the kernel's command line",
    ],
};

pub(crate) const RULE: Rule = Rule {
    id: "iommu-firmware-bug",
    label: "IOMMU boot",
    about: About::Host,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(|host| SYMPTOM.judge(host)),
    page: include_str!("iommu_firmware_bug.md"),
};

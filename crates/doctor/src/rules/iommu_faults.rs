//! Did the IOMMU stop devices?

use crate::rule::{About, Judge, Rule, Weight};
use crate::symptom::Symptom;
use crate::uses::Uses;

const SYMPTOM: Symptom = Symptom {
    texts: &[
        &["DMAR: [", "] Request device [", "fault"],
        &["AMD-Vi: Event logged [IO_PAGE_FAULT"],
        &["arm-smmu-v3", "event 0x10 received"],
    ],
    found: "the IOMMU stopped a device that reached for memory it was not given",
    clean: "the IOMMU had nobody to stop",
    fixes: &[
        "find whose device it is: virtfn show ADDRESS",
        "a few lines as a VM ends are normal; reset a VF between two owners: echo 1 > /sys/bus/pci/devices/ADDRESS/reset",
        "lines that go on are a fault of the driver in the guest, or of the card's firmware: update both",
    ],
};

pub(crate) const RULE: Rule = Rule {
    id: "iommu-faults",
    label: "IOMMU faults",
    about: About::Host,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(|host| SYMPTOM.judge(host)),
    page: include_str!("iommu_faults.md"),
};

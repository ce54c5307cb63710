//! Did the kernel refuse a device because the firmware wants its memory mapped?

use crate::rule::{About, Judge, Rule, Weight};
use crate::symptom::Symptom;
use crate::uses::Uses;

const SYMPTOM: Symptom = Symptom {
    texts: &[
        &[
            "Firmware has requested this device have a 1:1 IOMMU mapping, rejecting configuring the device without a 1:1 mapping",
        ],
        &["Device is ineligible for IOMMU domain attach due to platform RMRR requirement"],
    ],
    found: "the kernel refused to hand over a device that the firmware uses itself",
    clean: "no device was refused for the firmware's sake",
    fixes: &[
        "hand over a VF in place of the whole card: the firmware mostly means the PF alone",
        "switch off what makes the firmware use the card (HPE: shared memory features of the slot, by conrep or RBSU)",
        "update the firmware",
    ],
};

pub(crate) const RULE: Rule = Rule {
    id: "direct-map-refused",
    label: "direct map",
    about: About::Host,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(|host| SYMPTOM.judge(host)),
    page: include_str!("direct_map_refused.md"),
};

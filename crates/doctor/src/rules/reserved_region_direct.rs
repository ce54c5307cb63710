//! Does the firmware use the device's memory itself?

use virtfn_host::{Function, Host, ReservedRegion, Seen};

use crate::evidence::group;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "reserved-region-direct",
    label: "direct map",
    about: About::EachGuest,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Requirement,
    follows: &[
        "iommu-absent-in-firmware",
        "iommu-table-damaged",
        "iommu-off-in-kernel",
        "device-not-translated",
    ],
    judge: Judge::Each(judge),
    page: include_str!("reserved_region_direct.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let Some(group) = group(host, function) else {
        return Opinion::not_applicable("is in no group");
    };
    let path = format!("sys/kernel/iommu_groups/{}/reserved_regions", group.id);
    let regions = match &group.reserved {
        Seen::Known(regions) => regions,
        seen => {
            return Opinion::unknown("which memory the firmware wants mapped could not be seen")
                .missed(&path, seen);
        }
    };
    let direct: Vec<&ReservedRegion> = regions.iter().filter(|one| one.kind == "direct").collect();
    if direct.is_empty() {
        return Opinion::pass("the firmware keeps no memory of the host for it")
            .saw(path, format!("{} regions, none direct", regions.len()));
    }
    let opinion =
        Opinion::fail("the firmware uses it too, so the kernel will not hand it over")
            .fix("hand over a VF of the card in place of the PF, which alone the firmware means")
            .fix("switch off what makes the firmware use it (HPE: shared memory features of the slot, by conrep or RBSU)")
            .fix("update the firmware")
            .fix("put the card in another slot");
    direct.iter().take(4).fold(opinion, |opinion, region| {
        opinion.saw(path.as_str(), format!("{:#x}-{:#x} direct", region.start, region.end))
    })
}

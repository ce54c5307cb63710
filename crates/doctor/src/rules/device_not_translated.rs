//! Does an IOMMU stand between the function and memory?

use virtfn_host::{Function, Host};

use crate::evidence::{Running, at, group, iommus, is_power};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "device-not-translated",
    label: "translation",
    about: About::EachDevice,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Requirement,
    follows: &["iommu-absent-in-firmware", "iommu-table-damaged", "iommu-off-in-kernel"],
    judge: Judge::Each(judge),
    page: include_str!("device_not_translated.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let (link, group_link) = (at(function, "iommu"), at(function, "iommu_group"));
    let Some(group) = group(host, function) else {
        return outside(host, function);
    };
    let number = group.id.to_string();
    if group.is_noiommu() {
        return Opinion::fail(format!(
            "group {number} is one that VFIO made up: nothing is translated"
        ))
        .saw(format!("sys/kernel/iommu_groups/{number}/name"), "vfio-noiommu")
        .fix("switch the IOMMU on: virtfn doctor says how")
        .fix("vfio.enable_unsafe_noiommu_mode belongs on no machine with VMs");
    }
    // Before 6.8 the kernel makes no `iommu` link for POWER's host bridges.
    if !function.behind_iommu && !is_power(host) {
        return Opinion::fail(format!("is in group {number}, but no IOMMU has it"))
            .saw(group_link, number)
            .saw(link, "not there")
            .fix("dmesg | grep -i iommu says what the IOMMU's driver made of it");
    }
    let opinion = Opinion::pass(format!("translated, group {number}")).saw(group_link, number);
    if function.behind_iommu { opinion.saw(link, "there") } else { opinion }
}

/// It is in no group.
fn outside(host: &Host, function: &Function) -> Opinion {
    // An IOMMU that runs has somebody behind it, unless the links were not recorded.
    let unseen = host.groups.is_empty() && !matches!(iommus(host), Running::No);
    if unseen {
        return Opinion::unknown("of no device here a group is to be seen")
            .saw(at(function, "iommu_group"), "not there")
            .missed("sys/class/iommu", &host.kernel.iommus);
    }
    let opinion = Opinion::fail("no IOMMU translates it")
        .saw(at(function, "iommu_group"), "not there")
        .saw(at(function, "iommu"), "not there");
    if function.driver.is_none() {
        return opinion
            .fix(format!(
                "virtfn bind {} --default: some IOMMUs take a function when a driver does",
                function.address.short()
            ))
            .fix("update the firmware: its table may not name this device");
    }
    opinion
        .fix("update the firmware: its table may not name this device")
        .fix("put the card in another slot")
}

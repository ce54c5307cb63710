//! Would the function have to take others along?

use virtfn_host::{Function, Host};

use crate::evidence::{at, group, list};
use crate::obstacle::holds_host;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "group-not-viable",
    label: "group",
    about: About::EachGuest,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Requirement,
    follows: &[
        "iommu-absent-in-firmware",
        "iommu-table-damaged",
        "iommu-off-in-kernel",
        "device-not-translated",
        "acs-missing-on-path",
    ],
    judge: Judge::Each(judge),
    page: include_str!("group_not_viable.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let Some(group) = group(host, function) else {
        return Opinion::not_applicable("is in no group");
    };
    let path = format!("sys/kernel/iommu_groups/{}/devices", group.id);
    let members = list(group.members.iter().map(|address| address.short()));
    let others: Vec<&Function> = group
        .members
        .iter()
        .filter(|address| **address != function.address)
        .filter_map(|address| host.functions.get(address))
        .filter(|other| !other.is_bridge())
        .collect();
    let busy: Vec<&&Function> = others.iter().filter(|other| holds_host(other)).collect();
    let opinion = match (others.len(), busy.as_slice()) {
        (0, _) => Opinion::pass(format!("alone in group {}", group.id)),
        (_, []) => Opinion::warn(format!(
            "goes only together with {}",
            list(others.iter().map(|other| other.address.short()))
        ))
        .fix("pass all of the group to the same VM"),
        (_, busy) => {
            let names = list(busy.iter().map(|other| with_driver(other)));
            let opinion = Opinion::fail(format!("its group {} also holds {names}", group.id));
            busy.iter()
                .map(|other| format!("virtfn bind {} vfio-pci", other.address.short()))
                .fold(opinion, Opinion::fix)
                .fix("or put the card in another slot")
        }
    };
    let opinion = opinion.saw(path, members);
    busy.iter().fold(opinion, |opinion, other| {
        opinion.saw(at(other, "driver"), other.driver.clone().unwrap_or_default())
    })
}

fn with_driver(function: &Function) -> String {
    let driver = function.driver.as_deref().unwrap_or("no driver");
    format!("{} ({driver})", function.address.short())
}

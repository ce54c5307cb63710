//! What a guest reaches: memory, registers, other devices.

use virtfn_host::{Cpu, Function, Host, IommuGroup, Resource};
use virtfn_predict::{Isolation, Judgement, isolation, leak};

use super::cell::{Answer, Answers};
use super::facts::{Column, Facts, at, list};
use crate::words::{count, size};

/// No line names more functions than this.
const MOST_NAMED: usize = 3;
/// `IORESOURCE_IO` (include/linux/ioport.h).
const IORESOURCE_IO: u64 = 0x100;

pub(super) fn memory(facts: &Facts<'_>) -> Answers {
    let vf = match facts.made() {
        Some(vf) => memory_of(facts.host, vf),
        None => to_come(facts),
    };
    let none = Answer::yes("none: nothing it drives does DMA");
    [memory_of(facts.host, facts.device), vf, none.clone(), none]
}

/// With an IOMMU the device reaches the guest's memory, for all of its group alike.
fn memory_of(host: &Host, function: &Function) -> Answer {
    let path = at(function, "iommu_group");
    let group = function.iommu_group.and_then(|id| host.groups.get(&id));
    let Some(group) = group.filter(|group| !group.is_noiommu()) else {
        return Answer::no("the host's whole: no IOMMU translates").saw(path, "not there");
    };
    let others = others(host, group, function);
    let members = format!("sys/kernel/iommu_groups/{}/devices", group.id);
    let named = group.members.iter().map(|address| address.short()).collect::<Vec<_>>().join(" ");
    let answer = match others.len() {
        0 => Answer::yes(format!("the guest's; alone in group {}", group.id)),
        many => {
            let mut first: Vec<String> = others.into_iter().take(MOST_NAMED).collect();
            if many > MOST_NAMED {
                first.push(format!("{} more", many - MOST_NAMED));
            }
            Answer::partly(format!("the guest's; group {} has {} too", group.id, list(first)))
        }
    };
    answer.saw(members, named)
}

/// Who else would have to go to the same guest.
fn others(host: &Host, group: &IommuGroup, function: &Function) -> Vec<String> {
    let members = group.members.iter().filter(|address| **address != function.address);
    let members = members.filter_map(|address| host.functions.get(address));
    members.filter(|other| !other.is_bridge()).map(|other| other.address.short()).collect()
}

/// VFs get groups of their own where the path above their PF keeps requests apart.
fn to_come(facts: &Facts<'_>) -> Answer {
    let path = at(facts.device, "iommu");
    if !facts.device.behind_iommu && facts.device.iommu_group.is_none() {
        return Answer::no("the host's whole: no IOMMU translates").saw(path, "not there");
    }
    match isolation(facts.host, facts.device).above().judgement() {
        Judgement::Isolated => Answer::yes("the guest's; a group of its own to come"),
        Judgement::Broken(at) => {
            Answer::partly(format!("the guest's; groups are joined at {}", at.address.short()))
        }
        Judgement::Unknown(unseen) => Answer::unknown("the guest's; which group could not be seen")
            .saw(unseen.unreadable.path, unseen.unreadable.why.to_string()),
    }
}

pub(super) fn registers(facts: &Facts<'_>) -> Answers {
    let device = facts.device;
    let whole = match own_regions(device) {
        Some(regions) => {
            Answer::partly(format!("all: {}, firmware and settings too", said(&regions)))
                .saw(at(device, "resource"), said(&regions))
        }
        None => {
            Answer::partly("all, firmware and settings too").saw(at(device, "resource"), "not seen")
        }
    };
    let none = Answer::yes("none: QEMU emulates what it sees");
    [whole, registers_of_vf(facts), none.clone(), none]
}

fn registers_of_vf(facts: &Facts<'_>) -> Answer {
    let own = facts.made().and_then(own_regions).filter(|regions| !regions.is_empty());
    if let Some((regions, vf)) = own.zip(facts.made()) {
        let text = format!("the VF's alone: {}", said(&regions));
        return Answer::yes(text).saw(at(vf, "resource"), said(&regions));
    }
    match share(facts) {
        Some(regions) => Answer::yes(format!("the VF's alone: {}", said(&regions)))
            .saw(at(facts.device, "resource"), "lines 7 to 12, less all but one VF's"),
        None => Answer::yes("the VF's alone"),
    }
}

/// The memory BARs of a function, by their sizes.
fn own_regions(function: &Function) -> Option<Vec<u64>> {
    let lines = function.resources.known()?.iter().take(6);
    Some(lines.filter(is_memory).map(|line| line.size()).collect())
}

fn is_memory(line: &&Resource) -> bool {
    line.size() > 0 && line.flags & IORESOURCE_IO == 0
}

/// One VF's share of the memory that the kernel set aside for all that the card can have.
fn share(facts: &Facts<'_>) -> Option<Vec<u64>> {
    let total = match super::facts::walk(facts.device)?.sriov() {
        virtfn_pci::Looked::Found(sriov) if sriov.total_vfs > 0 => u64::from(sriov.total_vfs),
        _ => return None,
    };
    let lines = facts.device.resources.known()?.iter().skip(7).take(6);
    let sizes: Vec<u64> =
        lines.filter(|line| line.size() > 0).map(|line| line.size() / total).collect();
    (!sizes.is_empty()).then_some(sizes)
}

fn said(regions: &[u64]) -> String {
    let all = regions.iter().fold(0_u64, |all, one| all.saturating_add(*one));
    format!("{}, {}", count(regions.len(), "BAR", "BARs"), size(all))
}

pub(super) fn peers(facts: &Facts<'_>) -> Answers {
    let (host, device) = (facts.host, facts.device);
    if host.kernel.cpu.known().is_some_and(Cpu::is_power) {
        let by_endpoint = || Answer::fact("by its host bridge: its endpoint (PE) is its group");
        return [by_endpoint(), by_endpoint(), Answer::yes("none"), Answer::yes("none")];
    }
    let whole = judged(host, device, &isolation(host, device));
    let vf = match (facts.vf, facts.made()) {
        (Column::None, _) => Answer::none(),
        (_, Some(vf)) => judged(host, vf, &isolation(host, vf)),
        (_, None) => judged(host, device, &isolation(host, device).above()),
    };
    [whole, vf, Answer::yes("none"), Answer::yes("none")]
}

fn judged(host: &Host, function: &Function, path: &Isolation) -> Answer {
    let translated = host.functions.values().any(|one| one.iommu_group.is_some());
    if !translated {
        return Answer::no("all: no IOMMU translates")
            .saw(at(function, "iommu_group"), "not there");
    }
    if let Some(leak) = leak(host, function) {
        let text = format!("all below switch {}: {}", leak.switch.short(), leak.port);
        return Answer::no(text)
            .saw(format!("sys/bus/pci/devices/{}/config", leak.port.address), leak.port.reason());
    }
    match path.judgement() {
        Judgement::Isolated => {
            let top = path.path.last().map(|step| step.address);
            let answer = Answer::yes("none: kept apart up to the root");
            top.into_iter().fold(answer, |answer, top| {
                answer.saw(format!("sys/bus/pci/devices/{top}/config"), "keeps requests apart")
            })
        }
        Judgement::Broken(end) => Answer::no(format!("those past {end}"))
            .saw(format!("sys/bus/pci/devices/{}/config", end.address), end.reason()),
        Judgement::Unknown(unseen) => Answer::unknown("not seen")
            .saw(unseen.unreadable.path.clone(), unseen.unreadable.why.to_string()),
    }
}

//! The kernel is the oracle: whom it put into a group of its own, `isolation` must call isolated,
//! and nobody else.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use virtfn_host::{Function, Host, IommuGroup, Seen};
use virtfn_kernel::SysRoot;
use virtfn_observe::{Facet, Look};
use virtfn_pci::Address;
use virtfn_predict::{Judgement, groups, isolation};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[test]
fn isolated_functions_are_those_that_the_kernel_keeps_alone() {
    let fixtures = compare(&Path::new(ROOT).join("fixtures/hosts"));
    assert!(fixtures >= 150, "{fixtures} functions in the fixtures");
}

/// Machines that may not be copied into the project: read in place, where they are.
#[test]
fn real_machines_agree_where_they_are_at_hand() {
    for folder in ["../shared/hosts", "../shared/real/hosts"] {
        let count = compare(&Path::new(ROOT).join(folder));
        println!("{folder}: {count} functions compared");
    }
}

/// The same machine booted twice: what the kernel made with the IOMMU on is predicted with it off.
#[test]
fn groups_are_predicted_with_the_iommu_off() {
    for (off, on) in [("intel-off", "intel-default"), ("amd-off", "amd-default")] {
        let [off, on] = [off, on].map(|name| {
            let path = Path::new(ROOT).join(format!("fixtures/hosts/{name}.tar.zst"));
            let root = SysRoot::open(&path).unwrap();
            let look = Look::at(&[Facet::Config, Facet::Firmware, Facet::Kernel]);
            virtfn_observe::host(&root, &look).unwrap()
        });
        assert!(off.groups.is_empty());
        assert_eq!(predicted(&off), told(&on));
    }
}

fn compare(folder: &Path) -> usize {
    recordings(folder).iter().map(|path| compare_one(path)).sum()
}

fn recordings(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(".tar.zst"));
    paths.sort();
    paths
}

fn compare_one(path: &Path) -> usize {
    let root = SysRoot::open(path).unwrap();
    let look = Look::at(&[Facet::Config, Facet::Firmware, Facet::Kernel]);
    let mut host = virtfn_observe::host(&root, &look).unwrap();
    if host.groups.is_empty() {
        // Recordings of real machines keep the kernel's answer apart from the question.
        group_as_told(
            &mut host,
            root.text("oracle/iommu-groups").known().map_or("", String::as_str),
        );
    }
    let mut wrong = Vec::new();
    let mut count = 0;
    for function in host.functions.values() {
        let Some(alone) = is_alone(&host, function) else {
            continue;
        };
        count += 1;
        let judged = isolation(&host, function).judgement();
        let agrees = match judged {
            Judgement::Isolated => alone,
            Judgement::Broken(_) => !alone,
            Judgement::Unknown(_) => true,
        };
        if !agrees {
            wrong.push(format!("{}: alone {alone}, judged {judged:?}", function.address));
        }
    }
    let name = path.file_name().unwrap().to_string_lossy();
    println!("{name}: {count} functions compared");
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    // Without an IOMMU the kernel makes none.
    if !host.groups.is_empty() {
        assert_eq!(predicted(&host), told(&host), "{name}");
    }
    count
}

type Partition = BTreeSet<BTreeSet<Address>>;

/// The kernel's groups.
fn told(host: &Host) -> Partition {
    host.groups.values().map(|group| group.members.clone()).collect()
}

/// The predicted groups. Which functions are in one is asked of ACPI's tables; a device tree is not
/// read, and with virtio-iommu it is those that some driver tried: there the kernel's own are taken.
fn predicted(host: &Host) -> Partition {
    let tables = host.firmware.acpi.known();
    let tells = |name: &&str| tables.is_some_and(|tables| tables.contains_key(*name));
    let told = ["DMAR", "IVRS"].iter().any(tells);
    let in_one = |address: &Address| host.functions[address].iommu_group.is_some();
    let kept = |members: BTreeSet<Address>| {
        members.into_iter().filter(|address| told || in_one(address)).collect()
    };
    let all = groups(host).groups.into_iter().map(|group| kept(group.members));
    all.filter(|members: &BTreeSet<Address>| !members.is_empty()).collect()
}

/// `group 3 type=DMA: 0000:00:01.0 0000:00:02.0`
fn group_as_told(host: &mut Host, text: &str) {
    for line in text.lines() {
        let (head, members) = line.split_once(": ").unwrap();
        let id: u32 = head.split(' ').nth(1).unwrap().parse().unwrap();
        let members: BTreeSet<Address> =
            members.split_whitespace().map(|member| member.parse().unwrap()).collect();
        for member in &members {
            if let Some(function) = host.functions.get_mut(member) {
                function.iommu_group = Some(id);
            }
        }
        let unseen = || Seen::not_asked("oracle");
        host.groups.insert(
            id,
            IommuGroup { id, members, domain: unseen(), name: unseen(), reserved: Seen::Absent },
        );
    }
}

/// Is nothing in the function's group but itself and, if it is a bridge, what is below it? `None`
/// where the kernel made no group for it or for a bridge above it, which a driver has to try first
/// under virtio-iommu.
fn is_alone(host: &Host, function: &Function) -> Option<bool> {
    let group = host.groups.get(&function.iommu_group?)?;
    let above = ancestors(host, function);
    above.iter().all(|bridge| bridge.iommu_group.is_some()).then_some(())?;
    let is_vmd = function.driver.as_deref() == Some("vmd");
    let is_below = |other: &Function| {
        let lodges = is_vmd && other.address.domain() > 0xffff;
        lodges || ancestors(host, other).iter().any(|bridge| bridge.address == function.address)
    };
    let others = group.members.iter().filter(|address| **address != function.address);
    Some(others.map(|address| host.functions.get(address)).all(|other| other.is_some_and(is_below)))
}

fn ancestors<'h>(host: &'h Host, function: &Function) -> Vec<&'h Function> {
    let find = |address| host.functions.get(&address);
    let first = function.parent.and_then(find);
    std::iter::successors(first, |bridge| bridge.parent.and_then(find)).collect()
}

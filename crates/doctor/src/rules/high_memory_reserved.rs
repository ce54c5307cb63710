//! Is there a hole in the addresses of very large guests?

use virtfn_host::{Host, Seen};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "high-memory-reserved",
    label: "1 TiB hole",
    about: About::Host,
    matters_for: Uses::VM,
    weight: Weight::Advice,
    follows: &["iommu-absent-in-firmware", "iommu-table-damaged", "iommu-off-in-kernel"],
    judge: Judge::Host(judge),
    page: include_str!("high_memory_reserved.md"),
};

/// AMD's HyperTransport region starts here, 12 GiB below 1 TiB.
const HOLE_STARTS: u64 = 0xfd_0000_0000;
/// And ends here.
const HOLE_ENDS: u64 = 0xff_ffff_ffff;

fn judge(host: &Host) -> Opinion {
    let regions =
        host.groups.values().filter_map(|group| Some((group.id, group.reserved.known()?)));
    let mut seen = 0;
    let mut hole = None;
    for (id, regions) in regions {
        seen += 1;
        let covers = regions.iter().any(|one| one.start <= HOLE_STARTS && one.end >= HOLE_ENDS);
        hole = hole.or(covers.then_some(id));
    }
    let Some(group) = hole else {
        return without_hole(host, seen);
    };
    let path = format!("sys/kernel/iommu_groups/{group}/reserved_regions");
    let saw = |opinion: Opinion| opinion.saw(path.clone(), "0xfd00000000-0xffffffffff reserved");
    match host.platform.memory_kib {
        Seen::Known(kib) if kib < HOLE_STARTS >> 10 => {
            saw(Opinion::pass("a hole below 1 TiB, which no guest of this machine reaches"))
                .saw("proc/meminfo", format!("MemTotal {kib} kB"))
        }
        _ => {
            saw(Opinion::warn("guests of 1012 GiB and more meet a hole in the device's addresses"))
                .missed("proc/meminfo", &host.platform.memory_kib)
                .fix("give such a guest a machine type of QEMU 7.1 or later, which goes around it")
        }
    }
}

fn without_hole(host: &Host, seen: usize) -> Opinion {
    if seen > 0 {
        return Opinion::pass("no hole below 1 TiB").saw(
            "sys/kernel/iommu_groups/*/reserved_regions",
            format!("{seen} groups, none reserves 0xfd00000000-0xffffffffff"),
        );
    }
    if host.groups.is_empty() && host.kernel.iommus.known().is_some_and(Vec::is_empty) {
        return Opinion::not_applicable("there is no IOMMU at work");
    }
    let unseen = Opinion::unknown("which addresses are kept from devices could not be seen");
    match host.groups.values().next() {
        Some(group) => unseen.missed(
            &format!("sys/kernel/iommu_groups/{}/reserved_regions", group.id),
            &group.reserved,
        ),
        None => unseen
            .saw("sys/kernel/iommu_groups", "no group")
            .missed("sys/class/iommu", &host.kernel.iommus),
    }
}

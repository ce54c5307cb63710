//! Can the IOMMU address what guests do?

use virtfn_host::{Host, IommuRegisters, Seen};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "iova-width-39-bit",
    label: "address width",
    about: About::Host,
    matters_for: Uses::VM,
    weight: Weight::Advice,
    follows: &["iommu-absent-in-firmware", "iommu-table-damaged", "iommu-off-in-kernel"],
    judge: Judge::Host(judge),
    page: include_str!("iova_width_39_bit.md"),
};

/// The width of QEMU's own processor models; one that is told of its host's width may be wider.
const USUAL_GUEST_BITS: u32 = 40;
/// VT-d: 3-level tables address 39 bits, each level more 9 bits (SAGAW, bit 1 on).
const SAGAW: [(u64, u32); 3] = [(1 << 1, 39), (1 << 2, 48), (1 << 3, 57)];

struct Width {
    unit: String,
    bits: u32,
    path: String,
    value: String,
}

fn judge(host: &Host) -> Opinion {
    let units = host.platform.iommu_registers.iter();
    let mut widths: Vec<Width> = units.filter_map(|(name, unit)| by_register(name, unit)).collect();
    widths.extend(host.kernel.log.known().into_iter().flatten().filter_map(|line| by_log(line)));
    let Some(narrow) = widths.iter().min_by_key(|width| width.bits) else {
        return unseen(host);
    };
    let opinion = if narrow.bits < USUAL_GUEST_BITS {
        let fit = narrow.bits;
        Opinion::warn(format!(
            "{} addresses {fit} bits: a guest that believes in more cannot map its memory",
            narrow.unit
        ))
        .fix(format!("QEMU: -cpu host,host-phys-bits-limit={fit}, or phys-bits={fit}"))
        .fix(format!("libvirt: <maxphysaddr mode='passthrough' limit='{fit}'/> in <cpu>"))
    } else {
        Opinion::pass(format!("{} addresses {} bits", narrow.unit, narrow.bits))
    };
    opinion.saw(narrow.path.as_str(), narrow.value.as_str())
}

/// VT-d: the lesser of what it can address (MGAW) and what its tables can (SAGAW). AMD-Vi: by the
/// levels of its tables (HATS), four or more.
fn by_register(name: &str, unit: &IommuRegisters) -> Option<Width> {
    let folder = format!("sys/class/iommu/{name}");
    let width = |bits, file: &str, value: u64| Width {
        unit: name.to_owned(),
        bits,
        path: format!("{folder}/{file}"),
        value: format!("{value:x}"),
    };
    if let Seen::Known(cap) = unit.cap {
        let mgaw = u32::try_from(cap >> 16 & 0x3f).ok()? + 1;
        let tables = SAGAW.iter().filter(|(bit, _)| cap >> 8 & bit != 0).map(|(_, bits)| *bits);
        return Some(width(mgaw.min(tables.max()?), "intel-iommu/cap", cap));
    }
    let features = unit.features.known()?;
    let levels = u32::try_from(features >> 10 & 0b11).ok()? + 4;
    Some(width((12 + 9 * levels).min(64), "amd-iommu/features", *features))
}

/// `virtio_iommu virtio0: input address: 39 bits`, `arm-smmu-v3 …: ias 44-bit, oas 44-bit`.
fn by_log(line: &str) -> Option<Width> {
    let (driver, after) = if line.starts_with("virtio_iommu ") {
        ("virtio-iommu", line.split_once("input address: ")?.1)
    } else if line.starts_with("arm-smmu") {
        ("the SMMU", line.split_once(": ias ")?.1)
    } else {
        return None;
    };
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    let bits = after[..digits].parse().ok().filter(|bits| (1..=64).contains(bits))?;
    Some(Width {
        unit: driver.to_owned(),
        bits,
        path: "kernel.log".to_owned(),
        value: line.to_owned(),
    })
}

fn unseen(host: &Host) -> Opinion {
    match &host.kernel.iommus {
        Seen::Known(units) if units.is_empty() => {
            Opinion::not_applicable("there is no IOMMU at work")
        }
        seen => Opinion::unknown("how wide the IOMMU's addresses are could not be seen")
            .missed("sys/class/iommu", seen)
            .missed("kernel.log", &host.kernel.log)
            .saw("sys/class/iommu", "no register that tells"),
    }
}

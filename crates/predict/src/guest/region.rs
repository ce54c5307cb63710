//! The regions that a guest reaches: BARs and ROM.

use virtfn_host::{Function, Resource, Seen};
use virtfn_pci::Looked;
use virtfn_pci::capability::MsiX;

use super::bars::{IO, PREFETCH};

/// The kernel's `IORESOURCE_MEM` (include/linux/ioport.h).
const MEMORY: u64 = 0x200;

/// A BAR or the ROM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// 0–5 for BARs, 6 for the ROM.
    pub number: u8,
    /// Bytes.
    pub size: u64,
    /// How a guest reaches it.
    pub access: Access,
    /// May be read ahead; `None` for ports.
    pub prefetchable: Option<bool>,
    /// What is known to be in it.
    pub holds: Vec<Holds>,
}

/// How a region is reached (`vfio_pci_probe_mmaps`, `vfio_pci_ioctl_get_region_info`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It can be mapped: the guest's loads and stores are the device's, and nobody looks on.
    Mapped,
    /// It is smaller than a page and begins one: it is mapped if the rest of the page is free.
    MappedIfPageFree,
    /// Whether it can be mapped depends on the size of a page here, which is not known.
    DependsOnPage,
    /// Through the VMM, access by access: the bytes reach the device as they are.
    Calls,
    /// The ROM: read through the VMM, never written.
    ReadCalls,
}

/// A structure in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holds {
    /// Which.
    pub what: Table,
    /// Bytes from the region's start.
    pub offset: u32,
    /// Bytes.
    pub size: u64,
}

/// MSI-X's two structures in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// The messages: where each is sent, and what.
    MsiX,
    /// Which of them wait.
    Pending,
}

/// A page on x86; elsewhere it depends on how the kernel was built, up to this.
const LEAST_PAGE: u64 = 4 << 10;
const MOST_PAGE: u64 = 64 << 10;

/// The regions of a function that the host found a place for. `page_bytes`: how large a page is, if
/// that is known.
#[must_use]
pub fn regions(function: &Function, page_bytes: Option<u64>) -> Option<Vec<Region>> {
    let Seen::Known(resources) = &function.resources else { return None };
    let config = function.config.known();
    let msi_x = config.and_then(|config| match config.capabilities().msi_x() {
        Looked::Found(found) => Some(*found),
        Looked::Absent | Looked::NotVisible(_) => None,
    });
    let pages = match page_bytes {
        Some(page) => page..=page,
        None => LEAST_PAGE..=MOST_PAGE,
    };
    let region = |(number, resource): (u8, &Resource)| {
        (resource.start != 0 && resource.size() > 0).then(|| Region {
            number,
            size: resource.size(),
            access: access(number, *resource, &pages),
            prefetchable: (resource.flags & IO == 0).then_some(resource.flags & PREFETCH != 0),
            holds: msi_x.map(|msi_x| holds(number, &msi_x)).unwrap_or_default(),
        })
    };
    Some((0..=6).zip(resources).filter_map(region).collect())
}

fn access(number: u8, resource: Resource, pages: &std::ops::RangeInclusive<u64>) -> Access {
    const ROM: u8 = 6;
    let (size, begins_page) = (resource.size(), resource.start.is_multiple_of(*pages.end()));
    match number {
        ROM => Access::ReadCalls,
        _ if resource.flags & MEMORY == 0 => Access::Calls,
        _ if size >= *pages.end() => Access::Mapped,
        _ if size >= *pages.start() => Access::DependsOnPage,
        _ if begins_page => Access::MappedIfPageFree,
        _ if resource.start.is_multiple_of(*pages.start()) => Access::DependsOnPage,
        _ => Access::Calls,
    }
}

fn holds(number: u8, msi_x: &MsiX) -> Vec<Holds> {
    let count = u64::from(msi_x.count);
    let table = (msi_x.table, Table::MsiX, count * 16);
    let pending = (msi_x.pending, Table::Pending, count.div_ceil(64) * 8);
    let here = [table, pending].into_iter().filter(|(at, ..)| at.bar == number);
    here.map(|(at, what, size)| Holds { what, offset: at.offset, size }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_mapped_depends_on_size_kind_and_page() {
        let x86 = LEAST_PAGE..=LEAST_PAGE;
        let unknown = LEAST_PAGE..=MOST_PAGE;
        let at = |start, size, flags| Resource { start, end: start + size - 1, flags };
        for (number, resource, pages, wanted) in [
            (0, at(0xfe00_0000, 0x4000, MEMORY), &x86, Access::Mapped),
            (0, at(0xfe00_0000, 0x1000, MEMORY), &x86, Access::Mapped),
            (0, at(0xfe00_0000, 0x100, MEMORY), &x86, Access::MappedIfPageFree),
            (0, at(0xfe00_0100, 0x100, MEMORY), &x86, Access::Calls),
            (2, at(0xd000, 0x20, IO), &x86, Access::Calls),
            (6, at(0xfeb0_0000, 0x8_0000, MEMORY), &x86, Access::ReadCalls),
            (0, at(0xfe00_0000, 0x1_0000, MEMORY), &unknown, Access::Mapped),
            (0, at(0xfe00_0000, 0x4000, MEMORY), &unknown, Access::DependsOnPage),
            (0, at(0xfe00_0000, 0x100, MEMORY), &unknown, Access::MappedIfPageFree),
            (0, at(0xfe00_1000, 0x100, MEMORY), &unknown, Access::DependsOnPage),
        ] {
            assert_eq!(access(number, resource, pages), wanted, "{resource:x?} {pages:?}");
        }
    }
}

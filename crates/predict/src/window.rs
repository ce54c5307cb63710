//! How much of a bridge's windows is free, and how many VFs that is.

use virtfn_host::{Function, Host, Resource};

/// Lines of a bridge's `resource` that are its windows for memory and prefetchable memory
/// (`PCI_BRIDGE_RESOURCES`, `include/linux/pci.h`).
const MEMORY_LINE: usize = 14;
const PREFETCHABLE_LINE: usize = 15;
/// A bridge's own BARs are its first two lines; a function's own and its VFs' are the first 13.
const OWN_LINES: usize = 13;
/// `IORESOURCE_MEM` (`include/linux/ioport.h`).
const MEMORY: u64 = 0x200;

/// Memory that one VF BAR wants, a VF.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// Bytes a VF; also what the whole must be aligned to.
    pub(crate) each: u64,
    /// May it lie in a prefetchable window?
    pub(crate) prefetchable: bool,
}

/// A free range: first address and the one behind its last.
type Gap = (u64, u64);

/// How many VFs, at most `total`, find room in what the windows of the bridge above have left.
/// `None` where the bridge's windows or its neighbours' places were not seen.
pub(crate) fn would_fit(
    host: &Host,
    function: &Function,
    wishes: &[Wish],
    total: u16,
) -> Option<u16> {
    let bridge = host.functions.get(&function.parent?)?;
    let windows = bridge.resources.known()?;
    let used = used(host, function)?;
    let gaps = |line| windows.get(line).map_or_else(Vec::new, |window| gaps(*window, &used));
    let (memory, prefetchable) = (gaps(MEMORY_LINE), gaps(PREFETCHABLE_LINE));
    // More VFs need more: the largest number that fits lies between one that does and one that
    // does not.
    let (mut fits, mut too_many) = (0, u32::from(total) + 1);
    while fits + 1 < too_many {
        let middle = u32::midpoint(fits, too_many);
        if place(wishes, middle, memory.clone(), prefetchable.clone()) {
            fits = middle;
        } else {
            too_many = middle;
        }
    }
    u16::try_from(fits).ok()
}

/// Every memory range that a function on the same bus has.
fn used(host: &Host, function: &Function) -> Option<Vec<Gap>> {
    let same_bus = |other: &&Function| other.parent == function.parent && other.vf().is_none();
    let mut used = Vec::new();
    for neighbour in host.functions.values().filter(same_bus) {
        let lines = neighbour.resources.known()?;
        let windows = if neighbour.is_bridge() { lines.len() } else { OWN_LINES };
        let placed = lines.iter().take(windows).filter(|line| is_memory(**line));
        used.extend(placed.map(|line| (line.start, line.end.saturating_add(1))));
    }
    used.sort_unstable();
    Some(used)
}

const fn is_memory(line: Resource) -> bool {
    line.flags & MEMORY != 0 && line.size() > 0 && !line.is_unset()
}

fn gaps(window: Resource, used: &[Gap]) -> Vec<Gap> {
    if !is_memory(window) {
        return Vec::new();
    }
    let end = window.end.saturating_add(1);
    let mut gaps = Vec::new();
    let mut free = window.start;
    for (start, behind) in
        used.iter().filter(|(start, behind)| *behind > window.start && *start < end)
    {
        if *start > free {
            gaps.push((free, *start));
        }
        free = free.max(*behind);
    }
    if free < end {
        gaps.push((free, end));
    }
    gaps
}

/// Do all wishes of `count` VFs find a place, the largest first? What is prefetchable may lie in
/// either window.
fn place(wishes: &[Wish], count: u32, mut memory: Vec<Gap>, mut prefetchable: Vec<Gap>) -> bool {
    let mut wishes = wishes.to_vec();
    wishes.sort_by_key(|wish| std::cmp::Reverse(wish.each));
    wishes.iter().all(|wish| {
        let Some(size) = wish.each.checked_mul(count.into()) else { return false };
        let preferred = wish.prefetchable && take(&mut prefetchable, size, wish.each);
        preferred || take(&mut memory, size, wish.each)
    })
}

/// Takes an aligned range out of the first gap that has one.
fn take(gaps: &mut Vec<Gap>, size: u64, align: u64) -> bool {
    for at in 0..gaps.len() {
        let (start, end) = gaps[at];
        let Some(first) = start.checked_next_multiple_of(align.max(1)) else { continue };
        let Some(behind) = first.checked_add(size).filter(|behind| *behind <= end) else {
            continue;
        };
        gaps.remove(at);
        gaps.extend([(start, first), (behind, end)].into_iter().filter(|(a, b)| a < b));
        return true;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn window(start: u64, end: u64) -> Resource {
        Resource { start, end, flags: MEMORY }
    }

    #[test]
    fn gaps_are_what_nobody_has() {
        let used = [(0x1000, 0x2000), (0x1800, 0x3000), (0x9000, 0xa000)];
        assert_eq!(gaps(window(0x1000, 0x9fff), &used), [(0x3000, 0x9000)]);
        assert_eq!(gaps(window(0, 0xfff), &used), [(0, 0x1000)]);
        assert_eq!(gaps(window(0x1000, 0x1fff), &used), []);
        assert_eq!(gaps(Resource { start: 0, end: 0, flags: 0 }, &used), []);
    }

    #[test]
    fn what_is_taken_is_aligned_and_gone() {
        let mut free = vec![(0x1800, 0x4000)];
        assert!(take(&mut free, 0x1000, 0x1000));
        assert_eq!(free, [(0x1800, 0x2000), (0x3000, 0x4000)]);
        assert!(!take(&mut free, 0x2000, 0x1000));
        assert!(!take(&mut free, u64::MAX, 1));
    }

    #[test]
    fn prefetchable_memory_may_lie_in_either_window() {
        let wish = |prefetchable| [Wish { each: 0x1000, prefetchable }];
        let (memory, other) = (vec![(0, 0x4000)], vec![(0x10000, 0x12000)]);
        let fits =
            |prefetchable, count| place(&wish(prefetchable), count, memory.clone(), other.clone());
        assert!(fits(true, 4) && fits(false, 4));
        assert!(!fits(true, 5) && !fits(false, 5));
    }
}

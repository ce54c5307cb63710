//! What VFIO shows in the BARs (`vfio_bar_fixup`): the hardware's flags and sizes, no addresses that
//! would not fit them.

use virtfn_host::Resource;

/// The kernel's `IORESOURCE_*` (include/linux/ioport.h).
pub(super) const IO: u64 = 0x100;
pub(super) const PREFETCH: u64 = 0x2000;
const WIDE: u64 = 0x0010_0000;

const ROM: usize = 6;

/// The six BARs and the ROM register as VFIO's copy has them, from what the hardware has.
pub(super) fn shown(hardware: [u32; 7], resources: &[Resource]) -> [u32; 7] {
    let mut shown = hardware;
    let mut bar = 0;
    while bar < ROM {
        let resource = resources.get(bar).filter(|one| one.start != 0);
        let Some(resource) = resource else {
            shown[bar] = 0;
            bar += 1;
            continue;
        };
        let [low, high] = halves(!(resource.size().wrapping_sub(1)));
        shown[bar] = shown[bar] & low | flags(resource.flags);
        if resource.flags & (IO | WIDE) == WIDE && bar + 1 < ROM {
            shown[bar + 1] &= high;
            bar += 1;
        }
        bar += 1;
    }
    shown[ROM] = match resources.get(ROM).filter(|one| one.start != 0) {
        Some(rom) => shown[ROM] & (halves(!(rom.size().wrapping_sub(1)))[0] | 1),
        None => 0,
    };
    shown
}

/// The low bits of a BAR (`vfio_generate_bar_flags`).
const fn flags(resource: u64) -> u32 {
    if resource & IO != 0 {
        return 1;
    }
    let prefetch = if resource & PREFETCH != 0 { 8 } else { 0 };
    let wide = if resource & WIDE != 0 { 4 } else { 0 };
    prefetch | wide
}

fn halves(value: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(start: u64, size: u64, flags: u64) -> Resource {
        Resource { start, end: start + size - 1, flags }
    }

    #[test]
    fn a_vf_whose_bars_read_0_shows_flags_alone() {
        let vf = [resource(0xfe20_0000, 0x4000, WIDE | PREFETCH)];
        assert_eq!(shown([0; 7], &vf), [0xc, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_pf_shows_what_the_host_gave_it() {
        let none = Resource { start: 0, end: 0, flags: 0 };
        let pf = [
            resource(0xfea0_0000, 0x2_0000, 0),
            none,
            resource(0xd000, 0x20, IO),
            resource(0x38_0000_0000, 0x4000, WIDE),
            none,
            none,
            resource(0xfeb0_0000, 0x8_0000, 0),
        ];
        let hardware = [0xfea0_0000, 0, 0xd001, 0x4, 0x38, 0, 0xfeb0_0001];
        assert_eq!(shown(hardware, &pf), hardware);
    }

    #[test]
    fn what_the_host_placed_nowhere_is_not_there() {
        assert_eq!(shown([0xfea0_0000; 7], &[]), [0; 7]);
    }
}

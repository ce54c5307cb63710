//! Base address registers: where a function's memory and ports were put.

use crate::bits::field8;

/// One base address register, or a pair of them when it holds 64 bits.
///
/// Its size is not to be had from config space without writing to it; sysfs `resource` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Bar {
    /// Number of its (lower) register, 0–5.
    pub index: u8,
    /// What it maps and where.
    pub place: Place,
}

/// What a base address register maps, and where (PCI 3.0 §6.2.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "space", rename_all = "snake_case")]
pub enum Place {
    /// I/O ports.
    Io {
        /// First port; 0 when none was assigned.
        address: u32,
    },
    /// Memory.
    Memory {
        /// First byte; 0 when none was assigned.
        address: u64,
        /// How far it may be moved.
        width: Width,
        /// Reads have no side effects.
        prefetchable: bool,
    },
}

/// The type field of a memory register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Width {
    /// Anywhere below 4 GiB.
    Bits32,
    /// Below 1 MiB, from days before PCI 2.2.
    Below1Mib,
    /// Anywhere; takes two registers.
    Bits64,
    /// Says 64 bits in the last register, where no second one follows.
    Broken64,
    /// The reserved encoding.
    Reserved,
}

/// Reads the registers of a function (six) or a bridge (two).
/// Registers that read 0 or all ones are not there.
pub(crate) fn read(registers: &[u32]) -> Vec<Bar> {
    read_with(registers, |low| low & 1 == 1)
}

/// Reads the registers of VFs, which have no I/O ports: bit 0 means nothing
/// (PCIe 6.0 §9.3.3.14).
pub(crate) fn read_memory(registers: &[u32]) -> Vec<Bar> {
    read_with(registers, |_| false)
}

fn read_with(registers: &[u32], is_io: impl Fn(u32) -> bool) -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut left = (0u8..).zip(registers);
    while let Some((index, &low)) = left.next() {
        // A 64-bit register is there even at address 0: its type says so.
        if low == 0 || low == u32::MAX {
            continue;
        }
        let place = if is_io(low) {
            Place::Io { address: low & !3 }
        } else {
            memory(low, || left.next().map(|(_, &high)| high))
        };
        bars.push(Bar { index, place });
    }
    bars
}

fn memory(low: u32, mut next: impl FnMut() -> Option<u32>) -> Place {
    let (width, high) = match field8(low, 1, 2) {
        0 => (Width::Bits32, 0),
        1 => (Width::Below1Mib, 0),
        2 => next().map_or((Width::Broken64, 0), |high| (Width::Bits64, high)),
        _ => (Width::Reserved, 0),
    };
    let address = u64::from(high) << 32 | u64::from(low & !0xf);
    Place::Memory { address, width, prefetchable: low & 8 != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_encoding_is_read() {
        let bars = read(&[0xfe20_0000, 0xd001, 0, 0xfe80_000c, 0x38, 0x4]);
        let memory = |address, width, prefetchable| Place::Memory { address, width, prefetchable };
        assert_eq!(
            bars,
            [
                Bar { index: 0, place: memory(0xfe20_0000, Width::Bits32, false) },
                Bar { index: 1, place: Place::Io { address: 0xd000 } },
                Bar { index: 3, place: memory(0x38_fe80_0000, Width::Bits64, true) },
                Bar { index: 5, place: memory(0, Width::Broken64, false) },
            ]
        );
        assert_eq!(read(&[0, u32::MAX]), []);
    }
}

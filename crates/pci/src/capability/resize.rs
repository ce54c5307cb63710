//! Base address registers of more than one size (PCIe 6.0 §7.8.6 and, for VFs, §7.8.7).

use crate::bits::{field8, field16};
use crate::config::Registers;

/// The resizable BAR capability, of a function or of its VFs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ResizableBars {
    /// One entry a register that can be resized, six at most.
    pub bars: Vec<ResizableBar>,
}

/// The sizes of one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ResizableBar {
    /// Which register; 6 and 7 are reserved.
    pub bar: u8,
    /// Bit `n` set: can be 2ⁿ⁺²⁰ bytes.
    pub sizes: u64,
    /// Size it has: 2ⁿ⁺²⁰ bytes.
    pub current: u8,
}

/// A function has no more registers than this to resize.
const MOST: usize = 6;

impl ResizableBars {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let count = usize::from(field8(at.u32(0x08)?, 5, 3)).min(MOST);
        let bars = (0..count).map(|n| ResizableBar::read(at.u32(4 + 8 * n)?, at.u32(8 + 8 * n)?));
        Some(Self { bars: bars.collect::<Option<_>>()? })
    }

    pub(crate) fn len(&self) -> u16 {
        let entries = u16::try_from(self.bars.len()).unwrap_or(u16::MAX >> 4);
        4 + 8 * entries
    }
}

impl ResizableBar {
    fn read(capability: u32, control: u32) -> Option<Self> {
        // Sizes from 128 TiB on were added later, in the control register's upper half.
        let larger = u64::from(field16(control, 16, 16)) << 28;
        Some(Self {
            bar: field8(control, 0, 3),
            sizes: larger | u64::from(capability >> 4),
            current: field8(control, 8, 6),
        })
    }
}

//! What a bridge has beyond a function: bus numbers and the windows it forwards.

use crate::bits::flags;
use crate::config::ConfigSpace;

/// The part of a type 1 header that is a bridge's own (PCI-to-PCI Bridge 1.2 §3.2.5).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Bridge {
    /// Bus above it.
    pub primary: u8,
    /// Bus right below it; 0 while unconfigured.
    pub secondary: u8,
    /// Highest bus number below it: VFs whose bus lies beyond cannot be reached.
    pub subordinate: u8,
    /// Latency timer of the bus below, in bus clocks.
    pub secondary_latency_timer: u8,
    /// Status of the bus below.
    pub secondary_status: SecondaryStatus,
    /// I/O ports that are forwarded down; `None` while switched off (base above limit).
    pub io: Option<Window>,
    /// Memory that is forwarded down; `None` while switched off.
    pub memory: Option<Window>,
    /// Prefetchable memory that is forwarded down; `None` while switched off.
    pub prefetchable: Option<Window>,
    /// Bridge control.
    pub control: BridgeControl,
}

/// A range of addresses that a bridge forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Window {
    /// First address.
    pub base: u64,
    /// Last address, itself included.
    pub limit: u64,
    /// How many address bits the bridge decodes: 16, 32 or 64.
    pub bits: u8,
}

flags! {
    /// The secondary status register, less the DEVSEL timing.
    SecondaryStatus: u16 {
        MHZ_66 = 5, "66MHz", "Can do 66 MHz.";
        FAST_BACK_TO_BACK = 7, "FastB2B", "Takes fast back-to-back transfers.";
        PARITY = 8, "ParErr", "Saw a parity error as master.";
        SIGNALLED_TARGET_ABORT = 11, ">TAbort", "Ended a transfer with a target abort.";
        RECEIVED_TARGET_ABORT = 12, "<TAbort", "Had a transfer ended with a target abort.";
        RECEIVED_MASTER_ABORT = 13, "<MAbort", "Had a transfer end in a master abort.";
        RECEIVED_SERR = 14, "<SERR", "A system error was reported from below.";
        DETECTED_PARITY = 15, "<PERR", "Detected a parity error.";
    }
}

flags! {
    /// The bridge control register (PCI-to-PCI Bridge 1.2 §3.2.5.18).
    BridgeControl: u16 {
        PARITY = 0, "Parity", "Responds to parity errors from below.";
        SERR = 1, "SERR", "Forwards system errors from below.";
        NO_ISA = 2, "NoISA", "Keeps ISA aliases in the I/O window to itself.";
        VGA = 3, "VGA", "Forwards the VGA ranges down.";
        VGA_16_BIT = 4, "VGA16", "Decodes all sixteen bits of VGA ports.";
        MASTER_ABORT = 5, "MAbort", "Reports master aborts.";
        RESET = 6, ">Reset", "Holds the bus below in reset.";
        FAST_BACK_TO_BACK = 7, "FastB2B", "May do fast back-to-back transfers below.";
        PRIMARY_DISCARD = 8, "PriDiscTmr", "Short discard timer for masters above.";
        SECONDARY_DISCARD = 9, "SecDiscTmr", "Short discard timer for masters below.";
        DISCARD_STATUS = 10, "DiscTmrStat", "A discard timer ran out.";
        DISCARD_SERR = 11, "DiscTmrSERREn", "Reports a discard timer that ran out.";
    }
}

impl Bridge {
    pub(crate) fn read(config: &ConfigSpace) -> Option<Self> {
        Some(Self {
            primary: config.u8_at(0x18)?,
            secondary: config.u8_at(0x19)?,
            subordinate: config.u8_at(0x1a)?,
            secondary_latency_timer: config.u8_at(0x1b)?,
            secondary_status: SecondaryStatus::of(config.u16_at(0x1e)?),
            io: io_window(config)?,
            memory: memory_window(config)?,
            prefetchable: prefetchable_window(config)?,
            control: BridgeControl::of(config.u16_at(0x3e)?),
        })
    }
}

impl Window {
    /// Bytes, or ports, in the window.
    #[must_use]
    pub const fn size(&self) -> u64 {
        // The whole 64-bit space is the one size that does not fit.
        (self.limit - self.base).saturating_add(1)
    }

    fn between(base: u64, limit: u64, bits: u8) -> Option<Self> {
        (base <= limit).then_some(Self { base, limit, bits })
    }
}

/// The low four bits of a base register say how wide its window is; a pair that disagrees is no
/// window (the outer `None` is for bytes that are missing).
fn io_window(config: &ConfigSpace) -> Option<Option<Window>> {
    let (base, limit) = (config.u8_at(0x1c)?, config.u8_at(0x1d)?);
    let page = |register: u8| u64::from(register & 0xf0) << 8;
    Some(match (base & 0xf, limit & 0xf) {
        (0, 0) => Window::between(page(base), page(limit) | 0xfff, 16),
        (1, 1) => {
            let upper = |at| config.u16_at(at).map(|half| u64::from(half) << 16);
            Window::between(upper(0x30)? | page(base), upper(0x32)? | page(limit) | 0xfff, 32)
        }
        _ => None,
    })
}

fn memory_window(config: &ConfigSpace) -> Option<Option<Window>> {
    let (base, limit) = (config.u16_at(0x20)?, config.u16_at(0x22)?);
    if base & 0xf != 0 || limit & 0xf != 0 {
        return Some(None);
    }
    Some(Window::between(mebibyte(base), mebibyte(limit) | 0xf_ffff, 32))
}

fn prefetchable_window(config: &ConfigSpace) -> Option<Option<Window>> {
    let (base, limit) = (config.u16_at(0x24)?, config.u16_at(0x26)?);
    let (low_base, low_limit) = (mebibyte(base), mebibyte(limit) | 0xf_ffff);
    Some(match (base & 0xf, limit & 0xf) {
        (0, 0) => Window::between(low_base, low_limit, 32),
        (1, 1) => {
            let upper = |at| config.u32_at(at).map(|half| u64::from(half) << 32);
            Window::between(upper(0x28)? | low_base, upper(0x2c)? | low_limit, 64)
        }
        _ => None,
    })
}

fn mebibyte(register: u16) -> u64 {
    u64::from(register & 0xfff0) << 16
}

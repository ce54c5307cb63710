//! The first 64 bytes: who a function is and what it may do.

use crate::bar::{self, Bar};
use crate::bits::{field8, flags};
use crate::bridge::Bridge;
use crate::config::{ConfigSpace, HEADER_LEN};

/// The header of a function or bridge (PCI 3.0 §6.1, PCI-to-PCI Bridge 1.2 §3.2).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Header {
    /// Vendor; `ffff` on a VF, whose ids the kernel makes up from its PF's.
    pub vendor: u16,
    /// Device; `ffff` on a VF.
    pub device: u16,
    /// What the function may do now.
    pub command: Command,
    /// What it can do, and what went wrong.
    pub status: Status,
    /// Revision.
    pub revision: u8,
    /// Base class, subclass and programming interface: `0x020000` is an Ethernet controller.
    pub class: u32,
    /// Cache line size, in double words.
    pub cache_line_size: u8,
    /// Latency timer, in bus clocks.
    pub latency_timer: u8,
    /// Which shape the rest of the header has.
    pub layout: Layout,
    /// Whether the device in this slot has more functions than one.
    pub multifunction: bool,
    /// Base address registers as they stand: six, two on a bridge, none on other layouts.
    pub bar_registers: Vec<u32>,
    /// Expansion ROM register; 0 when there is none.
    pub rom_register: u32,
    /// Who built the board. A bridge has it in a capability instead.
    pub subsystem: Option<Subsystem>,
    /// Interrupt line, as the firmware left it.
    pub interrupt_line: u8,
    /// Interrupt pin: 1–4 for INTA–INTD, 0 for none.
    pub interrupt_pin: u8,
    /// What only a bridge has.
    pub bridge: Option<Bridge>,
}

/// The header type field, less its multifunction bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Type 0: a function.
    Function,
    /// Type 1: a PCI-to-PCI bridge; root and switch ports too.
    Bridge,
    /// Type 2: a CardBus bridge.
    CardBus,
    /// A type that no specification defines.
    Unknown(u8),
}

/// Subsystem vendor and device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Subsystem {
    /// Subsystem vendor.
    pub vendor: u16,
    /// Subsystem device.
    pub device: u16,
}

flags! {
    /// The command register (PCI 3.0 §6.2.2).
    Command: u16 {
        IO = 0, "I/O", "Answers to I/O ports.";
        MEMORY = 1, "Mem", "Answers to memory addresses; hard-wired off on a VF.";
        BUS_MASTER = 2, "BusMaster", "May start transfers.";
        SPECIAL_CYCLES = 3, "SpecCycle", "Watches special cycles.";
        WRITE_INVALIDATE = 4, "MemWINV", "May use memory write and invalidate.";
        VGA_SNOOP = 5, "VGASnoop", "Snoops palette writes.";
        PARITY_RESPONSE = 6, "ParErr", "Responds to parity errors.";
        STEPPING = 7, "Stepping", "Address stepping.";
        SERR = 8, "SERR", "May report system errors.";
        FAST_BACK_TO_BACK = 9, "FastB2B", "May do fast back-to-back transfers.";
        INTX_DISABLED = 10, "DisINTx", "May not raise INTx.";
    }
}

flags! {
    /// The status register (PCI 3.0 §6.2.3), less the DEVSEL timing.
    Status: u16 {
        INTX = 3, "INTx", "INTx is raised.";
        CAPABILITIES = 4, "Cap", "There is a capability list.";
        MHZ_66 = 5, "66MHz", "Can do 66 MHz.";
        USER_FEATURES = 6, "UDF", "User definable features (PCI 2.1).";
        FAST_BACK_TO_BACK = 7, "FastB2B", "Takes fast back-to-back transfers.";
        PARITY = 8, "ParErr", "Saw a parity error as master.";
        SIGNALLED_TARGET_ABORT = 11, ">TAbort", "Ended a transfer with a target abort.";
        RECEIVED_TARGET_ABORT = 12, "<TAbort", "Had a transfer ended with a target abort.";
        RECEIVED_MASTER_ABORT = 13, "<MAbort", "Had a transfer end in a master abort.";
        SIGNALLED_SERR = 14, ">SERR", "Reported a system error.";
        DETECTED_PARITY = 15, "<PERR", "Detected a parity error.";
    }
}

impl Header {
    pub(crate) fn read(config: &ConfigSpace) -> Option<Self> {
        if config.len() < HEADER_LEN {
            return None;
        }
        let (kind, class) = (config.u8_at(0x0e)?, config.u32_at(0x08)?);
        let layout = Layout::of(kind);
        Some(Self {
            vendor: config.u16_at(0x00)?,
            device: config.u16_at(0x02)?,
            command: Command::of(config.u16_at(0x04)?),
            status: Status::of(config.u16_at(0x06)?),
            revision: field8(class, 0, 8),
            class: class >> 8,
            cache_line_size: config.u8_at(0x0c)?,
            latency_timer: config.u8_at(0x0d)?,
            layout,
            multifunction: kind & 0x80 != 0,
            bar_registers: bar_registers(config, layout)?,
            rom_register: rom_register(config, layout)?,
            subsystem: subsystem(config, layout),
            interrupt_line: config.u8_at(0x3c)?,
            interrupt_pin: config.u8_at(0x3d)?,
            bridge: match layout {
                Layout::Bridge => Some(Bridge::read(config)?),
                _ => None,
            },
        })
    }

    /// The base address registers that are in use, pairs joined.
    #[must_use]
    pub fn bars(&self) -> Vec<Bar> {
        bar::read(&self.bar_registers)
    }
}

impl Layout {
    const fn of(kind: u8) -> Self {
        match kind & 0x7f {
            0 => Self::Function,
            1 => Self::Bridge,
            2 => Self::CardBus,
            other => Self::Unknown(other),
        }
    }
}

fn bar_registers(config: &ConfigSpace, layout: Layout) -> Option<Vec<u32>> {
    let count = match layout {
        Layout::Function => 6,
        Layout::Bridge => 2,
        Layout::CardBus | Layout::Unknown(_) => 0,
    };
    (0..count).map(|n| config.u32_at(0x10 + 4 * n)).collect()
}

fn rom_register(config: &ConfigSpace, layout: Layout) -> Option<u32> {
    match layout {
        Layout::Function => config.u32_at(0x30),
        Layout::Bridge => config.u32_at(0x38),
        Layout::CardBus | Layout::Unknown(_) => Some(0),
    }
}

fn subsystem(config: &ConfigSpace, layout: Layout) -> Option<Subsystem> {
    let at = match layout {
        Layout::Function => 0x2c,
        Layout::CardBus => 0x40,
        Layout::Bridge | Layout::Unknown(_) => return None,
    };
    Some(Subsystem { vendor: config.u16_at(at)?, device: config.u16_at(at + 2)? })
}

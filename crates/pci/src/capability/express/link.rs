//! Link registers: how fast, how wide.

use std::fmt;

use crate::bits::{field8, flags};
use crate::config::Registers;

/// Link capabilities, control and status (PCIe 6.0 §7.5.3.6–8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Link {
    /// What it can do.
    pub capabilities: LinkCapabilities,
    /// Fastest it can run.
    pub max_speed: Speed,
    /// Most lanes it can have.
    pub max_width: u8,
    /// Power states it can enter by itself.
    pub aspm_capable: Aspm,
    /// Code of its latency on leaving L0s: 0 below 64 ns, doubling, 7 above 4 µs.
    pub l0s_exit_latency: u8,
    /// Code of its latency on leaving L1: 0 below 1 µs, doubling, 7 above 64 µs.
    pub l1_exit_latency: u8,
    /// Number of the port.
    pub port_number: u8,
    /// What is switched on.
    pub control: LinkControl,
    /// Power states it may enter by itself.
    pub aspm: Aspm,
    /// How fast it runs.
    pub speed: Speed,
    /// How many lanes it has; 0 while the link is down.
    pub width: u8,
    /// Status.
    pub status: LinkStatus,
}

/// A link speed, as the code the registers hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(into = "String")]
pub struct Speed(pub u8);

flags! {
    /// Power states a link enters by itself.
    Aspm: u8 {
        L0S = 0, "L0s", "Rests one direction.";
        L1 = 1, "L1", "Rests both directions.";
    }
}

flags! {
    /// Link capabilities, less its numbers.
    LinkCapabilities: u32 {
        CLOCK_PM = 18, "ClockPM", "Lets its clock be taken away.";
        SURPRISE_DOWN = 19, "Surprise", "Reports a link that went down unasked.";
        LINK_ACTIVE = 20, "LLActRep", "Reports whether the link is up.";
        BANDWIDTH = 21, "BwNot", "Reports changes of speed and width.";
        ASPM_OPTIONAL = 22, "ASPMOptComp", "Follows the rule that ASPM is optional.";
    }
}

flags! {
    /// Link control, less its numbers.
    LinkControl: u16 {
        RCB_128 = 3, "RCB128", "Completions may end at 128 bytes rather than 64.";
        DISABLED = 4, "Disabled", "The link is switched off.";
        COMMON_CLOCK = 6, "CommClk", "Both ends share a clock.";
        EXTENDED_SYNCH = 7, "ExtSynch", "Sends longer synchronization sequences.";
        CLOCK_PM = 8, "ClockPM", "The clock may be taken away.";
        NO_WIDTH_CHANGE = 9, "AutWidDis", "May not change its width by itself.";
        BANDWIDTH_INTERRUPT = 10, "BWInt", "A managed change raises an interrupt.";
        AUTONOMOUS_INTERRUPT = 11, "AutBWInt", "A change by itself raises an interrupt.";
    }
}

flags! {
    /// Link status, less its numbers.
    LinkStatus: u16 {
        TRAINING_ERROR = 10, "TrErr", "Training failed (PCIe 1.0a).";
        TRAINING = 11, "Train", "The link trains.";
        SLOT_CLOCK = 12, "SlotClk", "Uses the slot's clock.";
        ACTIVE = 13, "DLActive", "The link is up.";
        BANDWIDTH = 14, "BWMgmt", "Its speed or width was changed.";
        AUTONOMOUS = 15, "ABWMgmt", "It changed its speed or width by itself.";
    }
}

/// Link capabilities 2, control 2 and status 2 (PCIe 6.0 §7.5.3.18–20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Link2 {
    /// What it can do.
    pub capabilities: LinkCapabilities2,
    /// Speeds it can run at: bit `n` set for the speed of code `n + 1`; 0 before PCIe 3.0.
    pub speeds: u8,
    /// Speed it shall reach.
    pub target_speed: Speed,
    /// What is switched on.
    pub control: LinkControl2,
    /// Status.
    pub status: LinkStatus2,
}

flags! {
    /// Link capabilities 2, less its speeds.
    LinkCapabilities2: u32 {
        CROSSLINK = 8, "Crosslink", "Can be linked to its like.";
        RETIMER = 23, "Retimer", "Notices a retimer on the link.";
        TWO_RETIMERS = 24, "2Retimers", "Notices two retimers on the link.";
        DRS = 31, "DRS", "Can report that the device is ready.";
    }
}

flags! {
    /// Link control 2, less its numbers.
    LinkControl2: u16 {
        ENTER_COMPLIANCE = 4, "EnterCompliance", "Enters compliance mode.";
        NO_SPEED_CHANGE = 5, "SpeedDis", "May not change its speed by itself.";
        MODIFIED_COMPLIANCE = 10, "EnterModifiedCompliance", "Sends the modified pattern.";
        COMPLIANCE_SOS = 11, "ComplianceSOS", "Sends skips within the pattern.";
    }
}

flags! {
    /// Link status 2, less its numbers.
    LinkStatus2: u16 {
        EQUALIZED = 1, "EqualizationComplete", "Equalization is complete.";
        PHASE_1 = 2, "EqualizationPhase1", "Phase 1 succeeded.";
        PHASE_2 = 3, "EqualizationPhase2", "Phase 2 succeeded.";
        PHASE_3 = 4, "EqualizationPhase3", "Phase 3 succeeded.";
        EQUALIZATION_REQUEST = 5, "LinkEqualizationRequest", "Equalization is wanted.";
        RETIMER = 6, "Retimer", "There is a retimer.";
        TWO_RETIMERS = 7, "2Retimers", "There are two retimers.";
        DRS = 15, "DRS", "The device below reported that it is ready.";
    }
}

impl Link {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let (capabilities, control, status) = (at.u32(0x0c)?, at.u16(0x10)?, at.u16(0x12)?);
        Some(Self {
            capabilities: LinkCapabilities::of(capabilities),
            max_speed: Speed(field8(capabilities, 0, 4)),
            max_width: field8(capabilities, 4, 6),
            aspm_capable: Aspm::of(field8(capabilities, 10, 2)),
            l0s_exit_latency: field8(capabilities, 12, 3),
            l1_exit_latency: field8(capabilities, 15, 3),
            port_number: field8(capabilities, 24, 8),
            control: LinkControl::of(control),
            aspm: Aspm::of(field8(control.into(), 0, 2)),
            speed: Speed(field8(status.into(), 0, 4)),
            width: field8(status.into(), 4, 6),
            status: LinkStatus::of(status),
        })
    }
}

impl Link2 {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let (capabilities, control) = (at.u32(0x2c)?, at.u16(0x30)?);
        Some(Self {
            capabilities: LinkCapabilities2::of(capabilities),
            speeds: field8(capabilities, 1, 7),
            // A link that knows one speed may leave the field at 0.
            target_speed: Speed(field8(control.into(), 0, 4).max(1)),
            control: LinkControl2::of(control),
            status: LinkStatus2::of(at.u16(0x32)?),
        })
    }
}

impl Speed {
    /// Million transfers a second and lane; `None` for a code that no specification defines.
    #[must_use]
    pub const fn megatransfers(self) -> Option<u32> {
        Some(match self.0 {
            1 => 2_500,
            2 => 5_000,
            3 => 8_000,
            4 => 16_000,
            5 => 32_000,
            6 => 64_000,
            _ => return None,
        })
    }
}

impl fmt::Display for Speed {
    /// `2.5GT/s`, `8GT/s`, or `unknown`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.megatransfers() {
            None => f.write_str("unknown"),
            Some(rate) if rate % 1000 == 0 => write!(f, "{}GT/s", rate / 1000),
            Some(rate) => write!(f, "{}.{}GT/s", rate / 1000, rate % 1000 / 100),
        }
    }
}

impl fmt::Debug for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({self})", self.0)
    }
}

impl From<Speed> for String {
    fn from(speed: Speed) -> Self {
        speed.to_string()
    }
}

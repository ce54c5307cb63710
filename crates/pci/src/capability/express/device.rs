//! Device registers: what the function can do and may do.

use crate::bits::{field8, flags};
use crate::config::Registers;

/// Device capabilities, control and status (PCIe 6.0 §7.5.3.3–5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Device {
    /// What it can do.
    pub capabilities: DeviceCapabilities,
    /// Largest payload it can take, in bytes.
    pub max_payload_capable: u16,
    /// Phantom function bits: 0–3.
    pub phantom_functions: u8,
    /// Code of the latency it bears on leaving L0s: 0 below 64 ns, doubling, 7 without limit.
    pub l0s_latency: u8,
    /// Code of the latency it bears on leaving L1: 0 below 1 µs, doubling, 7 without limit.
    pub l1_latency: u8,
    /// Power its slot gives, in mW, as the port above told it.
    pub slot_power_mw: u32,
    /// What is switched on.
    pub control: DeviceControl,
    /// Largest payload it may send, in bytes.
    pub max_payload: u16,
    /// Largest read it may ask for, in bytes.
    pub max_read_request: u16,
    /// Status.
    pub status: DeviceStatus,
}

flags! {
    /// Device capabilities, less its numbers.
    DeviceCapabilities: u32 {
        EXTENDED_TAGS = 5, "ExtTag", "Can use 8-bit tags.";
        ATTENTION_BUTTON = 12, "AttnBtn", "The card has an attention button (PCIe 1.0a).";
        ATTENTION_INDICATOR = 13, "AttnInd", "The card has an attention light (PCIe 1.0a).";
        POWER_INDICATOR = 14, "PwrInd", "The card has a power light (PCIe 1.0a).";
        ROLE_BASED_ERRORS = 15, "RBE", "Reports errors by role.";
        FUNCTION_LEVEL_RESET = 28, "FLReset", "Can be reset on its own.";
    }
}

flags! {
    /// Device control, less its numbers.
    DeviceControl: u16 {
        CORRECTABLE = 0, "CorrErr", "Reports correctable errors.";
        NON_FATAL = 1, "NonFatalErr", "Reports errors that are not fatal.";
        FATAL = 2, "FatalErr", "Reports fatal errors.";
        UNSUPPORTED_REQUEST = 3, "UnsupReq", "Reports unsupported requests.";
        RELAXED_ORDERING = 4, "RlxdOrd", "May relax the order of its requests.";
        EXTENDED_TAGS = 8, "ExtTag", "May use 8-bit tags.";
        PHANTOM_FUNCTIONS = 9, "PhantFunc", "May use phantom functions.";
        AUX_POWER = 10, "AuxPwr", "May draw auxiliary power.";
        NO_SNOOP = 11, "NoSnoop", "May send requests that skip the caches.";
    }
}

flags! {
    /// Device status.
    DeviceStatus: u16 {
        CORRECTABLE = 0, "CorrErr", "A correctable error was seen.";
        NON_FATAL = 1, "NonFatalErr", "An error that was not fatal was seen.";
        FATAL = 2, "FatalErr", "A fatal error was seen.";
        UNSUPPORTED_REQUEST = 3, "UnsupReq", "An unsupported request was seen.";
        AUX_POWER = 4, "AuxPwr", "There is auxiliary power.";
        PENDING = 5, "TransPend", "Transactions are pending.";
    }
}

/// Device capabilities 2 and control 2 (PCIe 6.0 §7.5.3.15–16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Device2 {
    /// What it can do.
    pub capabilities: DeviceCapabilities2,
    /// Completion timeout ranges it has, as a set of bits A–D; 0 for none.
    pub timeout_ranges: u8,
    /// End-to-end prefixes it takes, where it takes any: 1–4.
    pub max_prefixes: u8,
    /// What is switched on.
    pub control: DeviceControl2,
    /// Completion timeout in use, as the register's code: 0 is 50 µs to 50 ms.
    pub timeout: u8,
}

flags! {
    /// Device capabilities 2, less its numbers.
    DeviceCapabilities2: u32 {
        TIMEOUT_DISABLE = 4, "TimeoutDis", "Can wait for completions for ever.";
        ARI_FORWARDING = 5, "ARIFwd", "Can forward to functions beyond 7.";
        ATOMIC_ROUTING = 6, "Routing", "Can route atomic operations.";
        ATOMIC_32 = 7, "32bit", "Can complete 32-bit atomic operations.";
        ATOMIC_64 = 8, "64bit", "Can complete 64-bit atomic operations.";
        CAS_128 = 9, "128bitCAS", "Can complete 128-bit compare and swap.";
        NO_RELAXED_PEER = 10, "NROPrPrP", "Never passes relaxed writes peer to peer.";
        LTR = 11, "LTR", "Can report the latency it bears.";
        TPH = 12, "TPHComp", "Takes processing hints.";
        EXTENDED_TPH = 13, "ExtTPHComp", "Takes extended processing hints.";
        TEN_BIT_TAG_COMPLETER = 16, "10BitTagComp", "Completes requests with 10-bit tags.";
        TEN_BIT_TAG_REQUESTER = 17, "10BitTagReq", "Can use 10-bit tags.";
        EXTENDED_FORMAT = 20, "ExtFmt", "Knows the three-bit format field.";
        PREFIXES = 21, "EETLPPrefix", "Takes end-to-end prefixes.";
        POWER_REDUCTION_INIT = 26, "EmergencyPowerReductionInit", "Starts anew after it.";
        FRS = 31, "FRS", "Can report that it is ready.";
    }
}

flags! {
    /// Device control 2, less its numbers.
    DeviceControl2: u16 {
        TIMEOUT_DISABLED = 4, "TimeoutDis", "Waits for completions for ever.";
        ARI_FORWARDING = 5, "ARIFwd", "Forwards to functions beyond 7.";
        ATOMIC_REQUESTER = 6, "ReqEn", "May start atomic operations.";
        ATOMIC_EGRESS_BLOCKED = 7, "EgressBlck", "Blocks atomic operations on the way out.";
        LTR = 10, "LTR", "Reports the latency it bears.";
        POWER_REDUCTION = 11, "EmergencyPowerReductionReq", "Is asked to save power.";
        TEN_BIT_TAGS = 12, "10BitTagReq", "May use 10-bit tags.";
    }
}

impl Device {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let (capabilities, control) = (at.u32(0x04)?, at.u16(0x08)?);
        Some(Self {
            capabilities: DeviceCapabilities::of(capabilities),
            max_payload_capable: 128 << field8(capabilities, 0, 3),
            phantom_functions: field8(capabilities, 3, 2),
            l0s_latency: field8(capabilities, 6, 3),
            l1_latency: field8(capabilities, 9, 3),
            slot_power_mw: slot_power_mw(field8(capabilities, 18, 8), field8(capabilities, 26, 2)),
            control: DeviceControl::of(control),
            max_payload: 128 << field8(control.into(), 5, 3),
            max_read_request: 128 << field8(control.into(), 12, 3),
            status: DeviceStatus::of(at.u16(0x0a)?),
        })
    }
}

impl Device2 {
    pub(crate) fn read(at: Registers<'_>) -> Option<Self> {
        let (capabilities, control) = (at.u32(0x24)?, at.u16(0x28)?);
        let prefixes = field8(capabilities, 22, 2);
        Some(Self {
            capabilities: DeviceCapabilities2::of(capabilities),
            timeout_ranges: field8(capabilities, 0, 4),
            max_prefixes: if prefixes == 0 { 4 } else { prefixes },
            control: DeviceControl2::of(control),
            timeout: field8(control.into(), 0, 4),
        })
    }
}

/// Watts times a power of ten; at scale 0, values from `f0` on stand for 250 W and each 25 W more
/// (PCIe 6.0 §7.5.3.9).
pub(super) fn slot_power_mw(value: u8, scale: u8) -> u32 {
    match (scale, value) {
        (0, 0xf0..) => 250_000 + u32::from(value - 0xf0) * 25_000,
        (0, value) => u32::from(value) * 1000,
        (1, value) => u32::from(value) * 100,
        (2, value) => u32::from(value) * 10,
        (_, value) => u32::from(value),
    }
}

//! Advanced error reporting (PCIe 6.0 §7.8.4).

use super::PortType;
use crate::bits::{field8, flags};
use crate::config::Registers;

/// The AER capability.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Aer {
    /// Uncorrectable errors that were seen.
    pub uncorrectable: Uncorrectable,
    /// Uncorrectable errors that are not reported.
    pub uncorrectable_mask: Uncorrectable,
    /// Uncorrectable errors that count as fatal.
    pub uncorrectable_severity: Uncorrectable,
    /// Correctable errors that were seen.
    pub correctable: Correctable,
    /// Correctable errors that are not reported.
    pub correctable_mask: Correctable,
    /// Bit number of the first error in `uncorrectable`.
    pub first_error: u8,
    /// What is switched on.
    pub control: AerControl,
    /// Header of the packet that the first error was about.
    pub header_log: [u32; 4],
    /// What only a root port or event collector has.
    pub root: Option<RootErrors>,
}

/// What a root port or event collector gathers from below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RootErrors {
    /// Which errors raise an interrupt.
    pub command: RootCommand,
    /// Which errors were reported.
    pub status: RootStatus,
    /// Message of the interrupt.
    pub interrupt_message: u8,
    /// Routing ID that reported the first correctable error.
    pub correctable_source: u16,
    /// Routing ID that reported the first uncorrectable error.
    pub uncorrectable_source: u16,
}

flags! {
    /// Uncorrectable errors.
    Uncorrectable: u32 {
        DATA_LINK_PROTOCOL = 4, "DLP", "Data link protocol error.";
        SURPRISE_DOWN = 5, "SDES", "The link went down unasked.";
        POISONED = 12, "TLP", "Poisoned packet received.";
        FLOW_CONTROL = 13, "FCP", "Flow control protocol error.";
        COMPLETION_TIMEOUT = 14, "CmpltTO", "A completion never came.";
        COMPLETER_ABORT = 15, "CmpltAbrt", "Refused a request.";
        UNEXPECTED_COMPLETION = 16, "UnxCmplt", "A completion nobody asked for.";
        RECEIVER_OVERFLOW = 17, "RxOF", "Receive buffer overflow.";
        MALFORMED = 18, "MalfTLP", "Malformed packet.";
        ECRC = 19, "ECRC", "End-to-end checksum error.";
        UNSUPPORTED_REQUEST = 20, "UnsupReq", "Unsupported request.";
        ACS_VIOLATION = 21, "ACSViol", "A request broke access control.";
        INTERNAL = 22, "UncorrIntErr", "Internal error.";
        MULTICAST_BLOCKED = 23, "BlockedTLP", "Multicast packet blocked.";
        ATOMIC_BLOCKED = 24, "AtomicOpBlocked", "Atomic operation blocked on the way out.";
        PREFIX_BLOCKED = 25, "TLPBlockedErr", "Packet prefix blocked.";
        POISON_BLOCKED = 26, "PoisonTLPBlocked", "Poisoned packet blocked on the way out.";
        DMWR_BLOCKED = 27, "DMWrReqBlocked", "Deferrable write blocked on the way out.";
        IDE_CHECK = 28, "IDECheck", "Encrypted packet failed its check.";
        MISROUTED_IDE = 29, "MisIDETLP", "Encrypted packet went astray.";
        PCRC_CHECK = 30, "PCRC_CHECK", "Encrypted packet's inner checksum failed.";
        TRANSLATION_BLOCKED = 31, "TLPXlatBlocked", "Translation blocked on the way out.";
    }
}

flags! {
    /// Correctable errors.
    Correctable: u32 {
        RECEIVER = 0, "RxErr", "Receiver error.";
        BAD_TLP = 6, "BadTLP", "Bad packet.";
        BAD_DLLP = 7, "BadDLLP", "Bad data link packet.";
        REPLAY_ROLLOVER = 8, "Rollover", "Replayed too often.";
        REPLAY_TIMEOUT = 12, "Timeout", "Replay timer ran out.";
        ADVISORY = 13, "AdvNonFatalErr", "Uncorrectable error of little harm.";
        INTERNAL = 14, "CorrIntErr", "Internal error, corrected.";
        LOG_OVERFLOW = 15, "HeaderOF", "Header log overflow.";
    }
}

flags! {
    /// Error capabilities and control, less the first error.
    AerControl: u32 {
        ECRC_GENERATE_CAPABLE = 5, "ECRCGenCap", "Can send end-to-end checksums.";
        ECRC_GENERATE = 6, "ECRCGenEn", "Sends them.";
        ECRC_CHECK_CAPABLE = 7, "ECRCChkCap", "Can check end-to-end checksums.";
        ECRC_CHECK = 8, "ECRCChkEn", "Checks them.";
        MULTIPLE_HEADERS_CAPABLE = 9, "MultHdrRecCap", "Can log more headers than one.";
        MULTIPLE_HEADERS = 10, "MultHdrRecEn", "Logs more headers than one.";
        PREFIX_LOG_PRESENT = 11, "TLPPfxPres", "The prefix log is filled.";
        COMPLETION_LOG_CAPABLE = 12, "HdrLogCap", "Logs headers of completions that timed out.";
    }
}

flags! {
    /// Root error command.
    RootCommand: u32 {
        CORRECTABLE = 0, "CERptEn", "Correctable errors raise an interrupt.";
        NON_FATAL = 1, "NFERptEn", "Errors that are not fatal raise an interrupt.";
        FATAL = 2, "FERptEn", "Fatal errors raise an interrupt.";
    }
}

flags! {
    /// Root error status.
    RootStatus: u32 {
        CORRECTABLE = 0, "CERcvd", "A correctable error was reported.";
        MULTIPLE_CORRECTABLE = 1, "MultCERcvd", "More than one.";
        UNCORRECTABLE = 2, "UERcvd", "An uncorrectable error was reported.";
        MULTIPLE_UNCORRECTABLE = 3, "MultUERcvd", "More than one.";
        FIRST_FATAL = 4, "FirstFatal", "The first uncorrectable error was fatal.";
        NON_FATAL = 5, "NonFatalMsg", "An error that was not fatal was reported.";
        FATAL = 6, "FatalMsg", "A fatal error was reported.";
    }
}

impl Aer {
    pub(crate) fn read(at: Registers<'_>, port: Option<PortType>) -> Option<Self> {
        let control = at.u32(0x18)?;
        let mut header_log = [0; 4];
        for (offset, entry) in (0x1c..).step_by(4).zip(&mut header_log) {
            *entry = at.u32(offset)?;
        }
        Some(Self {
            uncorrectable: Uncorrectable::of(at.u32(0x04)?),
            uncorrectable_mask: Uncorrectable::of(at.u32(0x08)?),
            uncorrectable_severity: Uncorrectable::of(at.u32(0x0c)?),
            correctable: Correctable::of(at.u32(0x10)?),
            correctable_mask: Correctable::of(at.u32(0x14)?),
            first_error: field8(control, 0, 5),
            control: AerControl::of(control),
            header_log,
            root: match port {
                Some(PortType::RootPort | PortType::EventCollector) => Some(RootErrors::read(at)?),
                _ => None,
            },
        })
    }

    pub(crate) const fn len(&self) -> u16 {
        if self.root.is_some() { 0x38 } else { 0x2c }
    }
}

impl RootErrors {
    fn read(at: Registers<'_>) -> Option<Self> {
        let status = at.u32(0x30)?;
        Some(Self {
            command: RootCommand::of(at.u32(0x2c)?),
            status: RootStatus::of(status),
            interrupt_message: field8(status, 27, 5),
            correctable_source: at.u16(0x34)?,
            uncorrectable_source: at.u16(0x36)?,
        })
    }
}

//! The walk along both capability lists, over bytes that may be anything.
//!
//! A list is a chain of offsets, which a broken or hostile function can tie into a loop, point
//! into its header or at misaligned places, or lay over one another. Each place is visited once,
//! so the walk ends; what was odd is told beside what was found.

use std::fmt;

use crate::capability::{
    Acs, Aer, Ari, Ats, Capability, CapabilityId, Context, Express, Msi, MsiX, PortType,
    PowerManagement, SerialNumber, Sriov,
};
use crate::config::{ConfigSpace, EXTENDED_LEN, Registers, STANDARD_LEN};
use crate::header::Status;

/// Where the list pointer is (PCI 3.0 §6.7); a CardBus bridge has it elsewhere.
const LIST_POINTER: u16 = 0x34;
const CARDBUS_LIST_POINTER: u16 = 0x14;
/// First byte after the header, before which no capability can be.
const FIRST_STANDARD: u16 = 0x40;
/// Where the extended list starts, always.
const FIRST_EXTENDED: u16 = 0x100;

/// What a walk found, what was odd, and how far it could see.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Walk {
    /// Capabilities in the order of their lists, the standard list first.
    pub found: Vec<Found>,
    /// What no specification allows.
    pub oddities: Vec<Oddity>,
    /// Why the standard list could not be followed to its end.
    pub standard_cut: Option<Cut>,
    /// Why the extended list could not be followed to its end.
    pub extended_cut: Option<Cut>,
}

/// One capability.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Found {
    /// Which one it is.
    pub id: CapabilityId,
    /// Where its first byte is.
    pub offset: u16,
    /// Version, which only extended capabilities have here.
    pub version: Option<u8>,
    /// What it says.
    pub body: Capability,
}

/// Why a list could not be followed to its end. A capability that was not found may then still be
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Cut {
    /// The list goes on at `at`, past the bytes that were read. With 64 bytes read: the reader had
    /// no `CAP_SYS_ADMIN`; with 256, the machine has no access to extended config space.
    BytesMissing {
        /// Offset that would have been next.
        at: u16,
    },
    /// The function answers nothing but ones: it is gone, or asleep.
    Silent,
    /// The chain is broken at `at`; see the oddities.
    Broken {
        /// Offset of the capability, or pointer, that is broken.
        at: u16,
    },
}

/// Something in the lists that no specification allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Oddity {
    /// The chain comes back to a place where it was before.
    Loop {
        /// The capability that points back.
        from: u16,
        /// Where it points.
        to: u16,
    },
    /// A pointer's two low bits are set; they were taken as zero.
    Misaligned {
        /// Where the pointer is.
        from: u16,
        /// What it says.
        pointer: u16,
    },
    /// A pointer leads to where no capability of its list can be.
    OutOfPlace {
        /// The capability that points there, or the list pointer in the header.
        from: u16,
        /// Where it points.
        to: u16,
    },
    /// A capability reads all ones.
    AllOnes {
        /// Where.
        at: u16,
    },
    /// Two capabilities lay claim to the same bytes.
    Overlap {
        /// The one that starts first.
        first: u16,
        /// The one that starts within it.
        second: u16,
    },
    /// A capability reaches past the end of the space its list belongs to.
    Overrun {
        /// Where it starts.
        at: u16,
    },
    /// A capability that a function has once at most is there again.
    Twice {
        /// Where it is the second time.
        at: u16,
        /// Which one.
        id: CapabilityId,
    },
}

/// What a walk says about one capability. "Not there" and "could not be seen" differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "seen", content = "value", rename_all = "snake_case")]
pub enum Looked<T> {
    /// It is there.
    Found(T),
    /// The whole list was read; it is not there.
    Absent,
    /// The list, or the capability itself, could not be read to the end: it may be there.
    NotVisible(Cut),
}

impl<T> Looked<T> {
    /// The value, if it was found. Forgets whether it is absent or was not visible.
    #[must_use]
    pub fn found(self) -> Option<T> {
        match self {
            Self::Found(value) => Some(value),
            Self::Absent | Self::NotVisible(_) => None,
        }
    }

    /// The same look at a part of the value.
    #[must_use]
    pub fn map<U>(self, part: impl FnOnce(T) -> U) -> Looked<U> {
        match self {
            Self::Found(value) => Looked::Found(part(value)),
            Self::Absent => Looked::Absent,
            Self::NotVisible(cut) => Looked::NotVisible(cut),
        }
    }
}

impl<T: Clone> Looked<&T> {
    /// The same look, at a value of its own.
    #[must_use]
    pub fn cloned(self) -> Looked<T> {
        self.map(T::clone)
    }
}

macro_rules! looks {
    ($($(#[$doc:meta])* $look:ident: $id:ident, $variant:ident -> $type:ty;)+) => {
        impl Walk {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $look(&self) -> Looked<&$type> {
                    self.look(CapabilityId::$id, |body| match body {
                        Capability::$variant(value) => {
                            let value: &$type = value;
                            Some(value)
                        }
                        _ => None,
                    })
                }
            )+
        }
    };
}

looks! {
    /// Power management.
    power_management: POWER_MANAGEMENT, PowerManagement -> PowerManagement;
    /// MSI.
    msi: MSI, Msi -> Msi;
    /// MSI-X.
    msi_x: MSI_X, MsiX -> MsiX;
    /// PCI Express.
    express: EXPRESS, Express -> Express;
    /// Advanced error reporting.
    aer: AER, Aer -> Aer;
    /// Device serial number.
    serial_number: SERIAL_NUMBER, SerialNumber -> SerialNumber;
    /// Access control services; see [`AcsLayout`](crate::AcsLayout) for ports that pack it their
    /// own way.
    acs: ACS, Acs -> Acs;
    /// Alternative routing-ID interpretation.
    ari: ARI, Ari -> Ari;
    /// Address translation services.
    ats: ATS, Ats -> Ats;
    /// SR-IOV.
    sriov: SRIOV, Sriov -> Sriov;
}

impl Walk {
    /// The first capability with this id, decoded or not.
    #[must_use]
    pub fn first(&self, id: CapabilityId) -> Looked<&Found> {
        match self.found.iter().find(|found| found.id == id) {
            Some(found) => Looked::Found(found),
            None => self.cut(id).map_or(Looked::Absent, Looked::NotVisible),
        }
    }

    fn look<'a, T>(
        &'a self,
        id: CapabilityId,
        pick: impl Fn(&'a Capability) -> Option<&'a T>,
    ) -> Looked<&'a T> {
        match self.first(id) {
            Looked::Found(found) => pick(&found.body)
                .map_or(Looked::NotVisible(Cut::BytesMissing { at: found.offset }), Looked::Found),
            Looked::Absent => Looked::Absent,
            Looked::NotVisible(cut) => Looked::NotVisible(cut),
        }
    }

    fn cut(&self, id: CapabilityId) -> Option<Cut> {
        match id {
            CapabilityId::Standard(_) => self.standard_cut,
            CapabilityId::Extended(_) => self.extended_cut,
        }
    }
}

pub(crate) fn walk(config: &ConfigSpace) -> Walk {
    let mut walker = Walker::new(config);
    if config.is_silent() {
        walker.walk.standard_cut = Some(Cut::Silent);
        walker.walk.extended_cut = Some(Cut::Silent);
        return walker.walk;
    }
    walker.walk.standard_cut = walker.standard();
    walker.walk.extended_cut = walker.extended();
    walker.compare();
    walker.walk
}

struct Walker<'a> {
    config: &'a ConfigSpace,
    context: Context,
    visited: Visited,
    walk: Walk,
}

impl<'a> Walker<'a> {
    fn new(config: &'a ConfigSpace) -> Self {
        let vendor = config.u16_at(0).unwrap_or_default();
        let device = config.u16_at(2).unwrap_or_default();
        Self {
            config,
            context: Context { port: None, vendor, device },
            visited: Visited::default(),
            walk: Walk {
                found: Vec::new(),
                oddities: Vec::new(),
                standard_cut: None,
                extended_cut: None,
            },
        }
    }

    /// Follows the list that starts in the header; says why if not to its end.
    fn standard(&mut self) -> Option<Cut> {
        let missing = |at: u16| Some(Cut::BytesMissing { at });
        let Some(status) = self.config.u16_at(0x06) else { return missing(0x06) };
        if !Status::of(status).has(Status::CAPABILITIES) {
            return None;
        }
        let pointer_at = self.list_pointer();
        let Some(pointer) = self.config.u8_at(pointer_at.into()) else {
            return missing(pointer_at);
        };
        let (mut from, mut next) = (pointer_at, self.aligned(pointer_at, pointer.into()));
        while next != 0 {
            if let Some(cut) = self.step_to(from, next, FIRST_STANDARD) {
                return Some(cut);
            }
            let Some(head) = self.config.u16_at(next.into()) else { return missing(next) };
            let [id, pointer] = head.to_le_bytes();
            if id == 0xff {
                return Some(self.all_ones(next));
            }
            self.found(CapabilityId::Standard(id), next, None);
            (from, next) = (next, self.aligned(next, pointer.into()));
        }
        None
    }

    fn list_pointer(&self) -> u16 {
        const CARDBUS: u8 = 2;
        let cardbus = self.config.u8_at(0x0e).is_some_and(|kind| kind & 0x7f == CARDBUS);
        if cardbus { CARDBUS_LIST_POINTER } else { LIST_POINTER }
    }

    /// Follows the list that starts at 0x100; says why if not to its end.
    fn extended(&mut self) -> Option<Cut> {
        let (mut from, mut next) = (FIRST_EXTENDED, FIRST_EXTENDED);
        if self.config.u32_at(next.into()).is_none() && !self.may_be_extended() {
            return None;
        }
        while next != 0 {
            if let Some(cut) = self.step_to(from, next, FIRST_EXTENDED) {
                return Some(cut);
            }
            let Some(head) = self.config.u32_at(next.into()) else {
                return Some(Cut::BytesMissing { at: next });
            };
            match head {
                0 => return None,
                // Ones at the start are how an absent list reads; later they break the chain.
                u32::MAX if next == FIRST_EXTENDED => return None,
                u32::MAX => return Some(self.all_ones(next)),
                _ => {}
            }
            let [low, high, version, _] = head.to_le_bytes();
            let id = CapabilityId::Extended(u16::from_le_bytes([low, high]));
            self.found(id, next, Some(version & 0xf));
            let pointer = crate::bits::field16(head, 20, 12);
            (from, next) = (next, self.aligned(next, pointer));
        }
        None
    }

    /// Whether an extended space is there although its bytes are not. A conventional function has
    /// none, and the kernel then offers 256 bytes.
    fn may_be_extended(&self) -> bool {
        let express = self.walk.found.iter().any(|found| found.id == CapabilityId::EXPRESS);
        express || self.walk.standard_cut.is_some()
    }

    /// Judges the way from the capability at `from` to `to`.
    fn step_to(&mut self, from: u16, to: u16, lowest: u16) -> Option<Cut> {
        let oddity = if to < lowest {
            Oddity::OutOfPlace { from, to }
        } else if self.visited.again(to) {
            Oddity::Loop { from, to }
        } else {
            return None;
        };
        self.walk.oddities.push(oddity);
        Some(Cut::Broken { at: from })
    }

    fn aligned(&mut self, from: u16, pointer: u16) -> u16 {
        if pointer & 3 != 0 {
            self.walk.oddities.push(Oddity::Misaligned { from, pointer });
        }
        pointer & !3
    }

    fn all_ones(&mut self, at: u16) -> Cut {
        self.walk.oddities.push(Oddity::AllOnes { at });
        Cut::Broken { at }
    }

    fn found(&mut self, id: CapabilityId, offset: u16, version: Option<u8>) {
        let registers = Registers::new(self.config, offset);
        if id == CapabilityId::EXPRESS {
            self.context.port = registers.u16(0x02).map(PortType::of);
        }
        let body = Capability::read(id, registers, self.context);
        self.walk.found.push(Found { id, offset, version, body });
    }

    /// Looks for capabilities that lie over one another, past their space, or are there twice.
    fn compare(&mut self) {
        let mut spans: Vec<_> = self.walk.found.iter().map(Span::of).collect();
        spans.sort_unstable_by_key(|span| span.start);
        for span in &spans {
            if span.end > span.space_end() {
                self.walk.oddities.push(Oddity::Overrun { at: span.start });
            }
        }
        for pair in spans.windows(2) {
            if usize::from(pair[1].start) < pair[0].end {
                let (first, second) = (pair[0].start, pair[1].start);
                self.walk.oddities.push(Oddity::Overlap { first, second });
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        for found in &self.walk.found {
            if is_single(found.id) && !seen.insert(found.id) {
                self.walk.oddities.push(Oddity::Twice { at: found.offset, id: found.id });
            }
        }
    }
}

/// Those that virtfn judges by: a second one would make the first look a matter of luck.
fn is_single(id: CapabilityId) -> bool {
    const SINGLE: [CapabilityId; 10] = [
        CapabilityId::POWER_MANAGEMENT,
        CapabilityId::MSI,
        CapabilityId::EXPRESS,
        CapabilityId::MSI_X,
        CapabilityId::AER,
        CapabilityId::SERIAL_NUMBER,
        CapabilityId::ACS,
        CapabilityId::ARI,
        CapabilityId::ATS,
        CapabilityId::SRIOV,
    ];
    SINGLE.contains(&id)
}

/// The bytes of one capability, as far as they are known.
struct Span {
    start: u16,
    end: usize,
}

impl Span {
    fn of(found: &Found) -> Self {
        const HEAD: u16 = 4;
        let len = found.body.span().unwrap_or(HEAD).max(HEAD);
        Self { start: found.offset, end: usize::from(found.offset) + usize::from(len) }
    }

    fn space_end(&self) -> usize {
        if self.start < FIRST_EXTENDED { STANDARD_LEN } else { EXTENDED_LEN }
    }
}

/// Which double words of the config space the walk has been at.
#[derive(Default)]
struct Visited([u64; 16]);

impl Visited {
    /// Whether `offset` was visited before; it is from now on.
    fn again(&mut self, offset: u16) -> bool {
        let word = usize::from(offset / 4);
        let (slot, bit) = (&mut self.0[word / 64 % 16], 1 << (word % 64));
        let before = *slot & bit != 0;
        *slot |= bit;
        before
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BytesMissing { at } => {
                write!(f, "config space goes on at {at:#x}, past what could be read")
            }
            Self::Silent => f.write_str("config space reads all ones"),
            Self::Broken { at } => write!(f, "the capability list is broken at {at:#x}"),
        }
    }
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loop { from, to } => {
                write!(f, "the capability at {from:#x} points back to {to:#x}")
            }
            Self::Misaligned { from, pointer } => {
                write!(f, "the pointer at {from:#x} is not aligned: {pointer:#x}")
            }
            Self::OutOfPlace { from, to } => {
                write!(f, "the pointer at {from:#x} leads to {to:#x}, where no capability can be")
            }
            Self::AllOnes { at } => write!(f, "the capability at {at:#x} reads all ones"),
            Self::Overlap { first, second } => {
                write!(f, "the capabilities at {first:#x} and {second:#x} overlap")
            }
            Self::Overrun { at } => {
                write!(f, "the capability at {at:#x} reaches past the end of its space")
            }
            Self::Twice { at, id } => write!(f, "{id} is there a second time, at {at:#x}"),
        }
    }
}

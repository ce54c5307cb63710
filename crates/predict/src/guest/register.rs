//! Registers: bytes that share a name and a fate.

use virtfn_pci::CapabilityId;

use super::byte::{Bits, Byte};
use super::rule::Rule;

/// A register, or a longer range of bytes with one fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Its first byte.
    pub at: u16,
    /// Bytes.
    pub len: u16,
    /// What it belongs to.
    pub place: Place,
    /// What its specification calls it.
    pub name: &'static str,
    /// The bits that VFIO's copy answers when it is read; the hardware answers the others.
    pub copy: Bits,
    /// The bits whose writes reach the hardware as they are.
    pub straight: Bits,
    /// The bits whose writes stay in VFIO's copy.
    pub kept: Bits,
    /// The bits at whose writing the kernel does something of its own.
    pub acted: Bits,
    /// Why, where it may surprise.
    pub why: Option<&'static str>,
    /// The kernel's functions or table that say so.
    pub by: &'static str,
}

/// What a register belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The first 64 bytes.
    Header,
    /// A capability that the guest finds in its list.
    Capability(CapabilityId),
    /// A capability that VFIO leaves out of the guest's list.
    Hidden(CapabilityId),
    /// No capability.
    Nobody,
}

/// How far a guest reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Reads and writes go straight to the hardware.
    Straight,
    /// Some bits do, or the kernel does what was asked in its own way.
    Filtered,
    /// It is read from the hardware, in part at least; writing changes nothing.
    ReadOnly,
    /// It is VFIO's own copy.
    Copy,
}

impl Register {
    /// How far a guest reaches here.
    #[must_use]
    pub fn reach(&self) -> Reach {
        match (self.straight, self.acted, self.copy) {
            (Bits::All, Bits::None, Bits::None) => Reach::Straight,
            (Bits::None, Bits::None, Bits::All) => Reach::Copy,
            (Bits::None, Bits::None, _) if !self.kept.any() => Reach::ReadOnly,
            _ => Reach::Filtered,
        }
    }

    /// Of these bytes, which start at `at`.
    pub(super) fn of(at: u16, place: Place, label: Label, bytes: &[Byte]) -> Self {
        let bits = |of: fn(&Byte) -> u8| Bits::of(bytes.iter().map(of));
        Self {
            at,
            len: u16::try_from(bytes.len()).unwrap_or(u16::MAX),
            place,
            name: label.name,
            copy: bits(|byte| byte.copy),
            straight: bits(|byte| byte.straight),
            kept: bits(|byte| byte.kept),
            acted: bits(|byte| byte.acted),
            why: label.why,
            by: label.by,
        }
    }
}

/// What a register is called, and who says what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label {
    /// Which one of its owner's registers; bytes with the same are one register.
    pub(super) number: usize,
    pub(super) name: &'static str,
    pub(super) why: Option<&'static str>,
    pub(super) by: &'static str,
}

/// How a capability begins: the bytes that the kernel answers by itself, so that it can leave others
/// out of the list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// The header has none.
    None,
    /// Id and next pointer; the pointer is the copy's.
    Standard,
    /// Id, version and next pointer; all of it is the copy's.
    Extended,
}

impl Head {
    const fn len(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Standard => 2,
            Self::Extended => 4,
        }
    }

    const fn is_virtual(self, offset: u16) -> bool {
        match self {
            Self::None => false,
            Self::Standard => offset == 1,
            Self::Extended => offset < 4,
        }
    }
}

/// The permissions that the kernel has for one kind of capability.
#[derive(Clone, Copy)]
pub(super) struct Permissions {
    kind: Kind,
    by: &'static str,
    rules: &'static [Rule],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It has a table of bits.
    Bits,
    /// Read from the hardware but for where the list goes on (`vfio_direct_config_read`); not written.
    Direct,
    /// The same, and written straight (`vfio_raw_config_write`).
    Raw,
}

const RAW_WHY: &str = "only the device's maker knows what is written here";

impl Permissions {
    pub(super) const fn bits(by: &'static str, rules: &'static [Rule]) -> Self {
        Self { kind: Kind::Bits, by, rules }
    }

    pub(super) const fn direct(rules: &'static [Rule]) -> Self {
        Self { kind: Kind::Direct, by: "vfio_direct_config_read", rules }
    }

    pub(super) const fn raw(by: &'static str) -> Self {
        Self { kind: Kind::Raw, by, rules: &[] }
    }

    /// What becomes of the byte at `offset` from the capability's start.
    pub(super) fn byte(&self, offset: u16, head: Head) -> Byte {
        let copy = if head.is_virtual(offset) { 0xff } else { 0 };
        match self.kind {
            Kind::Bits => self.rule(offset).map(|(_, rule)| rule.byte(offset)).unwrap_or_default(),
            Kind::Direct => Byte { copy, ..Byte::default() },
            Kind::Raw => Byte { copy, ..Byte::RAW },
        }
    }

    /// What it is called.
    pub(super) fn label(&self, offset: u16, head: Head) -> Label {
        let label = |number, name, why| Label { number, name, why, by: self.by };
        match self.rule(offset) {
            Some((number, rule)) => label(number, rule.name, rule.why),
            None if offset < head.len() => label(usize::MAX - 1, "id and next", None),
            None if self.kind == Kind::Raw => label(usize::MAX, "registers", Some(RAW_WHY)),
            None => label(usize::MAX, "registers", None),
        }
    }

    fn rule(&self, offset: u16) -> Option<(usize, &'static Rule)> {
        self.rules.iter().enumerate().find(|(_, rule)| rule.holds(offset))
    }
}

//! What a walk along the capability lists found, what was odd, and how far it could see.

use std::fmt;

use crate::capability::{
    Acs, Aer, Ari, Ats, Capability, CapabilityId, Express, Msi, MsiX, PowerManagement,
    SerialNumber, Sriov,
};

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

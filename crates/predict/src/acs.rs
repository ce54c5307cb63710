//! Whether one function keeps requests apart: the kernel's `pci_acs_enabled`.

use std::fmt;

use virtfn_host::{Function, Host, Reason, Seen, Unreadable};
use virtfn_pci::{AcsFlags, Address, Looked, Walk};

use crate::kind::{Kind, is_multifunction};
use crate::parameters;
use crate::quirks::{self, Quirk};

/// Whether one function keeps requests apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acs {
    /// It does.
    Isolates(Ground),
    /// It does not.
    Lacks {
        /// Why not.
        lack: Lack,
        /// The services it would need; empty where no service could mend it.
        missing: AcsFlags,
    },
    /// What it does could not be seen.
    Unseen(Unseen),
}

/// On what ground a function counts as isolating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// These services are on.
    On(AcsFlags),
    /// It has these services, and the kernel switches them on with the IOMMU.
    WillBeOn(AcsFlags),
    /// It is the only function of its device, or the only one that the kernel would merge.
    Alone,
    /// The kernel knows this chip.
    Quirk(&'static str),
}

/// Why a function does not isolate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It has no ACS capability.
    NoCapability,
    /// It has the services, and some are off.
    SwitchedOff,
    /// It shares its device with other functions and nothing keeps them apart.
    SharedDevice,
    /// Its bus is conventional PCI, where requests do not say who sent them.
    Conventional,
    /// An event collector never isolates.
    EventCollector,
    /// The kernel knows that this chip does not.
    Quirk(&'static str),
    /// Its requests carry the name of the controller that its domain hangs on (Intel VMD).
    BehindController,
}

/// What could not be seen, and of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// The function.
    pub address: Address,
    /// Which file, and what stood in the way.
    pub unreadable: Unreadable,
}

impl Unseen {
    /// Config space that was not read, or not far enough.
    pub(crate) fn config(function: &Function) -> Self {
        let why = match &function.config {
            Seen::Unreadable(unreadable) => unreadable.why.clone(),
            Seen::Known(config) if config.is_silent() => {
                Reason::Failed("the function does not answer".into())
            }
            // 64 bytes are what the kernel gives a reader without CAP_SYS_ADMIN.
            Seen::Known(config) if config.len() <= virtfn_pci::HEADER_LEN => Reason::NotPermitted,
            Seen::Known(_) => Reason::CutShort,
            Seen::Absent => Reason::Failed("not there".into()),
        };
        Self { address: function.address, unreadable: Unreadable { path: path(function), why } }
    }

    /// Config space that was read, and does not answer the question.
    pub(crate) fn because(function: &Function, why: Reason) -> Self {
        Self { address: function.address, unreadable: Unreadable { path: path(function), why } }
    }

    /// A bridge that the tree names and the list of functions has not.
    pub(crate) fn missing(address: Address) -> Self {
        let path = format!("sys/bus/pci/devices/{address}");
        let why = Reason::Failed("not there".into());
        Self { address, unreadable: Unreadable { path, why } }
    }
}

fn path(function: &Function) -> String {
    format!("sys/bus/pci/devices/{}/config", function.address)
}

/// Judges a port or bridge, or a function among those of its device.
#[must_use]
pub fn judge(host: &Host, function: &Function) -> Acs {
    match look(host, function) {
        Ok(acs) => acs,
        Err(unseen) => Acs::Unseen(unseen),
    }
}

/// The kernel's order: what it knows of the chip, then the kind, then the registers.
fn look(host: &Host, function: &Function) -> Result<Acs, Unseen> {
    match quirks::of(host, function, None) {
        Quirk::Isolates(note) => return Ok(Acs::Isolates(Ground::Quirk(note))),
        Quirk::Never(note) => return Ok(lacks(Lack::Quirk(note), AcsFlags::ISOLATION)),
        Quirk::None | Quirk::DependsOnKind => {}
    }
    let walk = match &function.config {
        Seen::Known(config) => config.capabilities(),
        Seen::Absent | Seen::Unreadable(_) => return Err(Unseen::config(function)),
    };
    let kind = Kind::of(function, &walk)?;
    match quirks::of(host, function, Some(kind)) {
        Quirk::Isolates(note) => return Ok(Acs::Isolates(Ground::Quirk(note))),
        Quirk::Never(note) => return Ok(lacks(Lack::Quirk(note), AcsFlags::ISOLATION)),
        Quirk::None | Quirk::DependsOnKind => {}
    }
    match kind {
        Kind::Conventional | Kind::PciBridge => Ok(lacks(Lack::Conventional, AcsFlags::default())),
        Kind::EventCollector => Ok(lacks(Lack::EventCollector, AcsFlags::default())),
        Kind::RootPort | Kind::DownstreamPort => registers(host, function, &walk),
        _ if kind.may_stand_alone() && is_multifunction(function)? => {
            registers(host, function, &walk)
        }
        _ => Ok(Acs::Isolates(Ground::Alone)),
    }
}

/// What the capability's registers say. A service that the port cannot do is taken as not needed,
/// as the kernel takes it: it is hard-wired, or makes no sense there.
fn registers(host: &Host, function: &Function, walk: &Walk) -> Result<Acs, Unseen> {
    let acs = match walk.acs() {
        Looked::Found(acs) => acs,
        Looked::Absent => return Ok(lacks(Lack::NoCapability, AcsFlags::ISOLATION)),
        Looked::NotVisible(_) => return Err(Unseen::config(function)),
    };
    let needed = AcsFlags::ISOLATION.common(acs.capability);
    let missing = needed.without(acs.control);
    Ok(if missing.is_empty() {
        Acs::Isolates(Ground::On(needed))
    } else if !translates(host) {
        // The kernel switches ACS on when an IOMMU asks for it, and leaves it alone else.
        let missing = needed.without(parameters::left_on(host, function, needed));
        if missing.is_empty() {
            Acs::Isolates(Ground::WillBeOn(needed))
        } else {
            lacks(Lack::SwitchedOff, missing)
        }
    } else {
        lacks(Lack::SwitchedOff, missing)
    })
}

const fn lacks(lack: Lack, missing: AcsFlags) -> Acs {
    Acs::Lacks { lack, missing }
}

/// Does an IOMMU translate anything here? Asked for every port, so it looks at no function: the
/// kernel makes groups only for what is behind an IOMMU, but for those that VFIO makes up.
fn translates(host: &Host) -> bool {
    let runs = matches!(&host.kernel.iommus, Seen::Known(iommus) if !iommus.is_empty());
    runs || host.groups.values().any(|group| !group.is_noiommu())
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCapability => "has no ACS",
            Self::SwitchedOff => "has ACS, but not all of it is on",
            Self::SharedDevice => "shares its device with functions that no ACS keeps apart",
            Self::Conventional => {
                "speaks conventional PCI, where requests do not say who sent them"
            }
            Self::EventCollector => "is an event collector, which never isolates",
            Self::Quirk(note) => {
                return write!(f, "is known to the kernel not to isolate ({note})");
            }
            Self::BehindController => {
                "hangs on a controller that sends its requests under its own name"
            }
        })
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |flags: &AcsFlags| flags.names().collect::<Vec<_>>().join(" ");
        match self {
            Self::On(flags) if flags.is_empty() => f.write_str("ACS has nothing to redirect"),
            Self::On(flags) => write!(f, "{} on", list(flags)),
            Self::WillBeOn(flags) => write!(f, "{}, on once the IOMMU is", list(flags)),
            Self::Alone => f.write_str("no other function beside it"),
            Self::Quirk(note) => write!(f, "isolates without ACS: {note}"),
        }
    }
}

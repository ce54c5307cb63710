//! `virtfn show --guest`: what a guest reaches of one function.

mod beyond;
mod text;

use std::fmt::Write as _;

use serde::Serialize;
use virtfn_doctor::Verdict;
use virtfn_host::{Cpu, Function, Host, Role};
use virtfn_pci::{Address, ConfigSpace};
use virtfn_predict::{Access, Holds, NoView, Place, Reach, Rules, Table, View, guest_view};

use crate::Document;
use crate::list::Kind;
use crate::unseen::Unseen;

/// `virtfn.guest/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Guest {
    schema: &'static str,
    /// Its full address.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub address: Address,
    /// What it is.
    pub kind: Kind,
    /// What people call it.
    pub name: String,
    /// Whose rules these are: `Linux 6.12`.
    pub rules: String,
    /// The kernel that runs here; `null` where that could not be seen.
    pub kernel: Option<String>,
    /// How many bytes of config space could be seen.
    pub seen_bytes: usize,
    /// Were these all?
    pub whole: bool,
    /// How many registers of capabilities and header a guest reaches how far, of the bytes that were
    /// seen; `null` where none were.
    pub counts: Option<Counts>,
    /// How many bytes are no listed capability's, and so read and written straight; `null` where
    /// config space was not seen whole.
    pub open_bytes: Option<usize>,
    /// Config space from its first byte on, register by register; every byte is in one.
    pub registers: Vec<Register>,
    /// The capabilities that are left out of the guest's list.
    pub hidden: Vec<Left>,
    /// Its BARs and ROM; `null` where they could not be seen.
    pub regions: Option<Vec<Region>>,
    /// What a guest reaches beside them.
    pub beyond: Vec<Note>,
    /// What belongs here and could not be seen.
    pub unseen: Vec<Unseen>,
}

impl Document for Guest {
    const SCHEMA: &'static str = "virtfn.guest/1";
}

/// How many registers there are of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Counts {
    /// Read and written straight in the hardware.
    pub straight: usize,
    /// Some bits are, or the kernel does what was asked in its own way.
    pub filtered: usize,
    /// Read from the hardware, not written.
    pub read_only: usize,
    /// VFIO's own copy.
    pub copy: usize,
}

/// A register, or a longer range with one fate. Masks are `none`, `all` or hexadecimal.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Register {
    /// Its first byte.
    pub at: u16,
    /// Bytes.
    pub len: u16,
    /// What it belongs to: `header`, `capability`, `hidden` (a capability left out of the list),
    /// `none`.
    pub place: &'static str,
    /// The capability.
    pub capability: Option<String>,
    /// What it is called.
    pub name: &'static str,
    /// How far a guest reaches: `straight`, `filtered`, `read-only`, `copy`.
    #[serde(serialize_with = "reach_name")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub reach: Reach,
    /// The bits that VFIO's copy answers; the hardware answers the others.
    pub copy: String,
    /// The bits whose writes reach the hardware as they are.
    pub straight: String,
    /// The bits whose writes stay in VFIO's copy.
    pub kept: String,
    /// The bits at whose writing the kernel does something of its own.
    pub acted: String,
    /// What a guest reads there at first, as hexadecimal bytes; the hardware's part as it is now.
    pub reads: String,
    /// Why, where it may surprise.
    pub why: Option<&'static str>,
    /// The kernel's functions that say so.
    pub by: &'static str,
}

/// A capability that is left out of the guest's list.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Left {
    /// Where it is.
    pub at: u16,
    /// Which it is.
    pub capability: String,
}

/// A BAR or the ROM.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Region {
    /// `BAR 0`, `ROM`.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// How it is reached: `mapped`, `mapped-if-page-free`, `depends-on-page`, `calls`, `read-calls`.
    #[serde(serialize_with = "access_name")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub access: Access,
    /// May be read ahead; `null` for ports.
    pub prefetchable: Option<bool>,
    /// What is known to be in it.
    pub holds: Vec<Held>,
}

/// A structure in a region.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Held {
    /// `msi-x-table`, `msi-x-pending`.
    pub what: &'static str,
    /// Bytes from the region's start.
    pub offset: u32,
    /// Bytes.
    pub size: u64,
}

/// One thing that a guest reaches, or does not, beside config space and memory.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Note {
    /// `DMA`, `interrupts`, `peers`, `reset`, `ATS`, `device`, `VFs`.
    pub about: &'static str,
    /// What this host shows of it: doctor's verdict; `null` where it is so on every host.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub verdict: Option<Verdict>,
    /// What it comes to.
    pub summary: String,
}

impl Guest {
    /// What a guest reaches of a function of a host.
    ///
    /// # Errors
    /// [`NoView::Bridge`]; what could not be seen is in the document instead.
    pub fn of(host: &Host, function: &Function) -> Result<Self, NoView> {
        let release = host.kernel.release.known().cloned();
        let rules = release.as_deref().map_or(Rules::Linux6_12, Rules::of);
        let view = match guest_view(function, rules) {
            Err(NoView::Bridge) => return Err(NoView::Bridge),
            view => view,
        };
        let unseen = unseen(function, &view);
        let page = host.kernel.cpu.known().and_then(page_bytes);
        let regions = virtfn_predict::regions(function, page);
        let registers = match (&view, function.config.known()) {
            (Ok(view), Some(config)) => registers(view, config),
            _ => Vec::new(),
        };
        Ok(Self {
            schema: Self::SCHEMA,
            address: function.address,
            kind: kind(function),
            name: host.names.of(function.ids.vendor, function.ids.device),
            rules: rules.to_string(),
            kernel: release,
            seen_bytes: view.as_ref().map_or(0, |view| view.bytes.len()),
            whole: view.as_ref().is_ok_and(|view| view.is_whole),
            counts: view.as_ref().ok().map(counts),
            open_bytes: view.as_ref().ok().filter(|view| view.is_whole).map(open_bytes),
            registers,
            hidden: view.as_ref().map(hidden).unwrap_or_default(),
            regions: regions.map(|all| all.iter().map(region).collect()),
            beyond: beyond::notes(host, function),
            unseen,
        })
    }

    /// Could all of it be seen?
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let unknown = |note: &Note| note.verdict == Some(Verdict::Unknown);
        self.unseen.is_empty() && !self.beyond.iter().any(unknown)
    }
}

const fn kind(function: &Function) -> Kind {
    match function.role {
        Role::Pf(_) => Kind::Pf,
        Role::Vf(_) | Role::Leaving { .. } => Kind::Vf,
        Role::Plain => Kind::Function,
    }
}

/// How large a page is; elsewhere it depends on how the kernel was built.
fn page_bytes(cpu: &Cpu) -> Option<u64> {
    matches!(cpu.machine.as_str(), "x86_64" | "i686").then_some(4096)
}

fn unseen(function: &Function, view: &Result<View, NoView>) -> Vec<Unseen> {
    let at = Some(function.address);
    let mut unseen = Vec::new();
    let config = |why: String| Unseen { address: at, what: "config", path: "config".into(), why };
    match view {
        Ok(view) if view.is_whole => {}
        Ok(_) => unseen.push(config("read to its 64th byte alone (root sees all)".into())),
        Err(NoView::Unreadable(why)) => unseen.push(Unseen::new(at, "config", why)),
        Err(why) => unseen.push(config(why.to_string())),
    }
    let resources = function.resources.unreadable();
    unseen.extend(resources.map(|why| Unseen::new(at, "resources", why)));
    unseen
}

/// Registers of header and listed capabilities; what is nobody's is told in bytes.
fn counts(view: &View) -> Counts {
    let of = |reach| {
        let own = view.registers.iter().filter(|one| !is_open(one.place));
        own.filter(|one| one.reach() == reach).count()
    };
    Counts {
        straight: of(Reach::Straight),
        filtered: of(Reach::Filtered),
        read_only: of(Reach::ReadOnly),
        copy: of(Reach::Copy),
    }
}

fn open_bytes(view: &View) -> usize {
    let open = view.registers.iter().filter(|one| is_open(one.place));
    open.filter(|one| one.reach() == Reach::Straight).map(|one| usize::from(one.len)).sum()
}

const fn is_open(place: Place) -> bool {
    matches!(place, Place::Hidden(_) | Place::Nobody)
}

fn registers(view: &View, config: &ConfigSpace) -> Vec<Register> {
    let all = view.registers.iter();
    all.map(|one| {
        let (place, capability) = match one.place {
            Place::Header => ("header", None),
            Place::Capability(id) => ("capability", Some(id.to_string())),
            Place::Hidden(id) => ("hidden", Some(id.to_string())),
            Place::Nobody => ("none", None),
        };
        Register {
            at: one.at,
            len: one.len,
            place,
            capability,
            name: one.name,
            reach: one.reach(),
            copy: one.copy.to_string(),
            straight: one.straight.to_string(),
            kept: one.kept.to_string(),
            acted: one.acted.to_string(),
            reads: reads(view, config, one.at, one.len),
            why: one.why,
            by: one.by,
        }
    })
    .collect()
}

/// The bytes that a guest reads: VFIO's copy where that answers, else the hardware's.
fn reads(view: &View, config: &ConfigSpace, at: u16, len: u16) -> String {
    let mut text = String::new();
    let from = usize::from(at);
    for place in from..from + usize::from(len) {
        let (Some(byte), Some(hardware)) = (view.bytes.get(place), config.u8_at(place)) else {
            break;
        };
        let value = byte.value & byte.copy | hardware & !byte.copy;
        // Writing to a string cannot fail.
        let _ = write!(text, "{value:02x}");
    }
    text
}

fn hidden(view: &View) -> Vec<Left> {
    let all = view.hidden.iter();
    all.map(|one| Left { at: one.at, capability: one.id.to_string() }).collect()
}

fn region(region: &virtfn_predict::Region) -> Region {
    let held = |one: &Holds| Held {
        what: match one.what {
            Table::MsiX => "msi-x-table",
            Table::Pending => "msi-x-pending",
        },
        offset: one.offset,
        size: one.size,
    };
    Region {
        name: if region.number == 6 { "ROM".into() } else { format!("BAR {}", region.number) },
        size: region.size,
        access: region.access,
        prefetchable: region.prefetchable,
        holds: region.holds.iter().map(held).collect(),
    }
}

fn reach_name<S: serde::Serializer>(reach: &Reach, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match reach {
        Reach::Straight => "straight",
        Reach::Filtered => "filtered",
        Reach::ReadOnly => "read-only",
        Reach::Copy => "copy",
    })
}

fn access_name<S: serde::Serializer>(access: &Access, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match access {
        Access::Mapped => "mapped",
        Access::MappedIfPageFree => "mapped-if-page-free",
        Access::DependsOnPage => "depends-on-page",
        Access::Calls => "calls",
        Access::ReadCalls => "read-calls",
    })
}

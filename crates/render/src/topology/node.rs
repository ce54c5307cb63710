//! What a picture says of one function.

use serde::Serialize;
use virtfn_host::{Function, Holder, HolderKind, Host, Role};
use virtfn_pci::{AcsFlags, Address, Looked, Walk};
use virtfn_predict::{Acs, Ground, Kind, Lack};

use crate::words::{class, count};

/// One function of the tree.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Node {
    /// Its full address.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub address: Address,
    /// The bridge above it; `null` on a root bus.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub parent: Option<Address>,
    /// What it is to the tree: `root port`, `switch downstream port`, `endpoint`, …; `null` where
    /// that could not be seen.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    #[serde(serialize_with = "in_words")]
    pub kind: Option<Kind>,
    /// What people call it.
    pub name: String,
    /// What its class says that it is.
    pub class: &'static str,
    /// The driver that has it.
    pub driver: Option<String>,
    /// Its network interfaces in this network namespace.
    pub netdevs: Vec<String>,
    /// How many VFs a PF has and may have.
    pub vfs: Option<VfCount>,
    /// A VF's PF.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub pf: Option<Address>,
    /// A VF's number; `null` also for a VF that the kernel is removing.
    pub vf_index: Option<u16>,
    /// The number of its IOMMU group, where the kernel made one.
    pub iommu_group: Option<u32>,
    /// Its link, where it has one of its own and that could be seen.
    pub link: Option<Link>,
    /// Its access control services: what it keeps apart.
    pub acs: AcsState,
    /// Who uses it; `null` where that could not be seen.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<crate::list::HolderShape>>"))]
    pub holders: Option<Vec<Holder>>,
    /// Is it a bridge of any kind?
    #[serde(skip)]
    pub(super) bridge: bool,
    /// Is it a part of the chip that goes to nobody: a host bridge, a memory controller, a counter?
    #[serde(skip)]
    pub(super) system: bool,
    /// Its registers in words, for whoever looks closer.
    #[serde(skip)]
    pub(super) registers: Vec<String>,
}

fn in_words<S: serde::Serializer>(kind: &Option<Kind>, to: S) -> Result<S::Ok, S::Error> {
    match kind {
        Some(kind) => to.collect_str(kind),
        None => to.serialize_none(),
    }
}

/// How many VFs there are, and how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VfCount {
    /// Those that are there.
    pub there: usize,
    /// Those that its driver allows.
    pub total: u16,
}

/// A PCI Express link, by its lower end's registers or a port's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Link {
    /// How fast it runs (`8GT/s`).
    pub speed: String,
    /// How many lanes it has; 0 while it is down.
    pub width: u8,
    /// How fast it could run.
    pub max_speed: String,
    /// How many lanes it could have.
    pub max_width: u8,
}

/// What a function's access control services come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AcsState {
    /// `isolates`, `lacks`, `unknown`, or `not-needed` where nothing depends on it.
    pub state: &'static str,
    /// The services that count and are on, or will be with the IOMMU.
    pub services: Vec<&'static str>,
    /// The services that it lacks.
    pub missing: Vec<&'static str>,
    /// All of it in a few words.
    pub words: String,
}

impl Node {
    /// A function as a picture shows it; `kind` and `acs` as isolation was judged by them.
    pub(super) fn of(host: &Host, function: &Function, kind: Option<Kind>, acs: &Acs) -> Self {
        let walk = function.config.known().map(virtfn_pci::ConfigSpace::capabilities);
        let (pf, vf_index) = match function.role {
            Role::Vf(id) => (Some(id.pf), Some(id.index.0)),
            Role::Leaving { pf } => (Some(pf), None),
            Role::Plain | Role::Pf(_) => (None, None),
        };
        let vfs = function.pf().map(|pf| VfCount { there: pf.vfs.len(), total: pf.total_vfs });
        Self {
            address: function.address,
            parent: function.parent,
            kind,
            name: host.names.of(function.ids.vendor, function.ids.device),
            class: class(function.ids.class),
            driver: function.driver.clone(),
            netdevs: function.netdevs.clone(),
            vfs,
            pf,
            vf_index,
            iommu_group: function.iommu_group,
            // A VF's link is its PF's; its own registers read zero (PCIe 6.0 §9.3.5.4).
            link: walk.as_ref().filter(|_| pf.is_none()).and_then(link),
            acs: AcsState::of(acs),
            holders: function.holders.known().cloned(),
            bridge: function.is_bridge(),
            system: is_system(function),
            registers: super::registers::of(function, walk.as_ref()),
        }
    }

    /// Is it a VF, or was it one?
    pub(super) const fn is_vf(&self) -> bool {
        self.pf.is_some()
    }

    /// What it is, in two or three words: `root port`, `PF`, `VF 3`, `NVMe drive`.
    pub(super) fn what(&self) -> String {
        match (self.vf_index, self.pf, self.vfs, self.kind) {
            (Some(index), ..) => format!("VF {index}"),
            (None, Some(_), ..) => "VF, leaving".into(),
            (None, None, Some(vfs), _) => {
                format!("PF, {} of {}", vfs.there, count(vfs.total.into(), "VF", "VFs"))
            }
            (.., Some(Kind::UpstreamPort)) => "switch, upstream".into(),
            (.., Some(Kind::DownstreamPort)) => "switch, downstream".into(),
            (.., Some(kind)) if self.bridge => kind.to_string(),
            (.., None) if self.bridge => "bridge".into(),
            _ => self.class.to_owned(),
        }
    }

    /// Its users in short; `None`: not seen, empty: nobody.
    pub(super) fn users(&self) -> Option<Vec<String>> {
        // A port's driver is the kernel's own affair.
        let users = self.holders.as_ref()?.iter().filter(|_| !self.bridge);
        Some(users.map(in_short).collect())
    }
}

fn in_short(holder: &Holder) -> String {
    if let Some(vm) = &holder.vm {
        return format!("VM {}", vm.name);
    }
    match (holder.kind, holder.pid) {
        (HolderKind::Process, Some(pid)) => format!("{} (pid {pid})", holder.name),
        (HolderKind::Netns, _) => format!("netns {}, {}", holder.name, holder.through),
        _ => holder.to_string(),
    }
}

fn link(walk: &Walk) -> Option<Link> {
    let Looked::Found(express) = walk.express() else { return None };
    let link = express.link?;
    Some(Link {
        speed: link.speed.to_string(),
        width: link.width,
        max_speed: link.max_speed.to_string(),
        max_width: link.max_width,
    })
}

/// By its base class (PCI Code and ID Assignment Specification): memory controllers, bridges that
/// have no bus, system peripherals, processors, signal processing controllers.
fn is_system(function: &Function) -> bool {
    let parts = matches!(function.ids.class >> 16, 0x05 | 0x06 | 0x08 | 0x0b | 0x11);
    let plain = matches!(function.role, Role::Plain) && !function.is_passed_through();
    parts && plain && !function.is_bridge() && function.netdevs.is_empty()
}

/// What speeds are counted in.
const RATE: &str = "GT/s";

impl Link {
    /// `8GT/s x4`, or `2.5/8GT/s x1/4` where it could be more: what it is, and what it could be.
    pub(super) fn words(&self) -> String {
        if self.width == 0 {
            return "down".into();
        }
        // Some ports do not say what they could be.
        let speed = match self.speed.strip_suffix(RATE) {
            Some(now) if self.speed != self.max_speed && self.max_speed.ends_with(RATE) => {
                format!("{now}/{}", self.max_speed)
            }
            _ => self.speed.clone(),
        };
        if self.width < self.max_width {
            format!("{speed} x{}/{}", self.width, self.max_width)
        } else {
            format!("{speed} x{}", self.width)
        }
    }
}

impl AcsState {
    fn of(acs: &Acs) -> Self {
        let names = |flags: &AcsFlags| flags.names().collect::<Vec<_>>();
        let (state, services, missing) = match acs {
            Acs::Isolates(Ground::Alone) => ("not-needed", Vec::new(), Vec::new()),
            Acs::Isolates(Ground::On(flags) | Ground::WillBeOn(flags)) => {
                ("isolates", names(flags), Vec::new())
            }
            Acs::Isolates(Ground::Quirk(_)) => ("isolates", Vec::new(), Vec::new()),
            Acs::Lacks { missing, .. } => ("lacks", Vec::new(), names(missing)),
            Acs::Unseen(_) => ("unknown", Vec::new(), Vec::new()),
        };
        Self { state, services, missing, words: said(acs) }
    }

    /// The words where nothing else says what they are about.
    pub(super) fn sentence(&self) -> String {
        if self.words == "none" { "no ACS".into() } else { format!("ACS {}", self.words) }
    }

    /// Is there anything to say of it?
    pub(super) fn matters(&self) -> bool {
        self.state != "not-needed"
    }
}

fn said(acs: &Acs) -> String {
    let list = |flags: &AcsFlags| flags.names().collect::<Vec<_>>().join(" ");
    match acs {
        Acs::Isolates(Ground::On(flags)) if flags.is_empty() => "nothing to redirect".into(),
        Acs::Isolates(Ground::On(flags)) => list(flags),
        Acs::Isolates(Ground::WillBeOn(flags)) => format!("can {}", list(flags)),
        Acs::Isolates(Ground::Quirk(_)) => "known to isolate".into(),
        Acs::Isolates(Ground::Alone) => "not needed".into(),
        Acs::Lacks { lack: Lack::NoCapability, .. } => "none".into(),
        Acs::Lacks { lack: Lack::SwitchedOff, missing } => format!("off: {}", list(missing)),
        Acs::Lacks { lack: Lack::SharedDevice | Lack::Conventional, .. } => "none".into(),
        Acs::Lacks { .. } => "cannot isolate".into(),
        Acs::Unseen(_) => "not seen".into(),
    }
}

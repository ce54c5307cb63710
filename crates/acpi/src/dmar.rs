//! Intel's DMA remapping table (VT-d 4.1 §8).

use std::collections::BTreeSet;

use virtfn_pci::Address;

use crate::header::{Header, text};
use crate::oddity::Oddity;
use crate::records::{Body, Head, Record, split};

/// The DMAR table.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Dmar {
    /// The table's header.
    pub header: Header,
    /// Bits of an address that DMA may use.
    pub address_width: u16,
    /// Interrupts can be remapped.
    pub interrupt_remapping: bool,
    /// The firmware asks not to use x2APIC.
    pub x2apic_opt_out: bool,
    /// The firmware asks to have the IOMMU on from the start.
    pub dma_control_opt_in: bool,
    /// What it describes, in its order.
    pub structures: Vec<Structure>,
    /// What is odd about it.
    pub oddities: Vec<Oddity>,
}

/// One structure of the table.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Structure {
    /// DRHD: a remapping unit.
    Unit(Unit),
    /// RMRR: memory that devices go on using, whatever the system wants.
    ReservedMemory(ReservedMemory),
    /// ATSR: root ports below which devices may translate addresses themselves.
    RootPortAts(RootPortAts),
    /// RHSA: which memory is near a unit.
    Affinity {
        /// Register base of the unit.
        base: u64,
        /// Proximity domain.
        proximity: u32,
    },
    /// ANDD: a device that is known by an ACPI name.
    NamedDevice {
        /// Number that device scopes know it by.
        number: u8,
        /// Its ACPI path.
        name: String,
    },
    /// SATC: integrated devices that translate addresses themselves.
    IntegratedAts {
        /// Whether they need it to work.
        required: bool,
        /// PCI segment.
        segment: u16,
        /// The devices.
        scopes: Vec<Scope>,
    },
    /// SIDP: properties of integrated devices, which their scopes' flags hold.
    IntegratedProperties {
        /// PCI segment.
        segment: u16,
        /// The devices.
        scopes: Vec<Scope>,
    },
}

/// A remapping unit.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Unit {
    /// Whether it is for all devices of its segment that no other unit names.
    pub include_all: bool,
    /// Bytes of its registers.
    pub register_bytes: u64,
    /// PCI segment.
    pub segment: u16,
    /// Where its registers are.
    pub base: u64,
    /// Devices it is for; with `include_all`, interrupt controllers and timers alone.
    pub scopes: Vec<Scope>,
}

/// Memory that devices go on using.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ReservedMemory {
    /// PCI segment.
    pub segment: u16,
    /// First byte.
    pub base: u64,
    /// Last byte.
    pub limit: u64,
    /// The devices: Linux gives none of them to VFIO, graphics and USB apart.
    pub scopes: Vec<Scope>,
}

/// Root ports below which devices may translate addresses themselves.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RootPortAts {
    /// Whether all root ports of the segment are meant.
    pub all_ports: bool,
    /// PCI segment.
    pub segment: u16,
    /// The ports.
    pub scopes: Vec<Scope>,
}

/// A device, as the way to it from a bus.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Scope {
    /// What it is.
    pub kind: ScopeKind,
    /// Flags, of meaning in SIDP alone.
    pub flags: u8,
    /// Number of an interrupt controller, timer or named device.
    pub enumeration_id: u8,
    /// Bus the path starts on.
    pub start_bus: u8,
    /// The way: device and function of each bridge, then of the device.
    pub path: Vec<Hop>,
}

/// What a scope names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKind {
    /// A PCI endpoint.
    Endpoint,
    /// A bridge and all below it.
    SubHierarchy,
    /// An I/O interrupt controller.
    IoApic,
    /// A timer that sends messages.
    Hpet,
    /// A device known by an ACPI name.
    Namespace,
    /// A type that no specification defines.
    Unknown(u8),
}

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Hop {
    /// Device number.
    pub device: u8,
    /// Function number.
    pub function: u8,
}

const SCOPE_HEAD: usize = 6;
const PAGE: u64 = 4096;

impl Dmar {
    pub(crate) fn read(header: Header, body: Body<'_>, mut oddities: Vec<Oddity>) -> Self {
        const INTERRUPT_REMAPPING: u8 = 1;
        const X2APIC_OPT_OUT: u8 = 2;
        const DMA_CONTROL_OPT_IN: u8 = 4;
        let flags = body.u8(37).unwrap_or_default();
        let records = split(body.from(48), Head::Words, &mut oddities);
        let structures: Vec<_> =
            records.into_iter().filter_map(|record| structure(record, &mut oddities)).collect();
        let mut dmar = Self {
            header,
            address_width: u16::from(body.u8(36).unwrap_or_default()) + 1,
            interrupt_remapping: flags & INTERRUPT_REMAPPING != 0,
            x2apic_opt_out: flags & X2APIC_OPT_OUT != 0,
            dma_control_opt_in: flags & DMA_CONTROL_OPT_IN != 0,
            structures,
            oddities,
        };
        let found = judge_units(&dmar.units().collect::<Vec<_>>());
        dmar.oddities.extend(found);
        dmar
    }

    /// The remapping units.
    pub fn units(&self) -> impl Iterator<Item = &Unit> {
        self.structures.iter().filter_map(|structure| match structure {
            Structure::Unit(unit) => Some(unit),
            _ => None,
        })
    }

    /// The memory regions that devices go on using.
    pub fn reserved_memory(&self) -> impl Iterator<Item = &ReservedMemory> {
        self.structures.iter().filter_map(|structure| match structure {
            Structure::ReservedMemory(region) => Some(region),
            _ => None,
        })
    }
}

/// What only shows when all units are looked at together.
fn judge_units(units: &[&Unit]) -> Vec<Oddity> {
    let mut oddities = Vec::new();
    if units.is_empty() {
        oddities.push(Oddity::NoUnit);
    }
    let (mut claimed, mut told) = (BTreeSet::new(), BTreeSet::new());
    for unit in units {
        let segment = unit.segment;
        if claimed.contains(&segment) && told.insert(segment) {
            oddities.push(if unit.include_all {
                Oddity::TwoIncludeAll { segment }
            } else {
                Oddity::IncludeAllNotLast { segment }
            });
        }
        if unit.include_all {
            claimed.insert(segment);
        }
    }
    oddities
}

fn structure(record: Record<'_>, oddities: &mut Vec<Oddity>) -> Option<Structure> {
    let scopes = |from, oddities: &mut Vec<Oddity>| scopes(record.body.from(from), oddities);
    let read = match record.kind {
        0 => record.decode("the remapping unit", oddities, unit)?,
        1 => record.decode("the reserved memory region", oddities, reserved_memory)?,
        2 => record.decode("the root port structure", oddities, root_port_ats)?,
        3 => record.decode("the affinity structure", oddities, affinity)?,
        4 => record.decode("the named device", oddities, named_device)?,
        5 => record.decode("the integrated ATS structure", oddities, integrated_ats)?,
        6 => record.decode("the integrated device structure", oddities, integrated_properties)?,
        _ => {
            record.unknown(oddities);
            return None;
        }
    };
    let mut read = read;
    match &mut read {
        Structure::Unit(unit) => unit.scopes = scopes(16, oddities),
        Structure::ReservedMemory(region) => region.scopes = scopes(24, oddities),
        Structure::RootPortAts(ports) => ports.scopes = scopes(8, oddities),
        Structure::IntegratedAts { scopes: found, .. }
        | Structure::IntegratedProperties { scopes: found, .. } => *found = scopes(8, oddities),
        Structure::Affinity { .. } | Structure::NamedDevice { .. } => {}
    }
    judge(record.body.at(), &read, oddities);
    Some(read)
}

fn judge(at: usize, structure: &Structure, oddities: &mut Vec<Oddity>) {
    match structure {
        Structure::Unit(Unit { base, include_all, scopes, .. }) => {
            if *base == 0 || *base == u64::MAX || !base.is_multiple_of(PAGE) {
                let (include_all, base) = (*include_all, *base);
                oddities.push(Oddity::UnitWithoutRegisters { at, include_all, base });
            }
            if !include_all && scopes.is_empty() {
                oddities.push(Oddity::NoDevice { at, item: "the remapping unit" });
            }
        }
        Structure::ReservedMemory(ReservedMemory { base, limit, scopes, .. }) => {
            let (base, limit) = (*base, *limit);
            if limit <= base {
                oddities.push(Oddity::EmptyRegion { at, base, limit });
            } else if !base.is_multiple_of(PAGE) || (limit & (PAGE - 1)) != PAGE - 1 {
                oddities.push(Oddity::UnalignedRegion { at, base, limit });
            }
            if scopes.is_empty() {
                oddities.push(Oddity::NoDevice { at, item: "the reserved memory region" });
            }
        }
        _ => {}
    }
}

fn unit(record: Record<'_>) -> Option<Structure> {
    let body = record.body;
    Some(Structure::Unit(Unit {
        include_all: body.u8(4)? & 1 != 0,
        register_bytes: PAGE << (body.u8(5)? & 0xf),
        segment: body.u16(6)?,
        base: body.u64(8)?,
        scopes: Vec::new(),
    }))
}

fn reserved_memory(record: Record<'_>) -> Option<Structure> {
    let body = record.body;
    Some(Structure::ReservedMemory(ReservedMemory {
        segment: body.u16(6)?,
        base: body.u64(8)?,
        limit: body.u64(16)?,
        scopes: Vec::new(),
    }))
}

fn root_port_ats(record: Record<'_>) -> Option<Structure> {
    let body = record.body;
    Some(Structure::RootPortAts(RootPortAts {
        all_ports: body.u8(4)? & 1 != 0,
        segment: body.u16(6)?,
        scopes: Vec::new(),
    }))
}

fn affinity(record: Record<'_>) -> Option<Structure> {
    Some(Structure::Affinity { base: record.body.u64(8)?, proximity: record.body.u32(16)? })
}

fn named_device(record: Record<'_>) -> Option<Structure> {
    let name = text(record.body.bytes_from(8));
    Some(Structure::NamedDevice { number: record.body.u8(7)?, name })
}

fn integrated_ats(record: Record<'_>) -> Option<Structure> {
    let (required, segment) = (record.body.u8(4)? & 1 != 0, record.body.u16(6)?);
    Some(Structure::IntegratedAts { required, segment, scopes: Vec::new() })
}

fn integrated_properties(record: Record<'_>) -> Option<Structure> {
    Some(Structure::IntegratedProperties { segment: record.body.u16(6)?, scopes: Vec::new() })
}

fn scopes(body: Body<'_>, oddities: &mut Vec<Oddity>) -> Vec<Scope> {
    let records = split(body, Head::Bytes, oddities);
    records.into_iter().filter_map(|record| scope(record, oddities)).collect()
}

fn scope(record: Record<'_>, oddities: &mut Vec<Oddity>) -> Option<Scope> {
    let body = record.body;
    let steps = body.bytes_from(SCOPE_HEAD);
    if steps.is_empty() || !steps.len().is_multiple_of(2) {
        oddities.push(Oddity::BadPath { at: body.at() });
    }
    record.decode("the device scope", oddities, |record| {
        Some(Scope {
            kind: ScopeKind::of(record.kind.to_le_bytes()[0]),
            flags: body.u8(2)?,
            enumeration_id: body.u8(4)?,
            start_bus: body.u8(5)?,
            path: steps
                .chunks_exact(2)
                .map(|step| Hop { device: step[0], function: step[1] })
                .collect(),
        })
    })
}

impl Scope {
    /// The device's address, where the path has one step. Further steps cross bridges whose bus
    /// numbers the table does not know.
    #[must_use]
    pub fn address(&self, segment: u16) -> Option<Address> {
        match self.path.as_slice() {
            [hop] => Address::new(segment.into(), self.start_bus, hop.device, hop.function),
            _ => None,
        }
    }
}

impl ScopeKind {
    const fn of(kind: u8) -> Self {
        match kind {
            1 => Self::Endpoint,
            2 => Self::SubHierarchy,
            3 => Self::IoApic,
            4 => Self::Hpet,
            5 => Self::Namespace,
            other => Self::Unknown(other),
        }
    }
}

//! AMD's I/O virtualization table (AMD I/O Virtualization Technology 3.08 §5.2).

use crate::header::{Header, text};
use crate::oddity::Oddity;
use crate::records::{Body, Head, Record, split};

/// The IVRS table.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Ivrs {
    /// The table's header.
    pub header: Header,
    /// IVinfo, as it stands.
    pub info: u32,
    /// Bits of a physical address.
    pub physical_bits: u8,
    /// Bits of a virtual address.
    pub virtual_bits: u8,
    /// The firmware asks to have DMA remapped from the start.
    pub dma_remap: bool,
    /// Remapping units, as the blocks that describe them: one unit may have up to three, of
    /// types 10, 11 and 40, of which the highest that is understood counts.
    pub units: Vec<Unit>,
    /// Memory that devices go on using.
    pub reserved_memory: Vec<ReservedMemory>,
    /// What is odd about it.
    pub oddities: Vec<Oddity>,
}

/// A block that describes a remapping unit (IVHD).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Unit {
    /// Type of the block: 0x10, 0x11 or 0x40.
    pub block: u8,
    /// Flags, as they stand.
    pub flags: u8,
    /// Routing ID of the unit itself.
    pub device_id: u16,
    /// Offset of its capability in config space.
    pub capability: u16,
    /// Where its registers are.
    pub base: u64,
    /// PCI segment.
    pub segment: u16,
    /// Unit information, as it stands.
    pub info: u16,
    /// Features, in the older of two forms.
    pub features: u32,
    /// Extended features, which type 10 lacks.
    pub extended_features: Option<u64>,
    /// Devices it is for.
    pub devices: Vec<Device>,
}

/// Devices that a unit is for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Device {
    /// All of its segment.
    All,
    /// One, by routing ID.
    One {
        /// The device.
        id: u16,
        /// Routing ID it uses for its requests, where it uses another's.
        alias: Option<u16>,
    },
    /// A range of routing IDs, both ends included.
    Range {
        /// First.
        first: u16,
        /// Last.
        last: u16,
        /// Routing ID they all use for their requests, where they use another's.
        alias: Option<u16>,
    },
    /// An interrupt controller or timer.
    Special {
        /// Its number.
        handle: u8,
        /// Routing ID it uses.
        id: u16,
        /// 1 for an I/O interrupt controller, 2 for a timer.
        variety: u8,
    },
    /// A device known by its ACPI name.
    Named {
        /// Routing ID it uses.
        id: u16,
        /// Hardware id.
        hid: String,
        /// Unique id, where it is text.
        uid: Option<String>,
    },
}

/// Memory that devices go on using (IVMD).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ReservedMemory {
    /// Flags, as they stand; bit 3 keeps the range out of use, bit 0 maps it as it is.
    pub flags: u8,
    /// First routing ID it is for; all when `None`.
    pub first: Option<u16>,
    /// Last routing ID it is for.
    pub last: Option<u16>,
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub length: u64,
}

impl Ivrs {
    pub(crate) fn read(header: Header, body: Body<'_>, mut oddities: Vec<Oddity>) -> Self {
        let info = body.u32(36).unwrap_or_default();
        let bits = |low: u32| (info >> low).to_le_bytes()[0] & 0x7f;
        let (mut units, mut reserved_memory) = (Vec::new(), Vec::new());
        for record in split(body.from(48), Head::ByteGapWord, &mut oddities) {
            match record.kind {
                0x10 | 0x11 | 0x40 => {
                    let read = record.decode("the remapping unit", &mut oddities, unit);
                    units.extend(read.map(|unit| with_devices(unit, record, &mut oddities)));
                }
                0x20..=0x22 => {
                    let read = record.decode("the memory region", &mut oddities, region);
                    reserved_memory.extend(read);
                }
                _ => record.unknown(&mut oddities),
            }
        }
        if units.is_empty() {
            oddities.push(Oddity::NoUnit);
        }
        Self {
            header,
            info,
            physical_bits: bits(8),
            virtual_bits: bits(15),
            dma_remap: info & 2 != 0,
            units,
            reserved_memory,
            oddities,
        }
    }
}

fn unit(record: Record<'_>) -> Option<Unit> {
    let body = record.body;
    let block = record.kind.to_le_bytes()[0];
    Some(Unit {
        block,
        flags: body.u8(1)?,
        device_id: body.u16(4)?,
        capability: body.u16(6)?,
        base: body.u64(8)?,
        segment: body.u16(16)?,
        info: body.u16(18)?,
        features: body.u32(20)?,
        extended_features: if block == 0x10 { None } else { Some(body.u64(24)?) },
        devices: Vec::new(),
    })
}

fn with_devices(mut unit: Unit, record: Record<'_>, oddities: &mut Vec<Oddity>) -> Unit {
    /// Registers are aligned to 16 KiB.
    const ALIGNMENT: u64 = 0x4000;
    let (at, base) = (record.body.at(), unit.base);
    if base == 0 || base == u64::MAX || !base.is_multiple_of(ALIGNMENT) {
        oddities.push(Oddity::UnitWithoutRegisters { at, include_all: false, base });
    }
    let from = if unit.block == 0x10 { 24 } else { 40 };
    unit.devices = Entries::read(record.body.from(from), oddities);
    if unit.devices.is_empty() {
        oddities.push(Oddity::NoDevice { at, item: "the remapping unit" });
    }
    unit
}

fn region(record: Record<'_>) -> Option<ReservedMemory> {
    let body = record.body;
    let (id, end) = (body.u16(4)?, body.u16(6)?);
    let (first, last) = match record.kind {
        0x20 => (None, None),
        0x21 => (Some(id), Some(id)),
        _ => (Some(id), Some(end)),
    };
    let (start, length) = (body.u64(16)?, body.u64(24)?);
    Some(ReservedMemory { flags: body.u8(1)?, first, last, start, length })
}

/// The device entries of one block. A range is two entries: its start waits for its end.
struct Entries<'o> {
    oddities: &'o mut Vec<Oddity>,
    devices: Vec<Device>,
    open: Option<(usize, u16, Option<u16>)>,
}

impl<'o> Entries<'o> {
    fn read(mut left: Body<'_>, oddities: &'o mut Vec<Oddity>) -> Vec<Device> {
        let mut entries = Self { oddities, devices: Vec::new(), open: None };
        while left.len() > 0 {
            let Some(length) = entry_len(left).filter(|&length| length <= left.len()) else {
                entries.oddities.push(Oddity::Scrap { at: left.at(), bytes: left.len() });
                break;
            };
            if entries.entry(left.first(length)).is_none() {
                entries.oddities.push(Oddity::Scrap { at: left.at(), bytes: length });
            }
            left = left.from(length);
        }
        entries.close();
        entries.devices
    }

    /// `None` when the entry has fewer bytes than it needs.
    fn entry(&mut self, entry: Body<'_>) -> Option<()> {
        let (kind, id) = (entry.u8(0)?, entry.u16(1)?);
        let alias = || entry.u16(5).map(Some);
        match kind {
            0x00 | 0x40 => {}
            0x01 => self.devices.push(Device::All),
            0x02 | 0x46 => self.devices.push(Device::One { id, alias: None }),
            0x42 => self.devices.push(Device::One { id, alias: alias()? }),
            0x03 | 0x47 => self.start(entry.at(), id, None),
            0x43 => self.start(entry.at(), id, alias()?),
            0x04 => self.end(entry.at(), id),
            0x48 => {
                let (handle, id, variety) = (entry.u8(4)?, entry.u16(5)?, entry.u8(7)?);
                self.devices.push(Device::Special { handle, id, variety });
            }
            0xf0 => self.devices.push(named(entry, id)?),
            _ => {
                let (at, kind) = (entry.at(), kind.into());
                self.oddities.push(Oddity::UnknownStructure { at, kind });
            }
        }
        Some(())
    }

    fn start(&mut self, at: usize, id: u16, alias: Option<u16>) {
        self.close();
        self.open = Some((at, id, alias));
    }

    fn end(&mut self, at: usize, last: u16) {
        match self.open.take() {
            Some((_, first, alias)) if first <= last => {
                self.devices.push(Device::Range { first, last, alias });
            }
            _ => self.oddities.push(Oddity::BrokenRange { at }),
        }
    }

    fn close(&mut self) {
        if let Some((at, ..)) = self.open.take() {
            self.oddities.push(Oddity::BrokenRange { at });
        }
    }
}

/// The two upper bits of an entry's type give its length; a named device has one of its own.
fn entry_len(entry: Body<'_>) -> Option<usize> {
    Some(match entry.u8(0)? {
        0xf0 => 22 + usize::from(entry.u8(21)?),
        kind => 4 << (kind >> 6),
    })
}

fn named(entry: Body<'_>, id: u16) -> Option<Device> {
    const TEXT: u8 = 2;
    let hid = text(entry.bytes_from(4).get(..8)?);
    let uid = (entry.u8(20)? == TEXT).then(|| text(entry.bytes_from(22)));
    Some(Device::Named { id, hid, uid })
}

//! What is wrong with a table, as values that say it in a sentence.

use std::fmt;

/// Something in a table that its specification does not allow, or that makes it useless.
/// Offsets count from the table's first byte.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Oddity {
    /// The bytes do not add up to zero.
    Checksum {
        /// What they add up to.
        sum: u8,
    },
    /// The table says another length than it has.
    Length {
        /// What it says.
        told: u32,
        /// Bytes there are.
        there: usize,
    },
    /// A structure's length does not even hold its own head; the list ends there.
    NoLength {
        /// Where.
        at: usize,
        /// Its type.
        kind: u16,
        /// Its length.
        length: u16,
    },
    /// A structure reaches past the end of what holds it; it was cut there.
    Overrun {
        /// Where.
        at: usize,
        /// Its type.
        kind: u16,
        /// Its length.
        length: u16,
        /// Bytes there are.
        left: usize,
    },
    /// Bytes are left over, too few for a structure.
    Scrap {
        /// Where.
        at: usize,
        /// How many.
        bytes: usize,
    },
    /// A structure is too short for what it is; it was left out.
    Short {
        /// Where.
        at: usize,
        /// What it is.
        item: &'static str,
        /// Bytes it has.
        length: usize,
    },
    /// A structure's type is in no specification known here; it was left out.
    UnknownStructure {
        /// Where.
        at: usize,
        /// Its type.
        kind: u16,
    },
    /// The table describes no remapping unit at all.
    NoUnit,
    /// A remapping unit has its registers at address 0, or where none can be.
    UnitWithoutRegisters {
        /// Where.
        at: usize,
        /// Whether it is the one for all devices that no other unit names.
        include_all: bool,
        /// The address it gives.
        base: u64,
    },
    /// More than one unit of a segment claims all devices that no other names.
    TwoIncludeAll {
        /// The segment.
        segment: u16,
    },
    /// The unit for all devices comes before others of its segment, which it must follow.
    IncludeAllNotLast {
        /// The segment.
        segment: u16,
    },
    /// A reserved memory region ends before it starts.
    EmptyRegion {
        /// Where.
        at: usize,
        /// First byte.
        base: u64,
        /// Last byte.
        limit: u64,
    },
    /// A reserved memory region does not start and end on pages of 4 KiB.
    UnalignedRegion {
        /// Where.
        at: usize,
        /// First byte.
        base: u64,
        /// Last byte.
        limit: u64,
    },
    /// A structure names no device, and so says nothing.
    NoDevice {
        /// Where.
        at: usize,
        /// What it is.
        item: &'static str,
    },
    /// A device scope's path is empty or ends in half an element.
    BadPath {
        /// Where.
        at: usize,
    },
    /// A range of device ids starts without an end, or ends without a start, or ends before it
    /// starts.
    BrokenRange {
        /// Where.
        at: usize,
    },
    /// A node refers to a place where no node is.
    DanglingReference {
        /// The node that refers.
        at: usize,
        /// Where it points.
        to: u32,
    },
    /// An array reaches past the end of its node; it was cut there.
    CutArray {
        /// The node.
        at: usize,
        /// Elements it says it has.
        told: u32,
        /// Elements there are.
        there: usize,
    },
    /// The table holds another number of nodes than it says.
    NodeCount {
        /// What it says.
        told: u32,
        /// Nodes there are.
        there: usize,
    },
    /// The nodes start outside the table.
    NodesOutside {
        /// Where they should start.
        at: u32,
    },
}

impl fmt::Display for Oddity {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checksum { sum } => write!(f, "its bytes add up to {sum:#04x} and not to 0: the checksum is wrong"),
            Self::Length { told, there } => write!(f, "it says it has {told} bytes, but there are {there}"),
            Self::NoLength { at, kind, length } => write!(f, "the structure of type {kind:#x} at {at:#x} has length {length}, which ends the list"),
            Self::Overrun { at, kind, length, left } => write!(f, "the structure of type {kind:#x} at {at:#x} has length {length} where {left} bytes are left"),
            Self::Scrap { at, bytes } => write!(f, "{bytes} bytes at {at:#x} are too few for a structure"),
            Self::Short { at, item, length } => write!(f, "{item} at {at:#x} has {length} bytes, too few for what it is"),
            Self::UnknownStructure { at, kind } => write!(f, "the structure at {at:#x} is of unknown type {kind:#x}"),
            Self::NoUnit => f.write_str("it describes no remapping unit"),
            Self::UnitWithoutRegisters { at, include_all: true, base } => write!(f, "the unit at {at:#x}, for all devices that no other names, has its registers at {base:#x}, where none can be"),
            Self::UnitWithoutRegisters { at, include_all: false, base } => write!(f, "the unit at {at:#x} has its registers at {base:#x}, where none can be"),
            Self::TwoIncludeAll { segment } => write!(f, "two units claim all devices of segment {segment:04x} that no other names"),
            Self::IncludeAllNotLast { segment } => write!(f, "the unit for all devices of segment {segment:04x} comes before other units of it"),
            Self::EmptyRegion { at, base, limit } => write!(f, "the memory region at {at:#x} is empty: it goes from {base:#x} to {limit:#x}"),
            Self::UnalignedRegion { at, base, limit } => write!(f, "the memory region at {at:#x} is not made of whole pages: it goes from {base:#x} to {limit:#x}"),
            Self::NoDevice { at, item } => write!(f, "{item} at {at:#x} names no device"),
            Self::BadPath { at } => write!(f, "the device scope at {at:#x} has an empty or broken path"),
            Self::BrokenRange { at } => write!(f, "the range of devices at {at:#x} lacks its start or end"),
            Self::DanglingReference { at, to } => write!(f, "the node at {at:#x} refers to {to:#x}, where no node is"),
            Self::CutArray { at, told, there } => write!(f, "the node at {at:#x} says it has {told} elements, but holds {there}"),
            Self::NodeCount { told, there } => write!(f, "it says it has {told} nodes, but there are {there}"),
            Self::NodesOutside { at } => write!(f, "its nodes start at {at:#x}, outside of it"),
        }
    }
}

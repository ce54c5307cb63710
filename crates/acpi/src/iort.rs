//! Arm's I/O remapping table (IO Remapping Table E.f, DEN0049).

use crate::header::{Header, text};
use crate::oddity::Oddity;
use crate::records::{Body, Head, Record, split};

/// The IORT table.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Iort {
    /// The table's header.
    pub header: Header,
    /// Its nodes, in order.
    pub nodes: Vec<Node>,
    /// What is odd about it.
    pub oddities: Vec<Oddity>,
}

/// One node: a source of requests, or something that translates them.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Node {
    /// Offset in the table, by which other nodes refer to it.
    pub at: u32,
    /// Revision of the node's layout.
    pub revision: u8,
    /// Number of its own, from revision E on.
    pub identifier: u32,
    /// What it is.
    pub body: NodeBody,
    /// Where the ids of its requests go.
    pub mappings: Vec<IdMapping>,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NodeBody {
    /// A group of interrupt translation services.
    ItsGroup {
        /// Their ids.
        ids: Vec<u32>,
    },
    /// A device known by an ACPI name.
    NamedComponent {
        /// Flags, as they stand.
        flags: u32,
        /// Bits of an address it can use.
        address_bits: u8,
        /// Its ACPI path.
        name: String,
    },
    /// A PCI root complex.
    RootComplex {
        /// Whether it supports ATS.
        ats: bool,
        /// PCI segment.
        segment: u32,
        /// Bits of an address it can use.
        address_bits: u8,
    },
    /// An SMMU, version 1 or 2.
    Smmu {
        /// Where its registers are.
        base: u64,
        /// Bytes of them.
        span: u64,
        /// Model.
        model: u32,
        /// Flags, as they stand.
        flags: u32,
    },
    /// An SMMU, version 3.
    SmmuV3 {
        /// Where its registers are.
        base: u64,
        /// Flags, as they stand; bit 0 says it is coherent.
        flags: u32,
        /// Model.
        model: u32,
    },
    /// A performance counter group.
    CounterGroup {
        /// Where its registers are.
        base: u64,
        /// Node it belongs to.
        node: u32,
    },
    /// Memory that devices go on using.
    ReservedMemory {
        /// Flags, as they stand.
        flags: u32,
        /// The regions.
        regions: Vec<Region>,
    },
}

/// A range of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Region {
    /// First byte.
    pub base: u64,
    /// Bytes.
    pub length: u64,
}

/// Ids that become others on their way to another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct IdMapping {
    /// First id that comes in.
    pub input: u32,
    /// How many ids.
    pub count: u64,
    /// First id that goes out.
    pub output: u32,
    /// Offset of the node they go to.
    pub node: u32,
    /// One id for all requests: `input` means nothing.
    pub single: bool,
}

const NODES_AT: usize = 48;

impl Iort {
    pub(crate) fn read(header: Header, body: Body<'_>, mut oddities: Vec<Oddity>) -> Self {
        let told = body.u32(36).unwrap_or_default();
        let at = body.u32(40).unwrap_or_default();
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        if start < NODES_AT || start >= body.len() {
            oddities.push(Oddity::NodesOutside { at });
            return Self { header, nodes: Vec::new(), oddities };
        }
        let records = split(body.from(start), Head::ByteWord, &mut oddities);
        if usize::try_from(told) != Ok(records.len()) {
            oddities.push(Oddity::NodeCount { told, there: records.len() });
        }
        let nodes: Vec<_> =
            records.into_iter().filter_map(|record| node(record, &mut oddities)).collect();
        let mut iort = Self { header, nodes, oddities };
        let dangling = iort.dangling();
        iort.oddities.extend(dangling);
        iort
    }

    fn dangling(&self) -> Vec<Oddity> {
        let places: std::collections::BTreeSet<_> = self.nodes.iter().map(|node| node.at).collect();
        let mut oddities = Vec::new();
        for node in &self.nodes {
            let at = usize::try_from(node.at).unwrap_or(usize::MAX);
            for mapping in node.mappings.iter().filter(|mapping| !places.contains(&mapping.node)) {
                oddities.push(Oddity::DanglingReference { at, to: mapping.node });
            }
        }
        oddities
    }
}

fn node(record: Record<'_>, oddities: &mut Vec<Oddity>) -> Option<Node> {
    let body = record.body;
    let read = match record.kind {
        0 => its_group(body, oddities),
        1 => named_component(body),
        2 => root_complex(body),
        3 => smmu(body),
        4 => smmu_v3(body),
        5 => counter_group(body),
        6 => reserved_memory(body, oddities),
        _ => {
            record.unknown(oddities);
            return None;
        }
    };
    let head = record.decode("the node", oddities, |_| {
        Some((body.u8(3)?, body.u32(4)?, body.u32(8)?, body.u32(12)?, read?))
    })?;
    let (revision, identifier, count, offset, read) = head;
    let mappings = array(body, offset, count, 20, oddities, mapping);
    // A table is never as long as that: the offset fits.
    let at = u32::try_from(body.at()).ok()?;
    Some(Node { at, revision, identifier, body: read, mappings })
}

/// `count` elements of `size` bytes from `offset` in the node on, or as many as it holds.
fn array<T>(
    node: Body<'_>,
    offset: u32,
    count: u32,
    size: usize,
    oddities: &mut Vec<Oddity>,
    read: impl Fn(Body<'_>) -> Option<T>,
) -> Vec<T> {
    if count == 0 {
        return Vec::new();
    }
    let elements = node.from(usize::try_from(offset).unwrap_or(usize::MAX));
    let room = elements.len() / size;
    let wanted = usize::try_from(count).unwrap_or(usize::MAX);
    if wanted > room {
        oddities.push(Oddity::CutArray { at: node.at(), told: count, there: room });
    }
    (0..wanted.min(room)).filter_map(|n| read(elements.from(n * size))).collect()
}

fn mapping(body: Body<'_>) -> Option<IdMapping> {
    Some(IdMapping {
        input: body.u32(0)?,
        // The table holds one less.
        count: u64::from(body.u32(4)?) + 1,
        output: body.u32(8)?,
        node: body.u32(12)?,
        single: body.u32(16)? & 1 != 0,
    })
}

fn its_group(body: Body<'_>, oddities: &mut Vec<Oddity>) -> Option<NodeBody> {
    let ids = array(body, 20, body.u32(16)?, 4, oddities, |id| id.u32(0));
    Some(NodeBody::ItsGroup { ids })
}

fn named_component(body: Body<'_>) -> Option<NodeBody> {
    let (flags, address_bits) = (body.u32(16)?, body.u8(28)?);
    Some(NodeBody::NamedComponent { flags, address_bits, name: text(body.bytes_from(29)) })
}

fn root_complex(body: Body<'_>) -> Option<NodeBody> {
    let (ats, segment) = (body.u32(24)? & 1 != 0, body.u32(28)?);
    Some(NodeBody::RootComplex { ats, segment, address_bits: body.u8(32)? })
}

fn smmu(body: Body<'_>) -> Option<NodeBody> {
    let (base, span) = (body.u64(16)?, body.u64(24)?);
    Some(NodeBody::Smmu { base, span, model: body.u32(32)?, flags: body.u32(36)? })
}

fn smmu_v3(body: Body<'_>) -> Option<NodeBody> {
    Some(NodeBody::SmmuV3 { base: body.u64(16)?, flags: body.u32(24)?, model: body.u32(40)? })
}

fn counter_group(body: Body<'_>) -> Option<NodeBody> {
    Some(NodeBody::CounterGroup { base: body.u64(16)?, node: body.u32(28)? })
}

fn reserved_memory(body: Body<'_>, oddities: &mut Vec<Oddity>) -> Option<NodeBody> {
    let (flags, count, offset) = (body.u32(16)?, body.u32(20)?, body.u32(24)?);
    let region = |at: Body<'_>| Some(Region { base: at.u64(0)?, length: at.u64(8)? });
    let regions = array(body, offset, count, 20, oddities, region);
    Some(NodeBody::ReservedMemory { flags, regions })
}

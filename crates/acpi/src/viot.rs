//! The table of virtual machines (ACPI 6.5 §5.2.31): which devices a virtio-iommu is for.

use crate::header::Header;
use crate::oddity::Oddity;
use crate::records::{Body, Head, Record, split};

/// The VIOT table.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Viot {
    /// The table's header.
    pub header: Header,
    /// Its nodes, in order.
    pub nodes: Vec<Node>,
    /// What is odd about it.
    pub oddities: Vec<Oddity>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Node {
    /// Offset in the table, by which other nodes refer to it.
    pub at: u16,
    /// What it is.
    pub body: NodeBody,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NodeBody {
    /// A range of PCI functions.
    PciRange {
        /// Endpoint id of the first.
        endpoint: u32,
        /// First and last PCI segment.
        segments: (u16, u16),
        /// First and last routing ID.
        routing_ids: (u16, u16),
        /// Offset of the node that translates for them.
        output: u16,
    },
    /// A device that is not on PCI.
    MmioEndpoint {
        /// Endpoint id.
        endpoint: u32,
        /// Where its registers are.
        base: u64,
        /// Offset of the node that translates for it.
        output: u16,
    },
    /// A virtio-iommu on PCI.
    VirtioIommuPci {
        /// PCI segment.
        segment: u16,
        /// Routing ID.
        routing_id: u16,
    },
    /// A virtio-iommu that is not on PCI.
    VirtioIommuMmio {
        /// Where its registers are.
        base: u64,
    },
}

const NODES_AT: u16 = 48;

impl Viot {
    pub(crate) fn read(header: Header, body: Body<'_>, mut oddities: Vec<Oddity>) -> Self {
        let (told, at) = (body.u16(36).unwrap_or_default(), body.u16(38).unwrap_or_default());
        if at < NODES_AT || usize::from(at) >= body.len() {
            oddities.push(Oddity::NodesOutside { at: at.into() });
            return Self { header, nodes: Vec::new(), oddities };
        }
        let records = split(body.from(at.into()), Head::ByteGapWord, &mut oddities);
        if usize::from(told) != records.len() {
            oddities.push(Oddity::NodeCount { told: told.into(), there: records.len() });
        }
        let nodes: Vec<_> =
            records.into_iter().filter_map(|record| node(record, &mut oddities)).collect();
        let mut viot = Self { header, nodes, oddities };
        let dangling = viot.dangling();
        viot.oddities.extend(dangling);
        viot
    }

    fn dangling(&self) -> Vec<Oddity> {
        let units: std::collections::BTreeSet<_> =
            self.nodes.iter().filter(|node| node.body.is_unit()).map(|node| node.at).collect();
        let output = |node: &Node| match node.body {
            NodeBody::PciRange { output, .. } | NodeBody::MmioEndpoint { output, .. } => {
                Some((node.at, output))
            }
            _ => None,
        };
        let lost = self.nodes.iter().filter_map(output).filter(|(_, to)| !units.contains(to));
        lost.map(|(at, to)| Oddity::DanglingReference { at: at.into(), to: to.into() }).collect()
    }
}

impl NodeBody {
    const fn is_unit(&self) -> bool {
        matches!(self, Self::VirtioIommuPci { .. } | Self::VirtioIommuMmio { .. })
    }
}

fn node(record: Record<'_>, oddities: &mut Vec<Oddity>) -> Option<Node> {
    let read = match record.kind {
        1 => record.decode("the PCI range", oddities, pci_range)?,
        2 => record.decode("the endpoint", oddities, mmio_endpoint)?,
        3 => record.decode("the virtio-iommu", oddities, virtio_pci)?,
        4 => record.decode("the virtio-iommu", oddities, virtio_mmio)?,
        _ => {
            record.unknown(oddities);
            return None;
        }
    };
    // Nodes start within 64 KiB of the table, and none that others refer to can be later.
    Some(Node { at: u16::try_from(record.body.at()).unwrap_or(u16::MAX), body: read })
}

fn pci_range(record: Record<'_>) -> Option<NodeBody> {
    let body = record.body;
    Some(NodeBody::PciRange {
        endpoint: body.u32(4)?,
        segments: (body.u16(8)?, body.u16(10)?),
        routing_ids: (body.u16(12)?, body.u16(14)?),
        output: body.u16(16)?,
    })
}

fn mmio_endpoint(record: Record<'_>) -> Option<NodeBody> {
    let body = record.body;
    let (endpoint, base) = (body.u32(4)?, body.u64(8)?);
    Some(NodeBody::MmioEndpoint { endpoint, base, output: body.u16(16)? })
}

fn virtio_pci(record: Record<'_>) -> Option<NodeBody> {
    let (segment, routing_id) = (record.body.u16(4)?, record.body.u16(6)?);
    Some(NodeBody::VirtioIommuPci { segment, routing_id })
}

fn virtio_mmio(record: Record<'_>) -> Option<NodeBody> {
    Some(NodeBody::VirtioIommuMmio { base: record.body.u64(8)? })
}

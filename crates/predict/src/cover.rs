//! Which functions the firmware's tables put behind an IOMMU: only these get a group.

use virtfn_acpi::dmar::{Scope, ScopeKind};
use virtfn_acpi::iort::NodeBody as IortNode;
use virtfn_acpi::ivrs::{Device, Unit};
use virtfn_acpi::viot::NodeBody as ViotNode;
use virtfn_acpi::{Dmar, Iort, Ivrs, Table, Viot};
use virtfn_host::{Function, Host};
use virtfn_pci::Address;

use crate::isolation::{controller, parents};

/// What the tables say of functions. Where there is no table that could be read, every function
/// counts as covered: which group it would be in is asked, not whether.
#[derive(Clone, Debug)]
pub(crate) struct Cover(Vec<Table>);

impl Cover {
    /// Reads the tables of a host that describe an IOMMU.
    pub(crate) fn of(host: &Host) -> Self {
        let tables = host.firmware.acpi.known().into_iter().flat_map(|tables| tables.values());
        let parsed = tables
            .filter_map(|bytes| virtfn_acpi::parse(bytes.known()?).ok())
            .filter(describes_iommu);
        Self(parsed.collect())
    }

    /// Does a function get its IOMMU only from the driver core, when a driver tries it?
    pub(crate) fn is_joined_late(&self) -> bool {
        self.0.iter().any(|table| matches!(table, Table::Iort(_) | Table::Viot(_)))
    }

    /// Would an IOMMU translate this function's requests?
    pub(crate) fn has(&self, host: &Host, function: &Function) -> bool {
        let covers = |table: &Table| match table {
            Table::Dmar(dmar) => by_dmar(dmar, host, function),
            Table::Ivrs(ivrs) => by_ivrs(ivrs, function.address),
            Table::Iort(iort) => by_iort(iort, function.address),
            Table::Viot(viot) => by_viot(viot, function.address),
            Table::Other { .. } => false,
        };
        self.0.is_empty() || self.0.iter().any(covers)
    }
}

/// An IORT may describe interrupts alone.
fn describes_iommu(table: &Table) -> bool {
    match table {
        Table::Dmar(dmar) => dmar.units().next().is_some(),
        Table::Ivrs(ivrs) => !ivrs.units.is_empty(),
        Table::Iort(iort) => iort
            .nodes
            .iter()
            .any(|node| matches!(node.body, IortNode::Smmu { .. } | IortNode::SmmuV3 { .. })),
        Table::Viot(_) => true,
        Table::Other { .. } => false,
    }
}

/// VT-d looks a VF up by its PF, and what hangs on a VMD by the VMD
/// (`drivers/iommu/intel/iommu.c`, `device_lookup_iommu`).
fn by_dmar(dmar: &Dmar, host: &Host, function: &Function) -> bool {
    let real = controller(host, function).unwrap_or(function);
    let real = real.vf().and_then(|vf| host.functions.get(&vf.pf)).unwrap_or(real);
    let above: Vec<&Function> = parents(host, real).collect();
    dmar.units()
        .filter(|unit| u32::from(unit.segment) == real.address.domain())
        .any(|unit| unit.include_all || unit.scopes.iter().any(|scope| is_in(scope, real, &above)))
}

/// Is a function what a scope names, or below it?
fn is_in(scope: &Scope, function: &Function, above: &[&Function]) -> bool {
    match scope.kind {
        ScopeKind::Endpoint => is_at(scope, function.address, above),
        ScopeKind::SubHierarchy => {
            let itself = is_at(scope, function.address, above);
            let below =
                |(at, bridge): (usize, &&Function)| is_at(scope, bridge.address, &above[at + 1..]);
            itself || above.iter().enumerate().any(below)
        }
        ScopeKind::IoApic | ScopeKind::Hpet | ScopeKind::Namespace | ScopeKind::Unknown(_) => false,
    }
}

/// Does a scope's path end at this address? It names the device and function of each bridge on the
/// way, from the start bus on.
fn is_at(scope: &Scope, address: Address, above: &[&Function]) -> bool {
    let way = std::iter::once(address).chain(above.iter().map(|bridge| bridge.address));
    let way: Vec<Address> = way.take(scope.path.len()).collect();
    let hops = scope.path.iter().rev().zip(&way);
    let fits = hops.filter(|(hop, at)| (hop.device, hop.function) == (at.device(), at.function()));
    let starts = way.last().is_some_and(|first| first.bus() == scope.start_bus);
    starts && fits.count() == scope.path.len()
}

/// AMD's IOMMU looks up the routing id itself (`drivers/iommu/amd/iommu.c`, `check_device`).
fn by_ivrs(ivrs: &Ivrs, address: Address) -> bool {
    let id = address.routing_id();
    let segment = |segment: u16| u32::from(segment) == address.domain();
    let names = |device: &Device| match device {
        Device::All => true,
        Device::One { id: one, .. } => *one == id,
        Device::Range { first, last, .. } => (*first..=*last).contains(&id),
        Device::Special { .. } | Device::Named { .. } => false,
    };
    // An IOMMU that is a PCI function does not translate itself.
    let others = |unit: &&Unit| segment(unit.segment) && unit.device_id != id;
    ivrs.units.iter().filter(others).any(|unit| unit.devices.iter().any(names))
}

/// A root complex maps the routing ids that go to an SMMU.
fn by_iort(iort: &Iort, address: Address) -> bool {
    let id = u64::from(address.routing_id());
    let smmu = |at: u32| {
        let node = iort.nodes.iter().find(|node| node.at == at);
        node.is_some_and(|node| {
            matches!(node.body, IortNode::Smmu { .. } | IortNode::SmmuV3 { .. })
        })
    };
    iort.nodes.iter().any(|node| {
        let IortNode::RootComplex { segment, .. } = node.body else { return false };
        let maps = |mapping: &virtfn_acpi::iort::IdMapping| {
            let first = u64::from(mapping.input);
            smmu(mapping.node)
                && (mapping.single || (first..first.saturating_add(mapping.count)).contains(&id))
        };
        segment == address.domain() && node.mappings.iter().any(maps)
    })
}

/// A virtio-iommu does not translate itself (`drivers/acpi/viot.c`, `viot_pci_dev_iommu_init`).
fn by_viot(viot: &Viot, address: Address) -> bool {
    let id = address.routing_id();
    let is_itself = |output: u16| {
        let unit = viot.nodes.iter().find(|node| node.at == output);
        unit.is_some_and(|unit| match unit.body {
            ViotNode::VirtioIommuPci { segment, routing_id } => {
                (u32::from(segment), routing_id) == (address.domain(), id)
            }
            _ => false,
        })
    };
    viot.nodes.iter().any(|node| match node.body {
        ViotNode::PciRange { segments, routing_ids, output, .. } => {
            (u32::from(segments.0)..=u32::from(segments.1)).contains(&address.domain())
                && (routing_ids.0..=routing_ids.1).contains(&id)
                && !is_itself(output)
        }
        _ => false,
    })
}

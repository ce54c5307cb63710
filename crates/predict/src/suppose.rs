//! A host as it would be with more VFs.

use virtfn_host::{Function, Host, Ids, Role, Seen, VfId, VfIndex};
use virtfn_pci::{Address, Looked, Sriov, Walk};

use crate::room::{Cause, Question, room};

/// Why VFs cannot be supposed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotSuppose {
    /// The function is no PF, or its capability could not be seen.
    #[error("{}: its SR-IOV capability could not be read", .0.short())]
    NotSeen(Address),
    /// The card has not so many.
    #[error("{}: cannot have {asked} VFs: the card has {total} (TotalVFs)", pf.short())]
    TooMany {
        /// The PF.
        pf: Address,
        /// How many were asked for.
        asked: u16,
        /// How many the card has.
        total: u16,
    },
    /// The kernel would refuse them: their routing IDs would leave the buses that there are, or the
    /// card's own registers contradict each other.
    #[error("{}: cannot have {asked} VFs: {cause} (the kernel would answer: {})", pf.short(), .cause.kernel_answer(*asked))]
    NoRoom {
        /// The PF.
        pf: Address,
        /// How many were asked for.
        asked: u16,
        /// What stands in the way.
        cause: Box<Cause>,
    },
    /// A VF has no address: it would lie past the last bus, or on top of its PF.
    #[error("{}: VF {index} would have no address (first VF offset, VF stride)", pf.short())]
    NoAddress {
        /// The PF.
        pf: Address,
        /// The VF.
        index: VfIndex,
    },
}

/// The host with at least `count` VFs on a PF; those that are there stay as they are.
///
/// # Errors
/// When the PF cannot have them by its own word, or there are no bus numbers for them: without
/// those they would be nowhere. Whether there is memory for them, and what the driver says, changes
/// no group, and is [`room`]'s to tell.
pub fn with_vfs(host: &Host, pf: Address, count: u16) -> Result<Host, CannotSuppose> {
    let not_seen = CannotSuppose::NotSeen(pf);
    let function = host.functions.get(&pf).ok_or_else(|| not_seen.clone())?;
    let walk = function.config.known().map(|config| config.capabilities());
    let Some(Looked::Found(sriov)) = walk.as_ref().map(Walk::sriov) else {
        return Err(not_seen);
    };
    if count > sriov.total_vfs {
        return Err(CannotSuppose::TooMany { pf, asked: count, total: sriov.total_vfs });
    }
    if let Some(cause) = nowhere(host, function, count) {
        return Err(CannotSuppose::NoRoom { pf, asked: count, cause: Box::new(cause) });
    }
    let mut supposed = host.clone();
    for index in (0..count).map(VfIndex) {
        let at = sriov.vf_routing_id(pf, index.0);
        let address = at.ok_or(CannotSuppose::NoAddress { pf, index })?;
        let vf = || vf(function, sriov, address, VfId { pf, index });
        supposed.functions.entry(address).or_insert_with(vf);
        if let Some(Role::Pf(own)) = supposed.functions.get_mut(&pf).map(|pf| &mut pf.role) {
            own.vfs.insert(index, address);
        }
    }
    Ok(supposed)
}

/// Why VFs would have no place on any bus.
fn nowhere(host: &Host, function: &Function, count: u16) -> Option<Cause> {
    let room = room(host, function)?;
    let place = |question: &Question| {
        let limit = room.about(*question).0.filter(|limit| limit.most < count);
        limit.map(|limit| limit.cause.clone())
    };
    [Question::Registers, Question::Buses].iter().find_map(place)
}

fn vf(pf: &Function, sriov: &Sriov, address: Address, id: VfId) -> Function {
    let nothing = || format!("sys/bus/pci/devices/{address}");
    Function {
        address,
        path: nothing(),
        parent: pf.parent,
        controller: pf.controller,
        ids: Ids { device: sriov.vf_device, ..pf.ids },
        role: Role::Vf(id),
        driver: None,
        driver_override: Seen::not_asked(nothing()),
        modules: Seen::not_asked(nothing()),
        variants: Seen::not_asked(nothing()),
        iommu_group: None,
        behind_iommu: false,
        numa_node: pf.numa_node,
        config: Seen::Absent,
        resources: Seen::Absent,
        reset_methods: Seen::not_asked(nothing()),
        power_state: Seen::not_asked(nothing()),
        netdevs: Vec::new(),
        holders: Seen::Known(Vec::new()),
    }
}

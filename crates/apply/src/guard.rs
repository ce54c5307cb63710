//! Nothing in use is taken away: the proof that a function is idle, just before it is touched.

use virtfn_host::{
    Function, Guest, Guests, Holder, HolderKind, Host, Pf, Reason, Seen, is_vfio_driver,
};
use virtfn_kernel::SysRoot;
use virtfn_kernel::processes::{self, OpenNode};
use virtfn_pci::Address;
use virtfn_plan::{Action, Plan, Use};

/// Looks once more at what `plan` takes away, where the look that the plan was made from left a
/// doubt: the kernel says of a VFIO group whether anybody has it, even where it hides who.
///
/// Says whether anything was learnt.
pub(crate) fn settle_doubts(root: &SysRoot, host: &mut Host, plan: &Plan) -> bool {
    if !root.is_live() {
        return false;
    }
    let mut learnt = false;
    let guests = host.guests.known().cloned().unwrap_or_default();
    for address in taken(host, plan) {
        let Some(function) = host.functions.get_mut(&address) else { continue };
        let by_vfio = function.driver.as_deref().is_some_and(is_vfio_driver);
        let doubtful = function.holders.known().is_none_or(Vec::is_empty);
        if let (true, true, Some(group)) = (by_vfio, doubtful, function.iommu_group) {
            settle(function, group, &guests);
            learnt = true;
        }
    }
    learnt
}

fn settle(function: &mut Function, group: u32, guests: &Guests) {
    match processes::is_group_busy(group) {
        Seen::Known(false) => function.holders = Seen::Known(Vec::new()),
        Seen::Known(true) => function.holders = Seen::Known(suspects(group, guests)),
        Seen::Absent | Seen::Unreadable(_) => {}
    }
}

/// Who may have a group that somebody has: whoever holds a device that the kernel does not name.
fn suspects(group: u32, guests: &Guests) -> Vec<Holder> {
    let through = format!("/dev/vfio/{group} (busy)");
    let nodes = processes::open_nodes();
    let nameless = nodes.known().map(|nodes| nodes.nameless()).unwrap_or_default();
    let kind = if nameless.len() == 1 { HolderKind::Process } else { HolderKind::Unseen };
    let suspect = |node: &OpenNode| Holder {
        kind,
        name: if kind == HolderKind::Process {
            node.name.clone()
        } else {
            format!("perhaps {}", node.name)
        },
        pid: Some(node.pid),
        through: through.clone(),
        vm: guests.in_process(node.pid).map(Guest::vm),
    };
    if nameless.is_empty() {
        let name = "a process that cannot be seen from here".to_owned();
        return vec![Holder { kind, name, pid: None, through, vm: None }];
    }
    nameless.into_iter().map(suspect).collect()
}

/// A PF of this host whose lock does not come free, if `plan` makes or removes VFs: the kernel makes
/// every such write wait for the same lock.
pub(crate) fn stuck(host: &Host, plan: &Plan) -> Option<Address> {
    let numvfs = |step: &virtfn_plan::Step| matches!(step.action, Action::SetNumVfs { .. });
    let late = |pf: &Pf| pf.numvfs.unreadable().is_some_and(|why| why.why == Reason::TimedOut);
    let stuck = host.pfs().find(|(_, pf)| late(pf)).map(|(function, _)| function.address);
    stuck.filter(|_| plan.steps.iter().any(numvfs))
}

/// The functions that some step takes from somebody.
fn taken(host: &Host, plan: &Plan) -> Vec<Address> {
    let of_pf = |pf: Address| {
        let vfs = host.functions.get(&pf).and_then(Function::pf).map(|pf| pf.vfs.values().copied());
        vfs.into_iter().flatten().collect::<Vec<_>>()
    };
    let taken = plan.steps.iter().flat_map(|step| match &step.action {
        Action::SetNumVfs { pf, from, .. } if *from > 0 => of_pf(*pf),
        Action::Unbind { target, .. } => {
            let address = crate::place::of(host, *target);
            address
                .into_iter()
                .flat_map(|address| std::iter::once(address).chain(of_pf(address)))
                .collect()
        }
        _ => Vec::new(),
    });
    taken.collect()
}

/// Does anybody lose anything by `plan`, or could somebody?
pub(crate) fn interrupted(plan: &Plan) -> Vec<virtfn_plan::Interrupted> {
    let mut all: Vec<_> =
        plan.steps.iter().flat_map(|step| step.interrupts.iter().cloned()).collect();
    // What is known first; what is unknown still counts.
    all.sort_by_key(|hit| (matches!(hit.by, Use::Unknown(_)), hit.function));
    all.dedup();
    all
}

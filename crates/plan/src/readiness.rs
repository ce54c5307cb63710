//! The steps that make the host ready beside its devices: modules and huge pages.

use virtfn_host::{Host, HostPolicy, PageSize, Seen};

use crate::error::PlanError;
use crate::step::Action;

/// The actions that make the host what `wanted` says.
///
/// # Errors
/// When the machine has no such pages, or what it has could not be seen.
pub(crate) fn actions(host: &Host, wanted: &HostPolicy) -> Result<Vec<Action>, PlanError> {
    let modules = wanted.modules.iter().filter(|module| !is_there(host, module));
    let mut actions: Vec<Action> =
        modules.map(|module| Action::LoadModule { module: module.clone() }).collect();
    let mut more_kib = 0_u64;
    for (size, to) in &wanted.hugepages {
        let from = reserved(host, *size)?;
        more_kib = more_kib.saturating_add(to.saturating_sub(from).saturating_mul(size.kib()));
        if from != *to {
            actions.push(Action::SetHugepages { size: *size, from, to: *to });
        }
    }
    check_memory(host, more_kib)?;
    Ok(actions)
}

/// To make room, the kernel kills programs; whoever asks is among them.
fn check_memory(host: &Host, more_kib: u64) -> Result<(), PlanError> {
    match &host.platform.available_kib {
        Seen::Known(available_kib) if more_kib > *available_kib => {
            Err(PlanError::PagesBeyondMemory { more_kib, available_kib: *available_kib })
        }
        // More pages than could be judged are asked of nobody.
        Seen::Unreadable(unreadable) if more_kib > 0 => {
            Err(PlanError::HostUnseen(unreadable.clone()))
        }
        _ => Ok(()),
    }
}

/// Loaded, or part of the kernel. A name's dashes and underscores are the same to the kernel.
fn is_there(host: &Host, module: &str) -> bool {
    let plain = module.replace('-', "_");
    let has = |names: &Seen<std::collections::BTreeSet<String>>| {
        names.known().is_some_and(|names| names.contains(&plain))
    };
    has(&host.kernel.loaded_modules) || has(&host.platform.builtin_modules)
}

fn reserved(host: &Host, size: PageSize) -> Result<u64, PlanError> {
    let unseen = |unreadable: &virtfn_host::Unreadable| PlanError::HostUnseen(unreadable.clone());
    let pools = match &host.platform.hugepages {
        Seen::Known(pools) => pools.as_slice(),
        Seen::Absent => &[],
        Seen::Unreadable(unreadable) => return Err(unseen(unreadable)),
    };
    let whole = || pools.iter().filter(|pool| pool.node.is_none());
    let pool = whole().find(|pool| pool.page_kib == size.kib()).ok_or_else(|| {
        let sizes = whole().map(|pool| PageSize::of_kib(pool.page_kib).to_string());
        PlanError::NoSuchPages { size, there: sizes.collect() }
    })?;
    match &pool.total {
        Seen::Known(total) => Ok(*total),
        Seen::Absent => Ok(0),
        Seen::Unreadable(unreadable) => Err(unseen(unreadable)),
    }
}

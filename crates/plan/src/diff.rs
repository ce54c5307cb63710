//! From a machine and a policy to the steps between them.

use std::collections::{BTreeMap, BTreeSet};

use virtfn_host::{
    DriverChoice, Function, Host, Pf, PfPolicy, Policy, Role, Seen, VfAdmin, VfId, VfIndex,
    VfPolicy,
};
use virtfn_pci::Address;

use crate::error::PlanError;
use crate::eswitch;
use crate::firmware;
use crate::guests;
use crate::port::{self, Devlink};
use crate::room;
use crate::step::{Action, Interrupted, Plan, Step, Target, Use};
use crate::{driver, msix, netdev, readiness};

/// The steps that make `host` what `policy` says; none when it is that already.
///
/// # Errors
/// When no steps can.
pub fn diff(host: &Host, policy: &Policy) -> Result<Plan, PlanError> {
    let mut actions = Vec::new();
    let mut notes = Vec::new();
    actions.extend(readiness::actions(host, &policy.host)?);
    for (address, wanted) in &policy.pfs {
        let (function, pf) = host.pf(*address)?;
        check(host, *address, wanted)?;
        let of_firmware = firmware::actions(*address, pf, wanted)?;
        notes.extend(firmware::note(*address, pf, &of_firmware));
        if firmware::awaits_reset(pf, wanted) {
            if of_firmware.is_empty() {
                let (asked, total) = (wanted.vfs, pf.total_vfs);
                return Err(PlanError::AwaitsReset { pf: *address, asked, total });
            }
            // All else would have to be done again after the reset, and most of it cannot be before.
            actions.extend(of_firmware);
            continue;
        }
        actions.extend(of_firmware);
        if wanted.vfs > 0 && usize::from(wanted.vfs) != pf.vfs.len() {
            notes.extend(room::check(host, function, wanted.vfs)?);
        }
        let of_pf = pf_actions(host, *address, pf, wanted)?;
        notes.extend(eswitch::note(*address, pf, wanted, &of_pf));
        notes.extend(untold(*address, pf, &of_pf));
        notes.extend(guests::notes(host, *address, pf, wanted));
        actions.extend(of_pf);
    }
    for (address, wanted) in &policy.devices {
        let function = host.function(*address)?;
        if let Some(choice) = &wanted.driver {
            check_device(function, choice)?;
            actions.extend(driver::actions(host, function, Target::Function(*address), choice)?);
        }
    }
    let steps = once(actions).into_iter().map(|action| step(host, action)).collect();
    Ok(Plan { steps, notes })
}

/// What `actions` do to settings that the kernel's list of VFs leaves out: nobody can say what they
/// were, nor read back what they are.
fn untold(address: Address, pf: &Pf, actions: &[Action]) -> Option<String> {
    let told = pf.admin.known()?;
    let is_untold = |index: &VfIndex| pf.vfs.contains_key(index) && !told.contains_key(index);
    let made_anew = |action: &Action| matches!(action, Action::SetNumVfs { from: 0, .. });
    let (vfs, becomes) = if actions.iter().any(made_anew) {
        let all = pf.vfs.keys().filter(|index| is_untold(index)).count();
        (all, "those that the policy does not name are lost")
    } else {
        let set = actions.iter().filter_map(|action| match action {
            Action::SetVf { vf, .. } => Some(vf.index).filter(is_untold),
            _ => None,
        });
        (set.collect::<BTreeSet<_>>().len(), "they are written again, and cannot be read back")
    };
    let (short, of) = (address.short(), pf.vfs.len());
    (vfs > 0).then(|| {
        format!(
            "{short}: the kernel tells nothing of the settings of {vfs} of its {of} VFs: {becomes}"
        )
    })
}

/// A module is loaded once.
fn once(actions: Vec<Action>) -> Vec<Action> {
    let mut kept: Vec<Action> = Vec::new();
    for action in actions {
        if !matches!(action, Action::LoadModule { .. }) || !kept.contains(&action) {
            kept.push(action);
        }
    }
    kept
}

fn pf_actions(
    host: &Host,
    address: Address,
    pf: &Pf,
    wanted: &PfPolicy,
) -> Result<Vec<Action>, PlanError> {
    let now = pf.autoprobe.known().copied();
    let finally = wanted.autoprobe.or(now);
    let eswitch = eswitch::action(address, pf, wanted)?;
    if usize::from(wanted.vfs) == pf.vfs.len() && (eswitch.is_none() || wanted.vfs == 0) {
        let devlink = Devlink::of(pf, wanted, eswitch.is_some());
        let rest = settle(host, address, pf, wanted, &devlink, Autoprobe { now, finally })?;
        return Ok(eswitch.into_iter().chain(rest).collect());
    }
    // Not knowing the switch, no driver could be kept from VFs that are not ready for one.
    if let (Seen::Unreadable(unreadable), 1..) = (&pf.autoprobe, wanted.vfs) {
        return Err(PlanError::Unseen { device: address, unreadable: unreadable.clone() });
    }
    rebuild(host, address, pf, wanted, eswitch, Autoprobe { now, finally })
}

/// Whether the kernel looks for drivers of new VFs: now, and when all is done.
#[derive(Clone, Copy)]
struct Autoprobe {
    now: Option<bool>,
    finally: Option<bool>,
}

impl Autoprobe {
    /// The action that makes it `to`, if it is not.
    fn turn(&mut self, pf: Address, to: Option<bool>) -> Option<Action> {
        let (from, to) = (self.now?, to?);
        self.now = Some(to);
        (from != to).then_some(Action::SetAutoprobe { pf, from, to })
    }
}

/// Settles VFs that stay: no VF is made or removed.
fn settle(
    host: &Host,
    address: Address,
    pf: &Pf,
    wanted: &PfPolicy,
    devlink: &Devlink<'_>,
    mut autoprobe: Autoprobe,
) -> Result<Vec<Action>, PlanError> {
    let (groups, emptied) = devlink.groups(address, wanted)?;
    let mut admin = groups;
    let mut named = Vec::new();
    let mut left_to_kernel = Vec::new();
    let mut netdevs = Vec::new();
    for (index, vf_policy) in &wanted.vf {
        let vf = VfId { pf: address, index: *index };
        let now = pf.admin.known().and_then(|all| all.get(index)).cloned().unwrap_or_default();
        let on_port = devlink.settle(vf, vf_policy)?;
        admin.extend(vf_changes(vf, &on_port.admin, &now));
        admin.extend(on_port.rates);
        let function = pf.vfs.get(index).and_then(|vf| host.functions.get(vf));
        let Some(function) = function else { continue };
        let (target, choice) = (Target::Vf(vf), vf_policy.driver.as_ref());
        let actions = choice
            .map_or(Ok(Vec::new()), |choice| driver::actions(host, function, target, choice))?;
        let vectors = msix::action(function, vf, vf_policy.msix)?;
        let sets = on_port.function.into_iter().chain(vectors).collect();
        let actions = driver::around(function, target, sets, choice, actions);
        let anew = actions.iter().any(|action| matches!(action, Action::Probe { .. }));
        netdevs.extend(netdev::actions(host, function, target, &vf_policy.netdev, choice, anew));
        match choice {
            Some(DriverChoice::Named(_) | DriverChoice::None) => named.extend(actions),
            Some(DriverChoice::Default) | None => left_to_kernel.extend(actions),
        }
    }
    let mut actions =
        with_autoprobe(address, [admin, named].concat(), left_to_kernel, &mut autoprobe);
    actions.extend(netdevs);
    actions.extend(emptied);
    Ok(actions)
}

/// Adds what lets the kernel pick drivers while it shall, and puts the switch where it belongs.
fn with_autoprobe(
    pf: Address,
    mut actions: Vec<Action>,
    left_to_kernel: Vec<Action>,
    autoprobe: &mut Autoprobe,
) -> Vec<Action> {
    if left_to_kernel.iter().any(|action| matches!(action, Action::Probe { .. })) {
        actions.extend(autoprobe.turn(pf, Some(true)));
    }
    actions.extend(left_to_kernel);
    actions.extend(autoprobe.turn(pf, autoprobe.finally));
    actions
}

/// Removes the VFs there are and makes as many as there shall be, each as it shall be before any
/// driver sees it.
fn rebuild(
    host: &Host,
    address: Address,
    pf: &Pf,
    wanted: &PfPolicy,
    eswitch: Option<Action>,
    mut autoprobe: Autoprobe,
) -> Result<Vec<Action>, PlanError> {
    let devlink = Devlink::of(pf, wanted, true);
    let (groups, emptied) = devlink.groups(address, wanted)?;
    let there = u16::try_from(pf.vfs.len()).unwrap_or(u16::MAX);
    let mut actions = Vec::new();
    if there > 0 {
        actions.push(Action::SetNumVfs { pf: address, from: there, to: 0 });
    }
    actions.extend(eswitch);
    if wanted.vfs == 0 {
        actions.extend(groups);
        actions.extend(emptied);
        actions.extend(autoprobe.turn(address, autoprobe.finally));
        return Ok(actions);
    }
    let plain = VfPolicy::default();
    let of = |index| wanted.vf.get(&index).unwrap_or(&plain);
    let all: BTreeMap<VfIndex, &VfPolicy> =
        (0..wanted.vfs).map(VfIndex).map(|index| (index, of(index))).collect();
    // VFs whom the kernel may give to a driver at once need no holding back.
    let careful = all.values().any(|vf| is_touched(vf));
    let meanwhile = if careful { Some(false) } else { autoprobe.finally };
    actions.extend(autoprobe.turn(address, meanwhile));
    actions.push(Action::SetNumVfs { pf: address, from: 0, to: wanted.vfs });
    actions.extend(groups);
    let mut named = Vec::new();
    let mut left_to_kernel = Vec::new();
    let mut netdevs = Vec::new();
    for (index, vf_policy) in all {
        let vf = VfId { pf: address, index };
        let on_port = devlink.settle(vf, vf_policy)?;
        actions.extend(vf_changes(vf, &on_port.admin, &VfAdmin::untouched()));
        actions.extend(on_port.rates.into_iter().chain(on_port.function));
        actions.extend(msix::action_for_new(vf, vf_policy.msix));
        let choice = vf_policy.driver.as_ref();
        netdevs.extend(netdev::actions_for_new(Target::Vf(vf), &vf_policy.netdev, choice));
        let probe = Action::Probe { target: Target::Vf(vf), driver: None };
        match &vf_policy.driver {
            Some(DriverChoice::Named(driver)) => {
                named.extend(driver::actions_for_new(host, Target::Vf(vf), driver))
            }
            Some(DriverChoice::None) => {}
            Some(DriverChoice::Default) if careful || autoprobe.now == Some(false) => {
                left_to_kernel.push(probe)
            }
            None if careful && autoprobe.finally == Some(true) => left_to_kernel.push(probe),
            Some(DriverChoice::Default) | None => {}
        }
    }
    actions.extend(named);
    let mut actions = with_autoprobe(address, actions, left_to_kernel, &mut autoprobe);
    actions.extend(netdevs);
    actions.extend(emptied);
    Ok(actions)
}

/// Does this VF differ from one that nobody ever touched, in a way that must hold before a driver
/// takes it?
fn is_touched(vf: &VfPolicy) -> bool {
    let ordered = matches!(vf.driver, Some(DriverChoice::Named(_) | DriverChoice::None));
    ordered
        || vf.msix.is_some_and(|msix| msix > 0)
        || !vf.admin.changes_from(&VfAdmin::untouched()).is_empty()
        || port::is_touched(vf)
}

fn vf_changes(vf: VfId, wanted: &VfAdmin, now: &VfAdmin) -> Vec<Action> {
    let changes = wanted.changes_from(now).into_iter();
    changes.map(|to| Action::SetVf { vf, from: to.value_in(now), to }).collect()
}

fn check(host: &Host, address: Address, wanted: &PfPolicy) -> Result<(), PlanError> {
    let has_netdev =
        matches!(host.netdevs, Seen::Unreadable(_)) || host.netdevs_of(address).next().is_some();
    for (index, policy) in &wanted.vf {
        let vf = VfId { pf: address, index: *index };
        if index.0 >= wanted.vfs {
            return Err(PlanError::NoSuchVf { vf, vfs: wanted.vfs });
        }
        check_admin(vf, &policy.admin)?;
        if policy.admin != VfAdmin::default() && !has_netdev {
            return Err(PlanError::NoNetdev { vf });
        }
    }
    Ok(())
}

fn check_admin(vf: VfId, admin: &VfAdmin) -> Result<(), PlanError> {
    if let Some(mac) = admin.mac.filter(|mac| !mac.is_unicast() && !mac.is_zero()) {
        return Err(PlanError::GroupMac { vf, mac });
    }
    match (admin.min_rate, admin.max_rate) {
        (Some(min), Some(max)) if max.value() != 0 && min > max => {
            Err(PlanError::RatesCross { vf, min: min.value(), max: max.value() })
        }
        _ => Ok(()),
    }
}

fn check_device(function: &Function, choice: &DriverChoice) -> Result<(), PlanError> {
    if function.is_bridge() {
        return Err(PlanError::IsBridge { device: function.address });
    }
    match (&function.role, choice) {
        (Role::Pf(pf), DriverChoice::Named(driver))
            if !pf.vfs.is_empty() && function.driver.as_ref() != Some(driver) =>
        {
            let (pf, vfs) = (function.address, pf.vfs.len());
            Err(PlanError::PfHasVfs { pf, vfs, driver: driver.clone() })
        }
        _ => Ok(()),
    }
}

fn step(host: &Host, action: Action) -> Step {
    let hit: Vec<Address> = match &action {
        Action::SetNumVfs { pf, from, .. } if *from > 0 => vfs_of(host, *pf),
        // Some drivers make the PF's own interface anew.
        Action::SetEswitch { pf, .. } => vec![*pf],
        Action::Unbind { target, .. } => {
            let address = match target {
                Target::Function(address) => Some(*address),
                Target::Vf(id) => {
                    host.functions.get(&id.pf).and_then(|pf| pf.pf()?.vfs.get(&id.index).copied())
                }
            };
            // A PF's driver takes its VFs along.
            address
                .into_iter()
                .flat_map(|address| std::iter::once(address).chain(vfs_of(host, address)))
                .collect()
        }
        _ => Vec::new(),
    };
    let interrupts = hit.into_iter().flat_map(|address| interrupted(host, address)).collect();
    Step { action, interrupts }
}

fn vfs_of(host: &Host, pf: Address) -> Vec<Address> {
    let pf = host.functions.get(&pf).and_then(Function::pf);
    pf.into_iter().flat_map(|pf| pf.vfs.values().copied()).collect()
}

fn interrupted(host: &Host, address: Address) -> Vec<Interrupted> {
    let Some(function) = host.functions.get(&address) else { return Vec::new() };
    let (vf, network) = (function.vf(), function.is_network());
    let by = |by| Interrupted { function: address, vf, network, by };
    match &function.holders {
        Seen::Known(holders) => holders.iter().cloned().map(Use::Holder).map(by).collect(),
        Seen::Absent => Vec::new(),
        Seen::Unreadable(unreadable) => vec![by(Use::Unknown(unreadable.clone()))],
    }
}

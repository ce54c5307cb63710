//! The steps that make a VF's network interface on this host what it shall be.

use virtfn_host::{DriverChoice, Function, Host, NetdevChange, NetdevPolicy, is_vfio_driver};

use crate::step::{Action, Target};

/// The actions for a VF that is there; `anew`: a driver takes it in this plan, and makes its
/// interface anew. What no driver of the host has, has no interface.
pub(crate) fn actions(
    host: &Host,
    function: &Function,
    target: Target,
    wanted: &NetdevPolicy,
    choice: Option<&DriverChoice>,
    anew: bool,
) -> Vec<Action> {
    if *wanted == NetdevPolicy::default() {
        return Vec::new();
    }
    let drives = |driver: &String| !is_vfio_driver(driver);
    let has_driver = anew || function.driver.as_ref().is_some_and(drives);
    if !gives_interface(choice) || !has_driver || host.netdevs.known().is_none() {
        return Vec::new();
    }
    let netdev = host.netdevs_of(function.address).next().filter(|_| !anew);
    let holds = |change: &NetdevChange| netdev.is_some_and(|netdev| change.holds_in(netdev));
    let from = |change: &NetdevChange| netdev.and_then(|netdev| change.value_in(netdev));
    let changes = wanted.changes().into_iter().filter(|change| !holds(change));
    changes.map(|to| Action::SetNetdev { target, from: from(&to), to }).collect()
}

/// The actions for a VF that is made in this plan.
pub(crate) fn actions_for_new(
    target: Target,
    wanted: &NetdevPolicy,
    choice: Option<&DriverChoice>,
) -> Vec<Action> {
    if !gives_interface(choice) {
        return Vec::new();
    }
    let set = |to| Action::SetNetdev { target, from: None, to };
    wanted.changes().into_iter().map(set).collect()
}

fn gives_interface(choice: Option<&DriverChoice>) -> bool {
    match choice {
        Some(DriverChoice::None) => false,
        Some(DriverChoice::Named(driver)) => !is_vfio_driver(driver),
        Some(DriverChoice::Default) | None => true,
    }
}

//! The steps that give a function to a driver.

use virtfn_host::{DriverChoice, Function, Host, Seen, is_vfio_driver};

use crate::error::PlanError;
use crate::step::{Action, Target};

/// The actions that make `choice` true of a function that is there.
///
/// `driver_override` comes first, so that no moment is left in which another driver could take it;
/// `new_id` is never written: it would claim every device of the kind, and every VF to come.
pub(crate) fn actions(
    host: &Host,
    function: &Function,
    target: Target,
    choice: &DriverChoice,
) -> Result<Vec<Action>, PlanError> {
    let ordered = match &function.driver_override {
        Seen::Known(driver) => Some(driver.clone()),
        Seen::Absent => None,
        Seen::Unreadable(unreadable) => {
            let unreadable = unreadable.clone();
            return Err(PlanError::Unseen { device: function.address, unreadable });
        }
    };
    Ok(match choice {
        DriverChoice::Named(driver) => to_named(host, function, target, ordered, driver),
        DriverChoice::Default => to_default(host, function, target, ordered),
        DriverChoice::None => release(target, ordered, function.driver.as_deref()),
    })
}

/// The actions that give a VF that was just made, and that nobody has, to `driver`.
pub(crate) fn actions_for_new(host: &Host, target: Target, driver: &str) -> Vec<Action> {
    let order = Action::SetOverride { target, from: None, to: Some(driver.to_owned()) };
    let probe = Action::Probe { target, driver: Some(driver.to_owned()) };
    load(host, driver).into_iter().chain([order, probe]).collect()
}

/// A driver's actions with `sets` in their midst, while no driver has the function: taken from it for
/// them, where the actions do not so already.
pub(crate) fn around(
    function: &Function,
    target: Target,
    sets: Vec<Action>,
    choice: Option<&DriverChoice>,
    mut driver: Vec<Action>,
) -> Vec<Action> {
    if sets.is_empty() {
        return driver;
    }
    let frees = driver.iter().any(|action| matches!(action, Action::Unbind { .. }));
    if let Some(has_it) = function.driver.as_deref().filter(|_| !frees) {
        let named = match choice {
            Some(DriverChoice::Named(name)) => Some(name.clone()),
            _ => None,
        };
        driver.extend(unbind(target, Some(has_it)));
        driver.extend(sets);
        driver.push(Action::Probe { target, driver: named });
    } else {
        let probes = |action: &Action| matches!(action, Action::Probe { .. });
        let at = driver.iter().position(probes).unwrap_or(driver.len());
        driver.splice(at..at, sets);
    }
    driver
}

fn to_named(
    host: &Host,
    function: &Function,
    target: Target,
    ordered: Option<String>,
    driver: &str,
) -> Vec<Action> {
    let mut actions = Vec::new();
    let has_it = function.driver.as_deref() == Some(driver);
    if !has_it {
        actions.extend(load(host, driver));
    }
    if ordered.as_deref() != Some(driver) {
        actions.push(Action::SetOverride { target, from: ordered, to: Some(driver.to_owned()) });
    }
    if !has_it {
        actions.extend(unbind(target, function.driver.as_deref()));
        actions.push(Action::Probe { target, driver: Some(driver.to_owned()) });
    }
    actions
}

fn to_default(
    host: &Host,
    function: &Function,
    target: Target,
    ordered: Option<String>,
) -> Vec<Action> {
    let unwanted = function.driver.as_deref().filter(|driver| !is_default(function, driver));
    let mut actions = Vec::new();
    if function.driver.is_none() || unwanted.is_some() {
        let first = function.modules.known().and_then(|modules| modules.first());
        actions.extend(first.and_then(|module| load(host, module)));
    }
    let idle = function.driver.is_none() || unwanted.is_some();
    actions.extend(release(target, ordered, unwanted));
    if idle && has_candidate(function) {
        actions.push(Action::Probe { target, driver: None });
    }
    actions
}

/// Whether the kernel has a module that fits; where its table was not seen, it may.
fn has_candidate(function: &Function) -> bool {
    function.modules.known().is_none_or(|modules| !modules.is_empty())
}

/// Would the kernel pick this driver by itself?
fn is_default(function: &Function, driver: &str) -> bool {
    let plain = |name: &str| name.replace('-', "_");
    match &function.modules {
        Seen::Known(modules) if !modules.is_empty() => {
            modules.iter().any(|module| plain(module) == plain(driver))
        }
        _ => !is_vfio_driver(driver),
    }
}

fn release(target: Target, ordered: Option<String>, driver: Option<&str>) -> Vec<Action> {
    let clear = ordered.map(|from| Action::SetOverride { target, from: Some(from), to: None });
    clear.into_iter().chain(unbind(target, driver)).collect()
}

fn unbind(target: Target, driver: Option<&str>) -> Option<Action> {
    driver.map(|driver| Action::Unbind { target, driver: driver.to_owned() })
}

/// Loads a driver's module, unless the driver is registered. A module may name its driver with
/// dashes for underscores.
fn load(host: &Host, module: &str) -> Option<Action> {
    let plain = |name: &str| name.replace('-', "_");
    let registered = host.kernel.pci_drivers.known()?;
    let there = registered.iter().any(|driver| plain(driver) == plain(module));
    (!there).then(|| Action::LoadModule { module: module.to_owned() })
}

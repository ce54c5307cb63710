//! Runs one step, and reads back what came of it.

use std::time::{Duration, Instant};

use rustix::io::Errno;
use virtfn_host::{Host, Seen};
use virtfn_kernel::{Door, SysRoot, WriteError};
use virtfn_pci::Address;
use virtfn_plan::{Action, Target};

use crate::devlink;
use crate::error::Cause;
use crate::place::{self, attribute};

/// A VF that is being reset refuses its settings this long at most (nmstate, libvirt and the
/// drivers' own loops say about a second).
const SETTLE_LIMIT: Duration = Duration::from_secs(3);
/// A driver that takes a function has it within this time.
const BIND_LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// Runs `action`, and again while the kernel says that it is only busy.
pub(crate) fn run(
    root: &SysRoot,
    host: &Host,
    door: &mut Door<'_>,
    action: &Action,
) -> Result<(), Cause> {
    let deadline = Instant::now() + SETTLE_LIMIT;
    loop {
        match write(root, host, door, action) {
            Err(Cause::Write(error)) if may_pass(action, &error) && Instant::now() < deadline => {
                std::thread::sleep(PAUSE);
            }
            other => return other.and_then(|()| read_back(root, action)),
        }
    }
}

/// Is this refusal one that ends by itself?
fn may_pass(action: &Action, error: &WriteError) -> bool {
    match (action, error.errno()) {
        (Action::SetVf { .. }, Some(Errno::AGAIN | Errno::BUSY)) => true,
        (Action::SetNumVfs { .. } | Action::Probe { .. } | Action::Unbind { .. }, Some(errno)) => {
            errno == Errno::AGAIN
        }
        _ => false,
    }
}

fn write(root: &SysRoot, host: &Host, door: &mut Door<'_>, action: &Action) -> Result<(), Cause> {
    match action {
        Action::SetAutoprobe { pf, to, .. } => {
            Ok(door
                .write(&attribute(*pf, "sriov_drivers_autoprobe"), if *to { "1" } else { "0" })?)
        }
        Action::SetNumVfs { pf, to, .. } => {
            Ok(door.write(&attribute(*pf, "sriov_numvfs"), &to.to_string())?)
        }
        Action::SetVf { vf, to, .. } => {
            let gone = || Cause::ReadBack(format!("{} has no network interface", vf.pf.short()));
            let ifindex = devlink::ifindex(root, host, vf.pf).ok_or_else(gone)?;
            Ok(door.set_vf(ifindex, vf.index, *to)?)
        }
        Action::SetEswitch { pf, to, .. } => Ok(door.set_eswitch(&(*pf).into(), *to)?),
        Action::LoadModule { module } => Ok(door.load_module(module)?),
        Action::SetOverride { target, to, .. } => {
            // A newline clears it; nothing at all would never reach the kernel.
            let value = to.as_ref().map_or_else(|| "\n".into(), |driver| format!("{driver}\n"));
            Ok(door.write(&attribute(here(root, *target)?, "driver_override"), &value)?)
        }
        Action::Unbind { target, .. } => {
            let address = here(root, *target)?;
            Ok(door.write(&attribute(address, "driver/unbind"), &address.to_string())?)
        }
        Action::Probe { target, .. } => {
            Ok(door.write("sys/bus/pci/drivers_probe", &here(root, *target)?.to_string())?)
        }
    }
}

fn here(root: &SysRoot, target: Target) -> Result<Address, Cause> {
    place::now(root, target).ok_or_else(|| Cause::ReadBack(format!("{target} is not there")))
}

/// The kernel takes writes of which nothing, or something else, comes.
fn read_back(root: &SysRoot, action: &Action) -> Result<(), Cause> {
    match action {
        Action::SetNumVfs { pf, to, .. } => {
            let made = count_vfs(root, *pf);
            if made == Some(usize::from(*to)) {
                return await_drivers(root, *pf);
            }
            let made = made.map_or_else(|| "an unknown number".into(), |made| made.to_string());
            Err(Cause::ReadBack(format!(
                "the kernel took the write and {made} VFs are there, not {to}"
            )))
        }
        Action::SetEswitch { pf, to, .. } => devlink::read_back_eswitch(*pf, *to),
        Action::Probe { target, driver: Some(driver) } => {
            let address = here(root, *target)?;
            let has_it = || driver_of(root, address).as_deref() == Some(driver);
            if holds_within(BIND_LIMIT, has_it) {
                return Ok(());
            }
            let other = driver_of(root, address)
                .map_or_else(|| "no driver".into(), |other| format!("driver {other}"));
            Err(Cause::ReadBack(format!("{other} has it, not {driver}")))
        }
        Action::Unbind { target, driver } => {
            let address = here(root, *target)?;
            let gone = || driver_of(root, address).as_ref() != Some(driver);
            if holds_within(BIND_LIMIT, gone) {
                Ok(())
            } else {
                Err(Cause::ReadBack(format!("{driver} still has it")))
            }
        }
        _ => Ok(()),
    }
}

fn count_vfs(root: &SysRoot, pf: Address) -> Option<usize> {
    let folder = format!("sys/bus/pci/devices/{pf}");
    root.names(&folder, |name| name.starts_with("virtfn")).known().map(Vec::len)
}

/// A network driver that has a VF is still making its interface for a moment.
fn await_drivers(root: &SysRoot, pf: Address) -> Result<(), Cause> {
    let folder = format!("sys/bus/pci/devices/{pf}");
    let links = root.names(&folder, |name| name.starts_with("virtfn"));
    for link in links.known().into_iter().flatten() {
        let vf = root.link_name(&format!("{folder}/{link}"));
        let Some(address) = vf.known().and_then(|name| name.parse().ok()) else { continue };
        let settled = || driver_of(root, address).is_none() || has_netdev_if_network(root, address);
        // One that never comes is no failure of making VFs: the list shows what is there.
        holds_within(Duration::from_secs(2), settled);
    }
    Ok(())
}

fn has_netdev_if_network(root: &SysRoot, address: Address) -> bool {
    let class = root.text(&attribute(address, "class"));
    let network = class.known().is_some_and(|class| class.starts_with("0x02"));
    let by_vfio =
        driver_of(root, address).is_some_and(|driver| virtfn_host::is_vfio_driver(&driver));
    let netdevs = root.names(&attribute(address, "net"), |_| true);
    !network || by_vfio || netdevs.known().is_some_and(|names| !names.is_empty())
}

fn driver_of(root: &SysRoot, address: Address) -> Option<String> {
    match root.link_name(&attribute(address, "driver")) {
        Seen::Known(driver) => Some(driver),
        Seen::Absent | Seen::Unreadable(_) => None,
    }
}

fn holds_within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
}

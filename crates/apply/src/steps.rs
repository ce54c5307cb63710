//! One step: its write, tried again while the kernel is only busy, and its read-back.

use std::time::Duration;

use rustix::io::Errno;
use virtfn_kernel::WriteError;
use virtfn_pci::Address;
use virtfn_plan::{Action, Target};

use crate::error::Cause;
use crate::machine::{Machine, place};

/// A VF that is being reset refuses its settings this long at most (nmstate, libvirt and the
/// drivers' own loops say about a second).
const SETTLE_LIMIT: Duration = Duration::from_secs(3);
/// A driver that takes a function has it within this time.
const BIND_LIMIT: Duration = Duration::from_secs(10);
/// The driver of a new VF has made its interface within this time.
const NETDEV_LIMIT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);

/// Runs `action`, and again while the kernel says that it is only busy.
pub(crate) fn run(machine: &mut dyn Machine, action: &Action) -> Result<(), Cause> {
    if let Action::SetNetdev { target, .. } = action {
        let address = here(machine, *target)?;
        holds_within(machine, NETDEV_LIMIT, |machine| {
            machine.driver(address).is_some() && !machine.is_settling(address)
        });
    }
    let deadline = machine.now() + SETTLE_LIMIT;
    loop {
        match machine.write(action) {
            Err(Cause::Write(error)) if may_pass(action, &error) && machine.now() < deadline => {
                machine.pause(PAUSE);
            }
            other => return other.and_then(|()| read_back(machine, action)),
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

/// The kernel takes writes of which nothing, or something else, comes.
fn read_back(machine: &mut dyn Machine, action: &Action) -> Result<(), Cause> {
    match action {
        Action::SetNumVfs { pf, to, .. } => {
            let made = machine.vfs(*pf).map(|vfs| vfs.len());
            if made == Some(usize::from(*to)) {
                await_drivers(machine, *pf);
                return Ok(());
            }
            let made = made.map_or_else(|| "an unknown number".into(), |made| made.to_string());
            Err(Cause::ReadBack(format!(
                "the kernel took the write and {made} VFs are there, not {to}"
            )))
        }
        Action::SetEswitch { pf, to, .. } => match machine.eswitch(*pf) {
            Ok(now) if now == *to => Ok(()),
            Ok(now) => Err(Cause::ReadBack(format!("the kernel took the write, and it is {now}"))),
            Err(why) => Err(Cause::ReadBack(format!("its mode cannot be read back: {why}"))),
        },
        Action::SetFirmware { pf, to, .. } => match machine.firmware(*pf) {
            Ok(now) if to.holds_in(now) => Ok(()),
            Ok(_) => {
                let name = to.name();
                Err(Cause::ReadBack(format!("the kernel took the write, and {name} is as it was")))
            }
            Err(why) => Err(Cause::ReadBack(format!("it cannot be read back: {why}"))),
        },
        Action::Probe { target, driver: Some(driver) } => {
            let address = here(machine, *target)?;
            let has_it =
                |machine: &mut dyn Machine| machine.driver(address).as_ref() == Some(driver);
            if holds_within(machine, BIND_LIMIT, has_it) {
                return Ok(());
            }
            let other = machine.driver(address);
            let other = other.map_or_else(|| "no driver".into(), |other| format!("driver {other}"));
            Err(Cause::ReadBack(format!("{other} has it, not {driver}")))
        }
        Action::SetHugepages { size, to, .. } => match machine.hugepages(*size) {
            Some(pages) if pages == *to => Ok(()),
            Some(pages) => Err(Cause::ReadBack(format!(
                "the kernel took the write and {pages} pages are reserved, not {to}: more are in use, or its memory is in pieces"
            ))),
            None => Err(Cause::ReadBack("the number of pages cannot be read".into())),
        },
        Action::Unbind { target, driver } => {
            let address = here(machine, *target)?;
            let gone = |machine: &mut dyn Machine| machine.driver(address).as_ref() != Some(driver);
            if holds_within(machine, BIND_LIMIT, gone) {
                Ok(())
            } else {
                Err(Cause::ReadBack(format!("{driver} still has it")))
            }
        }
        _ => Ok(()),
    }
}

fn here(machine: &mut dyn Machine, target: Target) -> Result<Address, Cause> {
    place(machine, target).ok_or_else(|| Cause::ReadBack(format!("{target} is not there")))
}

/// A network driver that has a VF is still making its interface for a moment. One that never comes
/// is no failure of making VFs: the list shows what is there.
fn await_drivers(machine: &mut dyn Machine, pf: Address) {
    for vf in machine.vfs(pf).unwrap_or_default() {
        holds_within(machine, NETDEV_LIMIT, |machine| !machine.is_settling(vf));
    }
}

fn holds_within(
    machine: &mut dyn Machine,
    limit: Duration,
    mut condition: impl FnMut(&mut dyn Machine) -> bool,
) -> bool {
    let deadline = machine.now() + limit;
    loop {
        if condition(machine) {
            return true;
        }
        if machine.now() >= deadline {
            return false;
        }
        machine.pause(PAUSE);
    }
}

//! Is the PF's driver able to make VFs in its present state?

use virtfn_host::{Function, Host, Reason, Seen};
use virtfn_pci::Looked;

use super::{Answer, Cause, Limit};
use crate::acs::Unseen;
use crate::drivers::{Down, Known, known};

pub(super) fn judge(host: &Host, function: &Function) -> Answer {
    let Some(known) = known(function) else {
        return Ok(None);
    };
    if let Some(limit) = down(host, function, known) {
        return Ok(Some(limit));
    }
    if known.needs_msix { msix(host, function, known) } else { Ok(None) }
}

/// Some drivers take the order, make no VF and call that success.
fn down(host: &Host, function: &Function, known: &Known) -> Option<Limit> {
    let mut netdevs = host.netdevs_of(function.address).peekable();
    let first = netdevs.peek()?.name.clone();
    let refuses = known.down == Down::MakesNone && netdevs.all(|netdev| !netdev.up);
    let cause = Cause::Down { driver: known.driver, netdev: first };
    refuses.then_some(Limit { most: 0, cause })
}

/// Whether the driver has MSI-X is decided when it takes the device: by then the kernel was told to
/// leave MSI alone, or not. That the bit is off at this moment proves nothing by itself: a device
/// that sleeps has it off too.
fn msix(host: &Host, function: &Function, known: &Known) -> Answer {
    let none = |capable| {
        let cause = Cause::NoMsiX { driver: known.driver, capable };
        Ok(Some(Limit { most: 0, cause }))
    };
    let walk = match &function.config {
        Seen::Known(config) => config.capabilities(),
        Seen::Absent | Seen::Unreadable(_) => return Err(Unseen::config(function)),
    };
    match walk.msi_x() {
        Looked::Found(msix) if msix.enabled => Ok(None),
        Looked::Found(_) if told_to_leave_msi(host) => none(true),
        Looked::Found(_) => Err(Unseen::because(
            function,
            Reason::Failed("MSI-X is off; whether the driver could have it is not known".into()),
        )),
        Looked::Absent => none(false),
        Looked::NotVisible(_) => Err(Unseen::config(function)),
    }
}

/// `pci=nomsi` (`drivers/pci/pci.c`, `pci_setup`).
fn told_to_leave_msi(host: &Host) -> bool {
    let line = host.kernel.command_line.known().map_or("", String::as_str);
    let options = line.split_whitespace().filter_map(|word| word.strip_prefix("pci="));
    options.flat_map(|options| options.split(',')).any(|option| option == "nomsi")
}

//! What devlink says of PFs.

use serde::Serialize;
use serde::de::DeserializeOwned;
use virtfn_host::{Host, Reason, Role, Seen, Unreadable};
use virtfn_kernel::SysRoot;
use virtfn_kernel::netlink::NetlinkError;
use virtfn_kernel::netlink::devlink::Devlink;

use crate::look::Look;

/// Not a word from devlink: no such device there, no devlink, or a driver without the command.
const NOTHING: [i32; 3] = [2, 19, 95];

/// Reads each PF's mode, and what its firmware offers. A recording from before they were asked for
/// knows nothing of them.
pub(crate) fn read(root: &SysRoot, host: &mut Host, look: &Look) {
    for function in host.functions.values_mut().filter(|function| look.covers(function)) {
        let device = function.address;
        let Role::Pf(pf) = &mut function.role else { continue };
        pf.eswitch = fact(root, &format!("eswitch-{device}"), |devlink| {
            devlink.eswitch(&device.into()).map(Some)
        });
        pf.firmware = fact(root, &format!("firmware-vfs-{device}"), |devlink| {
            devlink.firmware_vfs(&device.into())
        });
    }
}

fn fact<T: Serialize + DeserializeOwned>(
    root: &SysRoot,
    name: &str,
    question: impl FnOnce(&mut Devlink) -> Result<Option<T>, NetlinkError>,
) -> Seen<T> {
    match root.fact(name, || ask(question)) {
        Seen::Known(Some(value)) => Seen::Known(value),
        Seen::Known(None) => Seen::Absent,
        Seen::Absent => Seen::not_asked(format!("virtfn/{name}.json")),
        Seen::Unreadable(unreadable) => Seen::Unreadable(unreadable),
    }
}

/// `Known(None)`: there is nothing to know.
fn ask<T>(
    question: impl FnOnce(&mut Devlink) -> Result<Option<T>, NetlinkError>,
) -> Seen<Option<T>> {
    let answer = Devlink::open().and_then(|mut devlink| question(&mut devlink));
    let why = match answer {
        Ok(value) => return Seen::Known(value),
        Err(NetlinkError::TimedOut) => Reason::TimedOut,
        Err(error) => match error.errno().map(|errno| errno.raw_os_error()) {
            Some(errno) if NOTHING.contains(&errno) => return Seen::Known(None),
            Some(1 | 13) => Reason::NotPermitted,
            _ => Reason::Failed(error.to_string()),
        },
    };
    Seen::Unreadable(Unreadable { path: String::new(), why })
}

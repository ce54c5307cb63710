//! What devlink says of PFs.

use serde::Serialize;
use serde::de::DeserializeOwned;
use virtfn_host::{EswitchMode, Host, Reason, Role, Seen, Unreadable};
use virtfn_kernel::SysRoot;
use virtfn_kernel::netlink::NetlinkError;
use virtfn_kernel::netlink::devlink::{Devlink, Handle};

use crate::look::Look;

/// Not a word from devlink: no such device there, no devlink, or a driver without the command.
const NOTHING: [i32; 3] = [2, 19, 95];

/// Reads each PF's mode, its VFs' ports, and what its firmware offers. A recording from before they
/// were asked for knows nothing of them.
pub(crate) fn read(root: &SysRoot, host: &mut Host, look: &Look) {
    let mut line = Line { root, devlink: None };
    for function in host.functions.values_mut().filter(|function| look.covers(function)) {
        let device = function.address;
        let handle = Handle::from(device);
        let Role::Pf(pf) = &mut function.role else { continue };
        pf.eswitch =
            line.fact(&format!("eswitch-{device}"), |devlink| devlink.eswitch(&handle).map(Some));
        pf.firmware =
            line.fact(&format!("firmware-vfs-{device}"), |devlink| devlink.firmware_vfs(&handle));
        pf.ports = match &pf.eswitch {
            Seen::Known(EswitchMode::Legacy) | Seen::Absent => Seen::Absent,
            Seen::Known(_) => {
                line.fact(&format!("ports-{device}"), |devlink| devlink.ports(&handle).map(Some))
            }
            Seen::Unreadable(unreadable) => Seen::Unreadable(unreadable.clone()),
        };
    }
}

/// One socket for all questions, opened at the first.
struct Line<'a> {
    root: &'a SysRoot,
    devlink: Option<Devlink>,
}

impl Line<'_> {
    fn fact<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &str,
        question: impl FnOnce(&mut Devlink) -> Result<Option<T>, NetlinkError>,
    ) -> Seen<T> {
        let root = self.root;
        match root.fact(name, || self.ask(question)) {
            Seen::Known(Some(value)) => Seen::Known(value),
            Seen::Known(None) => Seen::Absent,
            Seen::Absent => Seen::not_asked(format!("virtfn/{name}.json")),
            Seen::Unreadable(unreadable) => Seen::Unreadable(unreadable),
        }
    }

    /// `Known(None)`: there is nothing to know.
    fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut Devlink) -> Result<Option<T>, NetlinkError>,
    ) -> Seen<Option<T>> {
        let why = match self.open().and_then(question) {
            Ok(value) => return Seen::Known(value),
            Err(NetlinkError::TimedOut) => Reason::TimedOut,
            Err(error) => match error.errno().map(|errno| errno.raw_os_error()) {
                Some(errno) if NOTHING.contains(&errno) => return Seen::Known(None),
                Some(1 | 13) => Reason::NotPermitted,
                _ => Reason::Failed(error.to_string()),
            },
        };
        // An answer that comes late is no answer to the next question.
        self.devlink = None;
        Seen::Unreadable(Unreadable { path: String::new(), why })
    }

    fn open(&mut self) -> Result<&mut Devlink, NetlinkError> {
        match &mut self.devlink {
            Some(devlink) => Ok(devlink),
            none => Ok(none.insert(Devlink::open()?)),
        }
    }
}

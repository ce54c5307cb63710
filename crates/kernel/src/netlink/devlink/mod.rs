//! devlink over generic netlink: a card's switch, parameters, ports and rates.
//!
//! [`Devlink::open`] finds the family; each question is one exchange with a time limit. Numbers are
//! of include/uapi/linux/devlink.h and include/uapi/linux/genetlink.h. Reading an answer never
//! panics, whatever its bytes: [`parse`] is what the fuzzer feeds.

mod bytes;
mod eswitch;
mod param;
mod port;
mod rate;

use serde::{Deserialize, Serialize};
use virtfn_pci::Address;

use super::socket::{Netlink, NetlinkError};
use bytes::Builder;

pub use rate::GroupChange;

/// `NLM_F_DUMP`: all there are.
const NLM_F_DUMP: u16 = 0x300;
/// `GENL_ID_CTRL`: the family that knows the others.
const CONTROL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
/// `struct nlmsghdr` and `struct genlmsghdr`.
const HEADERS: usize = 16 + 4;

const DEVLINK_ATTR_BUS_NAME: u16 = 1;
const DEVLINK_ATTR_DEV_NAME: u16 = 2;

/// A device as devlink names it: its bus, and its name there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Handle {
    /// `pci`.
    pub bus: String,
    /// `0000:0b:00.0`.
    pub device: String,
}

impl From<Address> for Handle {
    fn from(address: Address) -> Self {
        Self { bus: "pci".into(), device: address.to_string() }
    }
}

impl std::fmt::Display for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.bus, self.device)
    }
}

/// A generic netlink socket that speaks devlink.
#[derive(Debug)]
pub struct Devlink {
    netlink: Netlink,
    family: u16,
}

impl Devlink {
    /// Opens it.
    ///
    /// # Errors
    /// When the kernel has no devlink (`ENOENT`), or is silent.
    pub fn open() -> Result<Self, NetlinkError> {
        let mut netlink = Netlink::open_generic()?;
        let name = Builder::default().text(CTRL_ATTR_FAMILY_NAME, "devlink");
        let payload = name.message(CTRL_CMD_GETFAMILY, 2);
        let answers = netlink.exchange(CONTROL, 0, &payload)?;
        let family = answers.iter().find_map(|answer| {
            bytes::attributes(answer.get(HEADERS..)?)
                .find(|(kind, _)| *kind == CTRL_ATTR_FAMILY_ID)
                .and_then(|(_, value)| bytes::u16_of(value))
        });
        let family = family.ok_or_else(|| NetlinkError::Malformed("devlink's number".into()))?;
        Ok(Self { netlink, family })
    }

    fn ask(&mut self, command: u8, request: &Builder) -> Result<Vec<Vec<u8>>, NetlinkError> {
        self.netlink.exchange(self.family, 0, &request.message(command, 1))
    }

    /// All that the kernel lists of `device` for this command.
    fn list<T>(
        &mut self,
        command: u8,
        device: &Handle,
        parse: fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, NetlinkError> {
        let request = about(device).message(command, 1);
        let answers = self.netlink.exchange(self.family, NLM_F_DUMP, &request)?;
        let ours = answers.iter().filter(|message| is_about(message, device));
        Ok(ours.filter_map(|message| parse(message)).collect())
    }
}

/// The beginning of every request: which device.
fn about(device: &Handle) -> Builder {
    Builder::default()
        .text(DEVLINK_ATTR_BUS_NAME, &device.bus)
        .text(DEVLINK_ATTR_DEV_NAME, &device.device)
}

/// Is this message about `device`? Kernels before 6.3 send every device's with a list.
fn is_about(message: &[u8], device: &Handle) -> bool {
    let named = |wanted: u16| {
        body(message).find(|(kind, _)| *kind == wanted).and_then(|(_, value)| bytes::text_of(value))
    };
    named(DEVLINK_ATTR_BUS_NAME).as_deref() == Some(device.bus.as_str())
        && named(DEVLINK_ATTR_DEV_NAME).as_deref() == Some(device.device.as_str())
}

fn body(message: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    bytes::attributes(message.get(HEADERS..).unwrap_or_default())
}

/// Reads one message in every way that there is; for the fuzzer, which only wants no panic.
#[must_use]
pub fn parse(message: &[u8]) -> usize {
    let device = Handle { bus: "pci".into(), device: "0000:0b:00.0".into() };
    usize::from(is_about(message, &device))
        + usize::from(eswitch::parse(message).is_some())
        + usize::from(param::parse(message).is_some())
        + usize::from(port::parse(message).is_some())
        + usize::from(rate::parse(message).is_some())
}

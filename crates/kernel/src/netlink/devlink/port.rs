//! A card's ports: which VF each belongs to, and what the function behind it may do.

use virtfn_host::VfIndex;

use super::{Devlink, Handle, about, body, bytes};
use crate::netlink::NetlinkError;

const DEVLINK_CMD_PORT_GET: u8 = 5;
const DEVLINK_ATTR_PORT_INDEX: u16 = 3;
const DEVLINK_ATTR_PORT_NETDEV_NAME: u16 = 7;
const DEVLINK_ATTR_PORT_PCI_VF_NUMBER: u16 = 128;
const DEVLINK_ATTR_PORT_FUNCTION: u16 = 145;
const DEVLINK_PORT_FN_ATTR_HW_ADDR: u16 = 1;
const DEVLINK_PORT_FN_ATTR_CAPS: u16 = 4;

/// One port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// Its number on the device.
    pub index: u32,
    /// Its interface on the host: a representor, for a VF's port.
    pub netdev: Option<String>,
    /// The VF behind it.
    pub vf: Option<VfIndex>,
    /// That function's hardware address: six bytes of Ethernet, 20 of InfiniBand.
    pub hw_addr: Option<Vec<u8>>,
    /// What that function may do (`DEVLINK_PORT_FN_CAP_*`): the bits, and which of them count.
    pub caps: Option<(u32, u32)>,
}

impl Devlink {
    /// All ports of a device.
    ///
    /// # Errors
    /// As for every exchange.
    pub fn ports(&mut self, device: &Handle) -> Result<Vec<Port>, NetlinkError> {
        let answers = self.dump(DEVLINK_CMD_PORT_GET, &about(device))?;
        let ours = answers.iter().filter(|message| super::is_about(message, device));
        Ok(ours.filter_map(|message| parse(message)).collect())
    }
}

pub(super) fn parse(message: &[u8]) -> Option<Port> {
    let mut port = Port::default();
    let mut index = None;
    for (kind, value) in body(message) {
        match kind {
            DEVLINK_ATTR_PORT_INDEX => index = bytes::u32_of(value),
            DEVLINK_ATTR_PORT_NETDEV_NAME => port.netdev = bytes::text_of(value),
            DEVLINK_ATTR_PORT_PCI_VF_NUMBER => port.vf = bytes::u16_of(value).map(VfIndex),
            DEVLINK_ATTR_PORT_FUNCTION => {
                for (kind, value) in bytes::attributes(value) {
                    match kind {
                        DEVLINK_PORT_FN_ATTR_HW_ADDR => port.hw_addr = Some(value.to_vec()),
                        DEVLINK_PORT_FN_ATTR_CAPS => port.caps = bitfield(value),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Some(Port { index: index?, ..port })
}

/// `struct nla_bitfield32`: the bits, and which of them count.
fn bitfield(value: &[u8]) -> Option<(u32, u32)> {
    Some((bytes::u32_of(value)?, bytes::u32_of(value.get(4..)?)?))
}

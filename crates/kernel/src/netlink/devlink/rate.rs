//! Rates: a VF's port is a leaf, a group of them a node with a name.

use super::{Devlink, Handle, about, body, bytes};
use crate::netlink::NetlinkError;

const DEVLINK_CMD_RATE_GET: u8 = 74;
const DEVLINK_ATTR_PORT_INDEX: u16 = 3;
const DEVLINK_ATTR_RATE_TX_SHARE: u16 = 166;
const DEVLINK_ATTR_RATE_TX_MAX: u16 = 167;
const DEVLINK_ATTR_RATE_NODE_NAME: u16 = 168;
const DEVLINK_ATTR_RATE_PARENT_NODE_NAME: u16 = 169;
const DEVLINK_ATTR_RATE_TX_PRIORITY: u16 = 177;
const DEVLINK_ATTR_RATE_TX_WEIGHT: u16 = 178;

/// One rate object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// The port that is this leaf.
    pub port: Option<u32>,
    /// The name of this node.
    pub node: Option<String>,
    /// Promised, in bytes a second.
    pub tx_share: Option<u64>,
    /// Not to be passed, in bytes a second.
    pub tx_max: Option<u64>,
    /// Higher goes first.
    pub tx_priority: Option<u32>,
    /// Its part among equals.
    pub tx_weight: Option<u32>,
    /// The node that it belongs to.
    pub parent: Option<String>,
}

impl Devlink {
    /// All rate objects of a device.
    ///
    /// # Errors
    /// As for every exchange.
    pub fn rates(&mut self, device: &Handle) -> Result<Vec<Rate>, NetlinkError> {
        let answers = self.dump(DEVLINK_CMD_RATE_GET, &about(device))?;
        let ours = answers.iter().filter(|message| super::is_about(message, device));
        Ok(ours.filter_map(|message| parse(message)).collect())
    }
}

pub(super) fn parse(message: &[u8]) -> Option<Rate> {
    let mut rate = Rate::default();
    for (kind, value) in body(message) {
        match kind {
            DEVLINK_ATTR_PORT_INDEX => rate.port = bytes::u32_of(value),
            DEVLINK_ATTR_RATE_NODE_NAME => rate.node = bytes::text_of(value),
            DEVLINK_ATTR_RATE_TX_SHARE => rate.tx_share = bytes::u64_of(value),
            DEVLINK_ATTR_RATE_TX_MAX => rate.tx_max = bytes::u64_of(value),
            DEVLINK_ATTR_RATE_TX_PRIORITY => rate.tx_priority = bytes::u32_of(value),
            DEVLINK_ATTR_RATE_TX_WEIGHT => rate.tx_weight = bytes::u32_of(value),
            DEVLINK_ATTR_RATE_PARENT_NODE_NAME => rate.parent = bytes::text_of(value),
            _ => {}
        }
    }
    // A leaf is a port, a node has a name; what is neither is no rate.
    (rate.port.is_some() || rate.node.is_some()).then_some(rate)
}

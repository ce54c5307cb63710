//! Rates: a VF's port is a leaf, a group of them a node with a name. The kernel counts bytes a second.

use rustix::io::Errno;
use virtfn_host::{Limits, Mbps, Ports};

use super::bytes::Builder;
use super::port::DEVLINK_ATTR_PORT_INDEX;
use super::{Devlink, Handle, about, body, bytes};
use crate::netlink::NetlinkError;

const DEVLINK_CMD_RATE_GET: u8 = 74;
const DEVLINK_CMD_RATE_SET: u8 = 75;
const DEVLINK_CMD_RATE_NEW: u8 = 76;
const DEVLINK_CMD_RATE_DEL: u8 = 77;
const DEVLINK_ATTR_RATE_TX_SHARE: u16 = 166;
const DEVLINK_ATTR_RATE_TX_MAX: u16 = 167;
const DEVLINK_ATTR_RATE_NODE_NAME: u16 = 168;
const DEVLINK_ATTR_RATE_PARENT_NODE_NAME: u16 = 169;
const BYTES_PER_MBIT: u64 = 125_000;

/// What is done to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum GroupChange {
    /// It is made.
    Make(Limits),
    /// It has other rates.
    Set(Limits),
    /// It goes; the kernel refuses while VFs are in it.
    Remove,
}

/// One rate object.
#[derive(Debug, Default)]
pub(super) struct Rate {
    port: Option<u32>,
    node: Option<String>,
    limits: Limits,
    parent: Option<String>,
}

impl Devlink {
    /// Adds to a device's ports what they may send, and the groups. A kernel before 5.13 and a driver
    /// without rates have none.
    pub(super) fn add_rates(
        &mut self,
        device: &Handle,
        ports: &mut Ports,
    ) -> Result<(), NetlinkError> {
        let rates = match self.list(DEVLINK_CMD_RATE_GET, device, parse) {
            Ok(rates) => rates,
            Err(error) if error.errno() == Some(Errno::OPNOTSUPP) => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut leaves = std::collections::BTreeMap::new();
        for rate in rates {
            match (rate.node, rate.port) {
                (Some(name), _) => _ = ports.groups.insert(name, rate.limits),
                (None, Some(port)) => _ = leaves.insert(port, (rate.limits, rate.parent)),
                (None, None) => {}
            }
        }
        for port in ports.vfs.values_mut() {
            if let Some((limits, group)) = leaves.remove(&port.index) {
                (port.limits, port.group) = (Some(limits), group);
            }
        }
        Ok(())
    }

    pub(super) fn set_rate(&mut self, request: &Builder) -> Result<(), NetlinkError> {
        self.ask(DEVLINK_CMD_RATE_SET, request).map(|_| ())
    }

    /// Makes, changes or removes a group.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn set_group(
        &mut self,
        device: &Handle,
        name: &str,
        change: GroupChange,
    ) -> Result<(), NetlinkError> {
        let group = about(device).text(DEVLINK_ATTR_RATE_NODE_NAME, name);
        let (command, request) = match change {
            GroupChange::Make(limits) => (DEVLINK_CMD_RATE_NEW, group.limits(limits)),
            GroupChange::Set(limits) => (DEVLINK_CMD_RATE_SET, group.limits(limits)),
            GroupChange::Remove => (DEVLINK_CMD_RATE_DEL, group),
        };
        self.ask(command, &request).map(|_| ())
    }
}

impl Builder {
    /// The two rates of a port or a group.
    pub(super) fn limits(self, limits: Limits) -> Self {
        let bytes = |rate: Mbps| u64::from(rate.value()) * BYTES_PER_MBIT;
        self.bytes(DEVLINK_ATTR_RATE_TX_SHARE, &bytes(limits.min).to_ne_bytes())
            .bytes(DEVLINK_ATTR_RATE_TX_MAX, &bytes(limits.max).to_ne_bytes())
    }

    /// The group of a port; an empty name for none.
    pub(super) fn parent(self, name: Option<&str>) -> Self {
        self.text(DEVLINK_ATTR_RATE_PARENT_NODE_NAME, name.unwrap_or_default())
    }
}

/// A leaf is a port, a node has a name; what is neither is no rate.
pub(super) fn parse(message: &[u8]) -> Option<Rate> {
    let mut rate = Rate::default();
    for (kind, value) in body(message) {
        match kind {
            DEVLINK_ATTR_PORT_INDEX => rate.port = bytes::u32_of(value),
            DEVLINK_ATTR_RATE_NODE_NAME => rate.node = bytes::text_of(value),
            DEVLINK_ATTR_RATE_TX_SHARE => rate.limits.min = mbps(value),
            DEVLINK_ATTR_RATE_TX_MAX => rate.limits.max = mbps(value),
            DEVLINK_ATTR_RATE_PARENT_NODE_NAME => rate.parent = bytes::text_of(value),
            _ => {}
        }
    }
    (rate.port.is_some() || rate.node.is_some()).then_some(rate)
}

/// Rounded up: a limit below one Mbit/s is one, and not none.
fn mbps(value: &[u8]) -> Mbps {
    let bytes = bytes::u64_of(value).unwrap_or_default();
    let rate = u32::try_from(bytes.div_ceil(BYTES_PER_MBIT)).unwrap_or(u32::MAX);
    Mbps::new(rate).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_limit_is_not_none() {
        for (bytes, told) in [(0, 0), (1, 1), (125_000, 1), (125_001, 2), (u64::MAX, u32::MAX)] {
            assert_eq!(mbps(&u64::to_ne_bytes(bytes)).value(), told);
        }
    }

    #[test]
    fn a_group_is_read_as_it_is_written() {
        let rate = |value| Mbps::new(value).unwrap();
        let limits = Limits { min: rate(10), max: rate(25_000) };
        let device = about(&Handle { bus: "pci".into(), device: "0000:0b:00.0".into() });
        let node = device.text(DEVLINK_ATTR_RATE_NODE_NAME, "gold").limits(limits);
        let rate = parse(&[&[0; 16][..], &node.message(DEVLINK_CMD_RATE_NEW, 1)].concat()).unwrap();
        assert_eq!((rate.node.as_deref(), rate.limits, rate.port), (Some("gold"), limits, None));
    }
}

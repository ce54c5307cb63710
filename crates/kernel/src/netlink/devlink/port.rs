//! A card's ports: which VF each belongs to, what the function behind it may do and may send.

use std::collections::BTreeMap;

use virtfn_host::{Capability, PortChange, Ports, Switch, VfIndex, VfPort};

use super::bytes::Builder;
use super::{Devlink, Handle, about, body, bytes};
use crate::netlink::NetlinkError;

const DEVLINK_CMD_PORT_GET: u8 = 5;
const DEVLINK_CMD_PORT_SET: u8 = 6;
pub(super) const DEVLINK_ATTR_PORT_INDEX: u16 = 3;
const DEVLINK_ATTR_PORT_PCI_VF_NUMBER: u16 = 128;
const DEVLINK_ATTR_PORT_FUNCTION: u16 = 145;
const DEVLINK_ATTR_PORT_EXTERNAL: u16 = 149;
const DEVLINK_PORT_FN_ATTR_CAPS: u16 = 4;
const DEVLINK_PORT_FN_ATTR_MAX_IO_EQS: u16 = 6;
/// `NLA_F_NESTED`.
const NESTED: u16 = 0x8000;

impl Devlink {
    /// The ports of a device's VFs, with their rates and groups.
    ///
    /// # Errors
    /// As for every exchange.
    pub fn ports(&mut self, device: &Handle) -> Result<Ports, NetlinkError> {
        let mut ports = Ports::default();
        for (vf, port) in self.list(DEVLINK_CMD_PORT_GET, device, parse)? {
            ports.vfs.insert(vf, port);
        }
        self.add_rates(device, &mut ports)?;
        Ok(ports)
    }

    /// Changes one thing of the port with this number.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn set_port(
        &mut self,
        device: &Handle,
        index: u32,
        change: &PortChange,
    ) -> Result<(), NetlinkError> {
        let port = about(device).bytes(DEVLINK_ATTR_PORT_INDEX, &index.to_ne_bytes());
        let function = match change {
            PortChange::Capability(one, switch) => {
                let selector = bit(*one);
                let value = if *switch == Switch::On { selector } else { 0 };
                let field = [value.to_ne_bytes(), selector.to_ne_bytes()].concat();
                Builder::default().bytes(DEVLINK_PORT_FN_ATTR_CAPS, &field)
            }
            PortChange::MaxIoEqs(queues) => {
                Builder::default().bytes(DEVLINK_PORT_FN_ATTR_MAX_IO_EQS, &queues.to_ne_bytes())
            }
            PortChange::Rate(limits) => return self.set_rate(&port.limits(*limits)),
            PortChange::Group(group) => return self.set_rate(&port.parent(group.name())),
        };
        let request = port.nested(NESTED | DEVLINK_ATTR_PORT_FUNCTION, &function);
        self.ask(DEVLINK_CMD_PORT_SET, &request).map(|_| ())
    }
}

/// `DEVLINK_PORT_FN_ATTR_CAP_*`.
const fn bit(capability: Capability) -> u32 {
    match capability {
        Capability::Roce => 1,
        Capability::Migratable => 1 << 1,
        Capability::IpsecCrypto => 1 << 2,
        Capability::IpsecPacket => 1 << 3,
    }
}

/// The port of one of this host's VFs: a card with processors of its own has ports for another
/// host's.
pub(super) fn parse(message: &[u8]) -> Option<(VfIndex, VfPort)> {
    let mut port = VfPort::default();
    let (mut index, mut vf, mut external) = (None, None, false);
    for (kind, value) in body(message) {
        match kind {
            DEVLINK_ATTR_PORT_INDEX => index = bytes::u32_of(value),
            DEVLINK_ATTR_PORT_PCI_VF_NUMBER => vf = bytes::u16_of(value).map(VfIndex),
            DEVLINK_ATTR_PORT_EXTERNAL => external = bytes::u8_of(value) != Some(0),
            DEVLINK_ATTR_PORT_FUNCTION => {
                for (kind, value) in bytes::attributes(value) {
                    match kind {
                        DEVLINK_PORT_FN_ATTR_CAPS => port.capabilities = capabilities(value),
                        DEVLINK_PORT_FN_ATTR_MAX_IO_EQS => port.max_io_eqs = bytes::u32_of(value),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let port = VfPort { index: index?, ..port };
    vf.filter(|_| !external).map(|vf| (vf, port))
}

/// `struct nla_bitfield32`: the bits, and which of them the driver speaks of.
fn capabilities(value: &[u8]) -> BTreeMap<Capability, Switch> {
    let bits = bytes::u32_of(value).unwrap_or_default();
    let spoken = value.get(4..).and_then(bytes::u32_of).unwrap_or_default();
    let spoken = Capability::ALL.into_iter().filter(|one| spoken & bit(*one) != 0);
    let switch = |one| if bits & bit(one) == 0 { Switch::Off } else { Switch::On };
    spoken.map(|one| (one, switch(one))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A port as `devlink_nl_port_fill` (net/devlink/port.c) lays it out.
    fn message(external: u8, bits: u32, spoken: u32) -> Vec<u8> {
        let device = about(&Handle { bus: "pci".into(), device: "0000:0b:00.0".into() });
        let field = [bits.to_ne_bytes(), spoken.to_ne_bytes()].concat();
        let function = Builder::default()
            .bytes(DEVLINK_PORT_FN_ATTR_CAPS, &field)
            .bytes(DEVLINK_PORT_FN_ATTR_MAX_IO_EQS, &8_u32.to_ne_bytes());
        let port = device
            .bytes(DEVLINK_ATTR_PORT_INDEX, &131_073_u32.to_ne_bytes())
            .bytes(DEVLINK_ATTR_PORT_PCI_VF_NUMBER, &3_u16.to_ne_bytes())
            .bytes(DEVLINK_ATTR_PORT_EXTERNAL, &[external])
            .nested(NESTED | DEVLINK_ATTR_PORT_FUNCTION, &function);
        [&[0; 16][..], &port.message(DEVLINK_CMD_PORT_GET, 1)].concat()
    }

    #[test]
    fn a_capability_that_the_driver_does_not_speak_of_is_unknown() {
        let (vf, port) = parse(&message(0, 0b0011, 0b0101)).unwrap();
        assert_eq!((vf, port.index, port.max_io_eqs), (VfIndex(3), 131_073, Some(8)));
        let told: Vec<_> = port.capabilities.into_iter().collect();
        assert_eq!(told, [(Capability::Roce, Switch::On), (Capability::IpsecCrypto, Switch::Off)]);
    }

    #[test]
    fn another_hosts_vf_is_none_of_ours() {
        assert_eq!(parse(&message(1, 0, 0)), None);
    }
}

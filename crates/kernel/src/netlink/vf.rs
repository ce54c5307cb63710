//! A PF's VFs over rtnetlink: reading their settings, and changing one.

use std::collections::BTreeMap;

use netlink_packet_core::{NlaBuffer, NlasIterator};
use netlink_packet_route::link::{
    LinkAttribute, LinkMessage, LinkVfInfo, VfInfo, VfInfoGuid, VfInfoLinkState, VfInfoMac,
    VfInfoRate, VfInfoRssQueryEn, VfInfoSpoofCheck, VfInfoTrust, VfInfoVlan, VfLinkState, VfVlan,
    VfVlanInfo, VlanProtocol,
};
use virtfn_host::{
    Guid, LinkState, MacAddress, Mbps, Qos, Switch, VfAdmin, VfChange, VfIndex, VlanId, VlanProto,
};

use super::{Filter, Message, Netlink, NetlinkError};

/// What the kernel told of a PF's VFs.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct VfList {
    /// Their settings, by number: the kernel skips a VF whose driver does not answer.
    pub vfs: BTreeMap<VfIndex, VfAdmin>,
    /// How many there are; more than `vfs` holds when the kernel cut the list.
    pub count: u32,
}

/// The settings of the VFs of the PF with this interface.
///
/// # Errors
/// As [`Netlink::request`].
pub fn vf_list(netlink: &mut Netlink, ifindex: u32) -> Result<VfList, NetlinkError> {
    let mut request = LinkMessage::default();
    request.header.index = ifindex;
    request.attributes.push(Filter::Vfs.attribute());
    let answers = netlink.request(Message::GetLink(request), 0)?;
    let link = answers.iter().find(|answer| matches!(answer.message, Message::NewLink(_)));
    let link =
        link.ok_or_else(|| NetlinkError::Malformed(format!("no link {ifindex} in its answer")))?;
    Ok(parse_vf_list(&link.bytes))
}

impl Netlink {
    /// Changes one setting of one VF: one attribute a message, so that a refusal names it.
    ///
    /// # Errors
    /// As [`Netlink::request`].
    pub(crate) fn set_vf(
        &mut self,
        ifindex: u32,
        vf: VfIndex,
        change: VfChange,
    ) -> Result<(), NetlinkError> {
        self.request(vf_request(ifindex, vf, change), 0).map(|_| ())
    }
}

/// The message that changes one setting of one VF.
#[must_use]
pub fn vf_request(ifindex: u32, vf: VfIndex, change: VfChange) -> Message {
    let mut request = LinkMessage::default();
    request.header.index = ifindex;
    let info = LinkVfInfo(vec![attribute(vf.0.into(), change)]);
    request.attributes.push(LinkAttribute::VfInfoList(vec![info]));
    Message::SetLink(request)
}

fn attribute(vf: u32, change: VfChange) -> VfInfo {
    let on = |switch: Switch| switch == Switch::On;
    match change {
        VfChange::Mac(mac) => VfInfo::Mac(VfInfoMac::new(vf, &mac.octets())),
        VfChange::Vlan { id, qos, proto: VlanProto::Dot1Q } => {
            VfInfo::Vlan(VfInfoVlan::new(vf, id.value().into(), qos.value().into()))
        }
        VfChange::Vlan { id, qos, proto: VlanProto::Dot1Ad } => {
            let info = VfVlanInfo::new(
                vf,
                id.value().into(),
                qos.value().into(),
                VlanProtocol::Ieee8021Ad,
            );
            VfInfo::VlanList(vec![VfVlan::Info(info)])
        }
        VfChange::Spoofchk(switch) => VfInfo::SpoofCheck(VfInfoSpoofCheck::new(vf, on(switch))),
        VfChange::Trust(switch) => VfInfo::Trust(VfInfoTrust::new(vf, on(switch))),
        VfChange::Link(state) => {
            let state = match state {
                LinkState::Auto => VfLinkState::Auto,
                LinkState::Enable => VfLinkState::Enable,
                LinkState::Disable => VfLinkState::Disable,
            };
            VfInfo::LinkState(VfInfoLinkState::new(vf, state))
        }
        VfChange::Rate { min, max } => VfInfo::Rate(VfInfoRate::new(vf, min.value(), max.value())),
        VfChange::QueryRss(switch) => VfInfo::RssQueryEn(VfInfoRssQueryEn::new(vf, on(switch))),
        VfChange::NodeGuid(guid) => VfInfo::IbNodeGuid(VfInfoGuid::new(vf, guid.value())),
        VfChange::PortGuid(guid) => VfInfo::IbPortGuid(VfInfoGuid::new(vf, guid.value())),
    }
}

/// Reads the VFs out of one `RTM_NEWLINK` message, header included.
///
/// Our own reading, since the crate that encodes these attributes gives the kernel's "this driver
/// does not say" (all ones in a switch) as "off", and unknown must not be shown as off. Attributes:
/// include/uapi/linux/if_link.h. Never panics, whatever the bytes.
#[must_use]
pub fn parse_vf_list(message: &[u8]) -> VfList {
    let mut list = VfList::default();
    for link in attributes(message.get(HEADERS..).unwrap_or_default()) {
        match link.kind() & NLA_TYPE_MASK {
            IFLA_NUM_VF => list.count = word(link.value(), 0).unwrap_or(0),
            IFLA_VFINFO_LIST => list.vfs.extend(attributes(link.value()).filter_map(parse_vf)),
            _ => {}
        }
    }
    list
}

/// `struct nlmsghdr` and `struct ifinfomsg`.
const HEADERS: usize = 16 + 16;
const NLA_TYPE_MASK: u16 = 0x3fff;
const IFLA_NUM_VF: u16 = 21;
const IFLA_VFINFO_LIST: u16 = 22;
const IFLA_VF_MAC: u16 = 1;
const IFLA_VF_VLAN: u16 = 2;
const IFLA_VF_SPOOFCHK: u16 = 4;
const IFLA_VF_LINK_STATE: u16 = 5;
const IFLA_VF_RATE: u16 = 6;
const IFLA_VF_RSS_QUERY_EN: u16 = 7;
const IFLA_VF_TRUST: u16 = 9;
const IFLA_VF_IB_NODE_GUID: u16 = 10;
const IFLA_VF_IB_PORT_GUID: u16 = 11;
const IFLA_VF_VLAN_LIST: u16 = 12;

fn attributes(bytes: &[u8]) -> impl Iterator<Item = NlaBuffer<&[u8]>> {
    NlasIterator::new(bytes).map_while(Result::ok)
}

/// One `IFLA_VF_INFO`: every attribute in it begins with the VF's number.
fn parse_vf(info: NlaBuffer<&[u8]>) -> Option<(VfIndex, VfAdmin)> {
    let mut admin = VfAdmin::default();
    let mut index = None;
    for attribute in attributes(info.value()) {
        let (kind, value) = (attribute.kind() & NLA_TYPE_MASK, attribute.value());
        if kind == IFLA_VF_MAC {
            index = word(value, 0).and_then(|vf| u16::try_from(vf).ok()).map(VfIndex);
        }
        take(&mut admin, kind, value);
    }
    Some((index?, admin))
}

/// Notes one attribute. What is out of range is as good as not reported.
fn take(admin: &mut VfAdmin, kind: u16, value: &[u8]) {
    let first = word(value, 4);
    let second = word(value, 8);
    match kind {
        IFLA_VF_MAC => {
            let octets = value.get(4..10).and_then(|octets| octets.try_into().ok());
            admin.mac = octets.map(MacAddress::new);
        }
        IFLA_VF_VLAN => {
            admin.vlan = first.and_then(|id| VlanId::new(u16::try_from(id).ok()?));
            admin.qos = second.and_then(|qos| Qos::new(u8::try_from(qos).ok()?));
        }
        IFLA_VF_VLAN_LIST => admin.proto = attributes(value).find_map(|vlan| proto(vlan.value())),
        IFLA_VF_SPOOFCHK => admin.spoofchk = first.and_then(switch),
        IFLA_VF_TRUST => admin.trust = first.and_then(switch),
        IFLA_VF_RSS_QUERY_EN => admin.query_rss = first.and_then(switch),
        IFLA_VF_LINK_STATE => admin.link = first.and_then(link_state),
        IFLA_VF_IB_NODE_GUID => admin.node_guid = guid(value),
        IFLA_VF_IB_PORT_GUID => admin.port_guid = guid(value),
        IFLA_VF_RATE => {
            admin.min_rate = first.and_then(Mbps::new);
            admin.max_rate = second.and_then(Mbps::new);
        }
        _ => {}
    }
}

/// `struct ifla_vf_guid`: the VF, four bytes of padding, the GUID as a number of this machine.
fn guid(value: &[u8]) -> Option<Guid> {
    let bytes = value.get(8..16)?;
    Some(Guid::new(u64::from_ne_bytes(bytes.try_into().ok()?)))
}

fn word(value: &[u8], offset: usize) -> Option<u32> {
    let bytes = value.get(offset..offset + 4)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

const fn switch(setting: u32) -> Option<Switch> {
    match setting {
        0 => Some(Switch::Off),
        u32::MAX => None,
        _ => Some(Switch::On),
    }
}

/// `struct ifla_vf_vlan_info`: number, VLAN, priority, then the ethertype in network order.
fn proto(info: &[u8]) -> Option<VlanProto> {
    match info.get(12..14)? {
        [0x81, 0x00] => Some(VlanProto::Dot1Q),
        [0x88, 0xa8] => Some(VlanProto::Dot1Ad),
        _ => None,
    }
}

const fn link_state(state: u32) -> Option<LinkState> {
    match state {
        0 => Some(LinkState::Auto),
        1 => Some(LinkState::Enable),
        2 => Some(LinkState::Disable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::Emitable;
    use proptest::prelude::*;

    fn message(changes: &[(u32, VfChange)], count: u32) -> Vec<u8> {
        let vfs = changes.iter().map(|(vf, change)| {
            let mac = attribute(*vf, VfChange::Mac(MacAddress::new([2, 0, 0, 0, 0, 1])));
            LinkVfInfo(vec![mac, attribute(*vf, *change)])
        });
        let mut link = LinkMessage::default();
        link.attributes.push(LinkAttribute::NumVf(count));
        link.attributes.push(LinkAttribute::VfInfoList(vfs.collect()));
        let mut bytes = vec![0; 16 + link.buffer_len()];
        link.emit(&mut bytes[16..]);
        bytes
    }

    #[test]
    fn every_setting_is_read_as_it_is_written() {
        let vlan = VlanId::new(42).unwrap();
        for change in [
            VfChange::Vlan { id: vlan, qos: Qos::new(3).unwrap(), proto: VlanProto::Dot1Q },
            VfChange::Spoofchk(Switch::Off),
            VfChange::Trust(Switch::On),
            VfChange::Link(LinkState::Disable),
            VfChange::Rate { min: Mbps::new(5).unwrap(), max: Mbps::new(10).unwrap() },
            VfChange::QueryRss(Switch::On),
            VfChange::NodeGuid(Guid::new(0x0011_2233_4455_6677)),
            VfChange::PortGuid(Guid::new(u64::MAX)),
        ] {
            let list = parse_vf_list(&message(&[(3, change)], 7));
            assert_eq!(list.count, 7);
            assert!(change.holds_in(&list.vfs[&VfIndex(3)]), "{change:?}: {list:?}");
        }
        let ad = VfChange::Vlan { id: vlan, qos: Qos::default(), proto: VlanProto::Dot1Ad };
        assert_eq!(
            parse_vf_list(&message(&[(0, ad)], 1)).vfs[&VfIndex(0)].proto,
            Some(VlanProto::Dot1Ad)
        );
    }

    #[test]
    fn what_a_driver_does_not_say_is_not_off() {
        let mut bytes = message(&[(0, VfChange::Trust(Switch::On))], 1);
        let at = bytes.len() - 4;
        bytes[at..].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(parse_vf_list(&bytes).vfs[&VfIndex(0)].trust, None);
    }

    #[test]
    fn a_list_with_holes_goes_by_number() {
        let trust = VfChange::Trust(Switch::On);
        let list = parse_vf_list(&message(&[(0, trust), (5, trust)], 6));
        assert_eq!(list.vfs.keys().map(|vf| vf.0).collect::<Vec<_>>(), [0, 5]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = parse_vf_list(&bytes);
        }
    }
}

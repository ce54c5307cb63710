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
///
/// A list longer than 64 KiB overflows the 16 bits of its own length, and the kernel sends it all the
/// same: its entries are followed one by one then, as many as `IFLA_NUM_VF` promises.
#[must_use]
pub fn parse_vf_list(message: &[u8]) -> VfList {
    let body = message.get(HEADERS..).unwrap_or_default();
    let count = value_at(body, IFLA_NUM_VF).and_then(|at| word(body, at)).unwrap_or(0);
    let Some(at) = value_at(body, IFLA_VFINFO_LIST) else {
        return VfList { vfs: BTreeMap::new(), count };
    };
    let rest = body.get(at..).unwrap_or_default();
    let stated = half(body, at - 4).map_or(0, |length| usize::from(length).saturating_sub(4));
    let overflowed = rest.len() > usize::from(u16::MAX);
    let entries = if overflowed { rest } else { rest.get(..stated).unwrap_or(rest) };
    let vfs = attributes(entries)
        .take_while(|entry| entry.kind() & NLA_TYPE_MASK == IFLA_VF_INFO)
        .take(usize::try_from(count).unwrap_or(usize::MAX))
        .filter_map(parse_vf);
    VfList { vfs: vfs.collect(), count }
}

/// Where the value of the first attribute of a kind begins, by the lengths of those before it.
fn value_at(body: &[u8], wanted: u16) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = usize::from(half(body, at)?);
        if half(body, at + 2)? & NLA_TYPE_MASK == wanted {
            return Some(at + 4);
        }
        // An attribute shorter than its own header leads nowhere.
        at += length.checked_sub(4)?.next_multiple_of(4) + 4;
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// `struct nlmsghdr` and `struct ifinfomsg`.
const HEADERS: usize = 16 + 16;
const NLA_TYPE_MASK: u16 = 0x3fff;
const IFLA_NUM_VF: u16 = 21;
const IFLA_VFINFO_LIST: u16 = 22;
/// Each entry of the list.
const IFLA_VF_INFO: u16 = 1;
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

    #[test]
    fn a_list_that_overflows_its_own_length_is_read_to_its_end() {
        let trust = VfChange::Trust(Switch::On);
        let all: Vec<_> = (0..300).map(|vf| (vf, trust)).collect();
        // Each as long as a driver's that reports everything: 224 bytes, 300 of them above 64 KiB.
        let entry = message(&all[..1], 1).split_off(HEADERS + 8 + 4);
        let mut bytes = message(&[], 300);
        let list = bytes.len() - 4;
        for (vf, _) in &all {
            let mut entry = entry.clone();
            entry[8..12].copy_from_slice(&vf.to_ne_bytes());
            entry.resize(224, 0);
            // What pads is an attribute of its own, of a kind that nobody reads.
            let used = usize::from(half(&entry, 0).unwrap());
            let pad = u16::try_from(224 - used).unwrap();
            entry[used..used + 2].copy_from_slice(&pad.to_ne_bytes());
            entry[used + 2..used + 4].copy_from_slice(&200_u16.to_ne_bytes());
            entry[..2].copy_from_slice(&224_u16.to_ne_bytes());
            bytes.extend(entry);
        }
        let length = u16::try_from((bytes.len() - list) & 0xffff).unwrap();
        bytes[list..list + 2].copy_from_slice(&length.to_ne_bytes());
        let read = parse_vf_list(&bytes);
        assert_eq!((read.vfs.len(), read.count), (300, 300));
        assert_eq!(read.vfs[&VfIndex(299)].trust, Some(Switch::On));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = parse_vf_list(&bytes);
        }
    }
}

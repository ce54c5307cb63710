//! Every link of a network namespace, with its addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;

use netlink_packet_core::NLM_F_DUMP;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use virtfn_host::{IpNet, Netdev, NetdevChange};
use virtfn_pci::Address;

use super::socket::Answer;
use super::{Filter, Message, Netlink, NetlinkError, RawLink};

/// A dump that changed under way is asked for again this often.
const TRIES: usize = 4;

/// The links of this namespace that belong to PCI functions, with their IP addresses.
///
/// # Errors
/// As [`Netlink::request`].
pub fn links(netlink: &mut Netlink) -> Result<Vec<Netdev>, NetlinkError> {
    let all = dump_links(netlink)?;
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let names: BTreeMap<u32, String> =
        all.iter().map(|link| (link.ifindex, link.name.clone())).collect();
    let mut addresses = dump_addresses(netlink)?;
    let netdev = |link: RawLink| Netdev {
        master: link
            .master
            .map(|master| names.get(&master).cloned().unwrap_or_else(|| format!("#{master}"))),
        addresses: addresses.remove(&link.ifindex).unwrap_or_default(),
        name: link.name,
        ifindex: link.ifindex,
        function: link.function,
        port: link.port,
        mac: link.mac,
        permanent_mac: link.permanent_mac,
        random_mac: None,
        up: link.up,
        carrier: link.carrier.filter(|_| link.up),
        speed_mbps: None,
        mtu: link.mtu,
    };
    Ok(all.into_iter().map(netdev).collect())
}

/// The names of the links of this namespace that belong to `function`.
///
/// # Errors
/// As [`Netlink::request`].
pub fn links_of_function(
    netlink: &mut Netlink,
    function: Address,
) -> Result<Vec<String>, NetlinkError> {
    let all = dump_links(netlink)?;
    Ok(all
        .into_iter()
        .filter(|link| link.function == Some(function))
        .map(|link| link.name)
        .collect())
}

impl Netlink {
    /// Changes one thing of an interface.
    ///
    /// # Errors
    /// As [`Netlink::request`].
    pub(crate) fn set_link(
        &mut self,
        ifindex: u32,
        change: &NetdevChange,
    ) -> Result<(), NetlinkError> {
        self.request(link_request(ifindex, change), 0).map(|_| ())
    }
}

/// The message that changes one thing of an interface.
#[must_use]
pub fn link_request(ifindex: u32, change: &NetdevChange) -> Message {
    let mut request = LinkMessage::default();
    request.header.index = ifindex;
    request.attributes.push(match change {
        NetdevChange::Name(name) => LinkAttribute::IfName(name.clone()),
        NetdevChange::Mtu(mtu) => LinkAttribute::Mtu(mtu.value()),
    });
    Message::SetLink(request)
}

fn dump_links(netlink: &mut Netlink) -> Result<Vec<RawLink>, NetlinkError> {
    let mut request = LinkMessage::default();
    request.attributes.push(Filter::Link.attribute());
    let answers = dump(netlink, Message::GetLink(request))?;
    let links = answers.into_iter().filter_map(|answer| match answer.message {
        Message::NewLink(link) => Some(RawLink::from(link)),
        _ => None,
    });
    Ok(links.collect())
}

fn dump_addresses(netlink: &mut Netlink) -> Result<BTreeMap<u32, Vec<IpNet>>, NetlinkError> {
    let mut all: BTreeMap<u32, Vec<IpNet>> = BTreeMap::new();
    for answer in dump(netlink, Message::GetAddress(AddressMessage::default()))? {
        let Message::NewAddress(message) = answer.message else {
            continue;
        };
        let address = message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Local(address) => Some(*address),
            _ => None,
        });
        let address = address.or_else(|| {
            message.attributes.iter().find_map(|attribute| match attribute {
                AddressAttribute::Address(address) => Some(*address),
                _ => None,
            })
        });
        if let Some(address) = address.filter(|address| !is_link_local(*address)) {
            let net = IpNet { address, prefix: message.header.prefix_len };
            all.entry(message.header.index).or_default().push(net);
        }
    }
    Ok(all)
}

/// The kernel gives every IPv6 interface one of these by itself: it proves no user.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn dump(netlink: &mut Netlink, message: Message) -> Result<Vec<Answer>, NetlinkError> {
    let mut tries = TRIES;
    loop {
        tries -= 1;
        match netlink.request(message.clone(), NLM_F_DUMP) {
            Err(error) if error.errno() == Some(rustix::io::Errno::INTR) && tries > 0 => {}
            done => return done,
        }
    }
}

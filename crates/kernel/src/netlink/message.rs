//! The messages of rtnetlink that are sent and understood here. The library's own list has every
//! message that there is, and with them a tenth of the program; routes and queues are not asked for.

use netlink_packet_core::{
    DecodeError, Emitable, NetlinkDeserializable, NetlinkHeader, NetlinkPayload,
    NetlinkSerializable, Parseable,
};
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::LinkMessage;

// include/uapi/linux/rtnetlink.h
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_SETLINK: u16 = 19;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Asks for a link, or for all of them.
    GetLink(LinkMessage),
    /// A link.
    NewLink(LinkMessage),
    /// Changes a link.
    SetLink(LinkMessage),
    /// Asks for all IP addresses.
    GetAddress(AddressMessage),
    /// An IP address.
    NewAddress(AddressMessage),
    /// One that nobody asked for, by its number.
    Other(u16),
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        match self {
            Self::GetLink(_) => RTM_GETLINK,
            Self::NewLink(_) => RTM_NEWLINK,
            Self::SetLink(_) => RTM_SETLINK,
            Self::GetAddress(_) => RTM_GETADDR,
            Self::NewAddress(_) => RTM_NEWADDR,
            Self::Other(number) => *number,
        }
    }

    fn buffer_len(&self) -> usize {
        match self {
            Self::GetLink(link) | Self::NewLink(link) | Self::SetLink(link) => link.buffer_len(),
            Self::GetAddress(address) | Self::NewAddress(address) => address.buffer_len(),
            Self::Other(_) => 0,
        }
    }

    fn serialize(&self, buffer: &mut [u8]) {
        match self {
            Self::GetLink(link) | Self::NewLink(link) | Self::SetLink(link) => link.emit(buffer),
            Self::GetAddress(address) | Self::NewAddress(address) => address.emit(buffer),
            Self::Other(_) => {}
        }
    }
}

impl NetlinkDeserializable for Message {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        Ok(match header.message_type {
            RTM_NEWLINK => Self::NewLink(LinkMessage::parse(payload)?),
            RTM_NEWADDR => Self::NewAddress(AddressMessage::parse(payload)?),
            number => Self::Other(number),
        })
    }
}

impl From<Message> for NetlinkPayload<Message> {
    fn from(message: Message) -> Self {
        Self::InnerMessage(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::NetlinkMessage;

    /// The library's whole list is the oracle: the same bytes, both ways.
    #[test]
    fn messages_are_those_of_the_library() {
        use netlink_packet_route::RouteNetlinkMessage as Theirs;
        let mut link = LinkMessage::default();
        link.header.index = 7;
        let address = AddressMessage::default();
        for (ours, theirs) in [
            (Message::GetLink(link.clone()), Theirs::GetLink(link.clone())),
            (Message::NewLink(link.clone()), Theirs::NewLink(link.clone())),
            (Message::SetLink(link.clone()), Theirs::SetLink(link)),
            (Message::GetAddress(address.clone()), Theirs::GetAddress(address.clone())),
            (Message::NewAddress(address.clone()), Theirs::NewAddress(address)),
        ] {
            let header = NetlinkHeader::default();
            let mut our_packet = NetlinkMessage::new(header, NetlinkPayload::from(ours.clone()));
            let mut their_packet = NetlinkMessage::new(header, NetlinkPayload::from(theirs));
            our_packet.finalize();
            their_packet.finalize();
            let (mut our_bytes, mut their_bytes) =
                (vec![0; our_packet.buffer_len()], vec![0; their_packet.buffer_len()]);
            our_packet.serialize(&mut our_bytes);
            their_packet.serialize(&mut their_bytes);
            assert_eq!(our_bytes, their_bytes);
            let read = NetlinkMessage::<Message>::deserialize(&our_bytes).unwrap();
            if matches!(ours, Message::NewLink(_) | Message::NewAddress(_)) {
                assert_eq!(read.payload, NetlinkPayload::InnerMessage(ours));
            }
        }
    }
}

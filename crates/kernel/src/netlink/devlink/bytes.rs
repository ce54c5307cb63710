//! Attributes as bytes: written in order, read without trust.

use netlink_packet_core::NlasIterator;

/// `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER` are flags in an attribute's kind.
const KIND_MASK: u16 = 0x3fff;

/// A message's attributes, one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Builder(Vec<u8>);

impl Builder {
    /// A string, with its zero.
    pub(super) fn text(self, kind: u16, text: &str) -> Self {
        let mut value = text.as_bytes().to_vec();
        value.push(0);
        self.bytes(kind, &value)
    }

    /// Bytes as they are; a number in the machine's own order is such.
    pub(super) fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        // No value here is longer than a name: names are bounded where they are read.
        let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Attributes within an attribute.
    pub(super) fn nested(self, kind: u16, inner: &Self) -> Self {
        self.bytes(kind, &inner.0)
    }

    /// What follows netlink's header: `struct genlmsghdr` and the attributes.
    pub(super) fn message(&self, command: u8, version: u8) -> Vec<u8> {
        [&[command, version, 0, 0][..], &self.0].concat()
    }
}

/// The attributes in `bytes`, up to the first that is not sound.
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut at = 0;
    NlasIterator::new(bytes).map_while(Result::ok).map_while(move |attribute| {
        let length = attribute.value().len();
        let value = bytes.get(at + 4..at + 4 + length)?;
        at += (4 + length).next_multiple_of(4);
        Some((attribute.kind() & KIND_MASK, value))
    })
}

pub(super) fn text_of(value: &[u8]) -> Option<String> {
    let text = value.split(|byte| *byte == 0).next()?;
    std::str::from_utf8(text).ok().map(str::to_owned)
}

pub(super) fn u8_of(value: &[u8]) -> Option<u8> {
    value.first().copied()
}

pub(super) fn u16_of(value: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(value.get(..2)?.try_into().ok()?))
}

pub(super) fn u32_of(value: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(value.get(..4)?.try_into().ok()?))
}

pub(super) fn u64_of(value: &[u8]) -> Option<u64> {
    Some(u64::from_ne_bytes(value.get(..8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let inner = Builder::default().bytes(4, &7_u32.to_ne_bytes());
        // `NLA_F_NESTED` is no part of the kind.
        let built =
            Builder::default().text(1, "pci").bytes(0x8000 | 80, &inner.0).bytes(25, &[1, 0]);
        let message = built.message(30, 1);
        assert_eq!(message[..4], [30, 1, 0, 0]);
        let read: Vec<_> = attributes(&message[4..]).collect();
        assert_eq!(read.len(), 3);
        assert_eq!(text_of(read[0].1).as_deref(), Some("pci"));
        let within: Vec<_> = attributes(read[1].1).collect();
        assert_eq!((read[1].0, within[0].0, u32_of(within[0].1)), (80, 4, Some(7)));
        assert_eq!(u16_of(read[2].1), Some(1));
    }

    #[test]
    fn a_length_beyond_the_end_ends_the_reading() {
        assert_eq!(attributes(&[200, 0, 1, 0, 9]).count(), 0);
        assert_eq!(attributes(&[0, 0, 0, 0, 0, 0]).count(), 0);
        assert_eq!(attributes(&[]).count(), 0);
    }
}

//! Bytes of a table, and the lists of structures with a length of their own that it is made of.

use crate::oddity::Oddity;

/// Bytes of a table or of a structure in it; knows where in the table it starts.
#[derive(Clone, Copy)]
pub(crate) struct Body<'a> {
    bytes: &'a [u8],
    base: usize,
}

/// How a list's structures begin.
#[derive(Clone, Copy)]
pub(crate) enum Head {
    /// Type and length of two bytes each: DMAR.
    Words,
    /// Type of one byte, another, length of two: IVRS and VIOT.
    ByteGapWord,
    /// Type of one byte, length of two: IORT.
    ByteWord,
    /// Type and length of one byte each: device scopes.
    Bytes,
}

/// One structure of a list.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) kind: u16,
    pub(crate) body: Body<'a>,
}

impl<'a> Body<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, base: 0 }
    }

    pub(crate) fn len(self) -> usize {
        self.bytes.len()
    }

    /// Offset of its first byte in the table.
    pub(crate) fn at(self) -> usize {
        self.base
    }

    pub(crate) fn bytes_from(self, offset: usize) -> &'a [u8] {
        self.bytes.get(offset..).unwrap_or_default()
    }

    /// The part from `offset` on; empty when there is none.
    pub(crate) fn from(self, offset: usize) -> Self {
        Self { bytes: self.bytes_from(offset), base: self.base.saturating_add(offset) }
    }

    /// The first `len` bytes, or all.
    pub(crate) fn first(self, len: usize) -> Self {
        Self { bytes: &self.bytes[..len.min(self.bytes.len())], base: self.base }
    }

    pub(crate) fn u8(self, offset: usize) -> Option<u8> {
        self.bytes.get(offset).copied()
    }

    pub(crate) fn u16(self, offset: usize) -> Option<u16> {
        self.array(offset).map(u16::from_le_bytes)
    }

    pub(crate) fn u32(self, offset: usize) -> Option<u32> {
        self.array(offset).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(self, offset: usize) -> Option<u64> {
        self.array(offset).map(u64::from_le_bytes)
    }

    fn array<const N: usize>(self, offset: usize) -> Option<[u8; N]> {
        self.bytes.get(offset..offset.checked_add(N)?)?.try_into().ok()
    }
}

impl Head {
    const fn len(self) -> usize {
        match self {
            Self::Words | Self::ByteGapWord => 4,
            Self::ByteWord => 3,
            Self::Bytes => 2,
        }
    }

    fn read(self, body: Body<'_>) -> Option<(u16, u16)> {
        Some(match self {
            Self::Words => (body.u16(0)?, body.u16(2)?),
            Self::ByteGapWord => (body.u8(0)?.into(), body.u16(2)?),
            Self::ByteWord => (body.u8(0)?.into(), body.u16(1)?),
            Self::Bytes => (body.u8(0)?.into(), body.u8(1)?.into()),
        })
    }
}

/// Cuts `body` into structures. Each takes at least its head, so the walk ends; a structure that
/// reaches past the end is told and cut, one too short to hold its own head ends the list.
pub(crate) fn split<'a>(body: Body<'a>, head: Head, oddities: &mut Vec<Oddity>) -> Vec<Record<'a>> {
    let (mut left, mut records) = (body, Vec::new());
    while left.len() > 0 {
        let Some((kind, length)) = head.read(left) else {
            oddities.push(Oddity::Scrap { at: left.at(), bytes: left.len() });
            break;
        };
        let told = usize::from(length);
        if told < head.len() {
            oddities.push(Oddity::NoLength { at: left.at(), kind, length });
            break;
        }
        if told > left.len() {
            oddities.push(Oddity::Overrun { at: left.at(), kind, length, left: left.len() });
        }
        records.push(Record { kind, body: left.first(told) });
        left = left.from(told);
    }
    records
}

impl Record<'_> {
    /// The value that `read` makes of it; where bytes are missing for that, an oddity says so.
    pub(crate) fn decode<T>(
        self,
        item: &'static str,
        oddities: &mut Vec<Oddity>,
        read: impl FnOnce(Self) -> Option<T>,
    ) -> Option<T> {
        let value = read(self);
        if value.is_none() {
            oddities.push(Oddity::Short { at: self.body.at(), item, length: self.body.len() });
        }
        value
    }

    /// Says that nothing is known about its type.
    pub(crate) fn unknown(self, oddities: &mut Vec<Oddity>) {
        oddities.push(Oddity::UnknownStructure { at: self.body.at(), kind: self.kind });
    }
}

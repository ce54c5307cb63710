//! A function's config space as it was read: some bytes, perhaps not all.

use crate::found::Walk;
use crate::header::Header;
use crate::walk;

/// Bytes of the standard header; what the kernel lets a reader without `CAP_SYS_ADMIN` see
/// (`drivers/pci/pci-sysfs.c`, `pci_read_config`).
pub const HEADER_LEN: usize = 64;
/// Bytes of a conventional PCI function's config space.
pub const STANDARD_LEN: usize = 256;
/// Bytes of a PCI Express function's config space.
pub const EXTENDED_LEN: usize = 4096;

/// The bytes of one function's config space, from offset 0.
///
/// Usually 64, 256 or 4096 of them; any number is tolerated, and what lies beyond byte 4095 is
/// dropped. Reading past the end gives `None`, never a made-up value.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigSpace {
    bytes: Vec<u8>,
}

impl ConfigSpace {
    /// Takes the bytes as read, lowest offset first.
    #[must_use]
    pub fn new(mut bytes: Vec<u8>) -> Self {
        bytes.truncate(EXTENDED_LEN);
        Self { bytes }
    }

    /// The bytes there are.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was read at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether every byte of the header reads `ff`: a function that is gone or asleep gives no
    /// other answer. (A VF alone answers its vendor and device with `ffff` while it is well.)
    #[must_use]
    pub fn is_silent(&self) -> bool {
        !self.is_empty() && self.bytes.iter().take(HEADER_LEN).all(|&byte| byte == 0xff)
    }

    /// The byte at `offset`.
    #[must_use]
    pub fn u8_at(&self, offset: usize) -> Option<u8> {
        self.bytes.get(offset).copied()
    }

    /// The little-endian word at `offset`, aligned or not.
    #[must_use]
    pub fn u16_at(&self, offset: usize) -> Option<u16> {
        self.array_at(offset).map(u16::from_le_bytes)
    }

    /// The little-endian double word at `offset`, aligned or not.
    #[must_use]
    pub fn u32_at(&self, offset: usize) -> Option<u32> {
        self.array_at(offset).map(u32::from_le_bytes)
    }

    fn array_at<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let end = offset.checked_add(N)?;
        self.bytes.get(offset..end)?.try_into().ok()
    }

    /// The header; `None` when fewer than 64 bytes were read.
    #[must_use]
    pub fn header(&self) -> Option<Header> {
        Header::read(self)
    }

    /// Walks both capability lists and decodes what is found. Linear in the number of bytes;
    /// ends on any bytes.
    #[must_use]
    pub fn capabilities(&self) -> Walk {
        walk::walk(self)
    }
}

impl std::fmt::Debug for ConfigSpace {
    /// Its length and first sixteen bytes: 4096 numbers help nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = &self.bytes[..self.len().min(16)];
        write!(f, "ConfigSpace({} bytes: {start:02x?}…)", self.len())
    }
}

impl serde::Serialize for ConfigSpace {
    /// One string of hex digits, two a byte.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(2 * self.len());
        for byte in &self.bytes {
            write!(text, "{byte:02x}").map_err(serde::ser::Error::custom)?;
        }
        serializer.serialize_str(&text)
    }
}

/// The registers of one capability: offsets count from its first byte.
#[derive(Clone, Copy)]
pub(crate) struct Registers<'a> {
    config: &'a ConfigSpace,
    base: usize,
}

impl<'a> Registers<'a> {
    pub(crate) fn new(config: &'a ConfigSpace, base: u16) -> Self {
        Self { config, base: usize::from(base) }
    }

    pub(crate) fn u8(self, offset: usize) -> Option<u8> {
        self.config.u8_at(self.base + offset)
    }

    pub(crate) fn u16(self, offset: usize) -> Option<u16> {
        self.config.u16_at(self.base + offset)
    }

    pub(crate) fn u32(self, offset: usize) -> Option<u32> {
        self.config.u32_at(self.base + offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_past_the_end_gives_nothing() {
        let config = ConfigSpace::new(vec![0x86, 0x80, 0xc9, 0x10, 0x07]);
        assert_eq!(config.u16_at(0), Some(0x8086));
        assert_eq!(config.u32_at(1), Some(0x0710_c980));
        assert_eq!((config.u16_at(4), config.u32_at(2), config.u8_at(5)), (None, None, None));
        assert_eq!(config.u32_at(usize::MAX), None);
        assert_eq!(config.header(), None);
    }

    #[test]
    fn only_a_whole_header_of_ones_is_silence() {
        assert!(ConfigSpace::new(vec![0xff; 256]).is_silent());
        let mut vf = vec![0; 256];
        vf[..4].fill(0xff);
        assert!(!ConfigSpace::new(vf).is_silent());
        assert!(!ConfigSpace::new(Vec::new()).is_silent());
    }

    #[test]
    fn no_more_than_a_config_space_is_kept() {
        assert_eq!(ConfigSpace::new(vec![0; 5000]).len(), 4096);
    }
}

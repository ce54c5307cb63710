//! What becomes of each bit of one byte, and of the bits of a register.

use std::fmt;

/// What becomes of the bits of one byte of config space. A bit in none of `straight`, `kept` and
/// `acted` is dropped when it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Byte {
    /// The bits that VFIO's copy answers; the hardware answers the others.
    pub copy: u8,
    /// What the copy holds when the function is opened; of meaning in the bits of `copy`.
    pub value: u8,
    /// The bits whose writes reach the hardware as they are.
    pub straight: u8,
    /// The bits whose writes stay in the copy.
    pub kept: u8,
    /// The bits at whose writing the kernel does something of its own.
    pub acted: u8,
}

impl Byte {
    /// Read and written straight in the hardware (`unassigned_perms`).
    pub(super) const RAW: Self = Self { copy: 0, value: 0, straight: 0xff, kept: 0, acted: 0 };

    /// What is written is kept and read back, and that is all (`virt_perms`).
    pub(super) const VIRTUAL: Self =
        Self { copy: 0xff, value: 0, straight: 0, kept: 0xff, acted: 0 };

    pub(super) const fn with(self, value: u8) -> Self {
        Self { value, ..self }
    }
}

/// Some bits of a register or of a longer range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// None of them.
    None,
    /// All of them.
    All,
    /// These, of a register of four bytes at most.
    These(u32),
}

impl Bits {
    /// The bits that bytes have, lowest first. Of more than four bytes that differ, this says
    /// [`Bits::None`] only where none has any.
    pub(super) fn of(bytes: impl ExactSizeIterator<Item = u8> + Clone) -> Self {
        if bytes.clone().all(|byte| byte == 0) {
            return Self::None;
        }
        if bytes.clone().all(|byte| byte == 0xff) {
            return Self::All;
        }
        Self::These(
            bytes
                .take(4)
                .zip([0, 8, 16, 24])
                .fold(0, |all, (byte, by)| all | u32::from(byte) << by),
        )
    }

    /// Are there any?
    #[must_use]
    pub const fn any(self) -> bool {
        !matches!(self, Self::None)
    }
}

impl fmt::Display for Bits {
    /// `none`, `all`, or the mask.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::All => f.write_str("all"),
            Self::These(mask) => write!(f, "{mask:#x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_the_bytes() {
        let of = |bytes: &[u8]| Bits::of(bytes.iter().copied()).to_string();
        assert_eq!(of(&[0, 0]), "none");
        assert_eq!(of(&[0xff; 9]), "all");
        assert_eq!(of(&[0x00, 0x04]), "0x400");
        assert_eq!(of(&[0x31, 0xf0, 0xff, 0x03]), "0x3fff031");
    }
}

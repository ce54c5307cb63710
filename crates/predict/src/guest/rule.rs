//! One register's permissions, as the kernel's tables have them.

/// A register and what a guest may do with it. What no rule speaks of is read from the hardware, and
/// writing it changes nothing: so the kernel's tables begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Offset from the start of its capability, or of the header.
    pub(super) at: u16,
    /// Bytes. More than four: none of the masks has a bit.
    pub(super) len: u16,
    pub(super) name: &'static str,
    /// The kernel's `virt` mask: the bits that its copy answers.
    virtual_bits: u32,
    /// The kernel's `write` mask: the bits that a guest may change.
    writable: u32,
    /// The copy's bits that are written to the hardware too.
    twice: u32,
    /// The bits at whose writing its `writefn` does something of its own.
    acted: u32,
    pub(super) why: Option<&'static str>,
}

/// All bits of a register, whatever its width.
pub(super) const ALL: u32 = u32::MAX;

impl Rule {
    /// Read from the hardware, not written.
    pub(super) const fn read_only(at: u16, len: u16, name: &'static str) -> Self {
        Self { at, len, name, virtual_bits: 0, writable: 0, twice: 0, acted: 0, why: None }
    }

    /// These bits are written straight to the hardware.
    pub(super) const fn writable(at: u16, len: u16, name: &'static str, bits: u32) -> Self {
        Self { writable: bits, ..Self::read_only(at, len, name) }
    }

    /// These bits are the copy's, and not written.
    pub(super) const fn shown(at: u16, len: u16, name: &'static str, bits: u32) -> Self {
        Self { virtual_bits: bits, ..Self::read_only(at, len, name) }
    }

    /// Wholly the copy's, written too.
    pub(super) const fn kept(at: u16, len: u16, name: &'static str) -> Self {
        Self { virtual_bits: ALL, writable: ALL, ..Self::read_only(at, len, name) }
    }

    /// The same, writable in these bits.
    pub(super) const fn and_writable(self, bits: u32) -> Self {
        Self { writable: bits, ..self }
    }

    /// The same; these bits are written to the hardware as well as to the copy.
    pub(super) const fn twice(self, bits: u32) -> Self {
        Self { twice: bits, ..self }
    }

    /// The same; the kernel acts when these bits are written.
    pub(super) const fn acts(self, bits: u32) -> Self {
        Self { acted: bits, ..self }
    }

    pub(super) const fn because(self, why: &'static str) -> Self {
        Self { why: Some(why), ..self }
    }

    pub(super) const fn holds(&self, offset: u16) -> bool {
        self.at <= offset && offset - self.at < self.len
    }

    /// What becomes of the byte at `offset`, which the rule holds.
    pub(super) fn byte(&self, offset: u16) -> super::Byte {
        let number = usize::from(offset - self.at);
        let of = |mask: u32| mask.to_le_bytes().get(number).copied().unwrap_or_default();
        let (copy, write) = (of(self.virtual_bits), of(self.writable));
        super::Byte {
            copy,
            value: 0,
            straight: write & !copy | of(self.twice),
            kept: write & copy,
            acted: of(self.acted),
        }
    }
}

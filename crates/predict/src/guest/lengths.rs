//! How many bytes of a capability VFIO lays its table over; `None`: it is hidden.
//!
//! The tables `pci_cap_length` and `pci_ext_cap_length`, and `vfio_cap_len` and `vfio_ext_cap_len`
//! where the length is in the registers.

use virtfn_pci::{ConfigSpace, STANDARD_LEN};

use super::Rules;
use super::capabilities::MsiFlags;

/// The length of a capability at `at`. Id 0 is hidden: the kernel uses it for the header.
pub(super) fn standard(config: &ConfigSpace, id: u8, at: usize) -> Option<usize> {
    let byte = |offset: usize| config.u8_at(at + offset).unwrap_or_default();
    let word = |offset: usize| config.u16_at(at + offset).unwrap_or_default();
    let len = match id {
        0x01 | 0x03 => 8,
        0x02 | 0x11 => 12,
        0x05 => msi(MsiFlags(word(2))),
        // PCI-X of version 0 has no ECC registers.
        0x07 if word(2) & 0x3000 == 0 => 8,
        0x07 => 24,
        // HyperTransport: three bits of the type tell host and slave interfaces.
        0x08 if byte(3) & 0xe0 != 0 => 24,
        0x08 => 28,
        0x09 => usize::from(byte(2)),
        0x10 => express(word(2)),
        // SATA: the index and data registers may follow here.
        0x12 if byte(4) & 0xf == 0xf => 16,
        0x12 => 8,
        0x13 => 6,
        _ => 0,
    };
    (len > 0).then_some(len)
}

const fn msi(flags: MsiFlags) -> usize {
    let wide = if flags.is_wide() { 4 } else { 0 };
    let maskable = if flags.is_maskable() { 10 } else { 0 };
    10 + wide + maskable
}

/// By version and type: what is inside the root complex has no link.
const fn express(flags: u16) -> usize {
    let integrated = (flags & 0xf0) >> 4 == 9;
    match (flags & 0xf, integrated) {
        (1, true) => 0x0c,
        (1, false) => 0x14,
        (_, true) => 0x2c,
        (_, false) => 0x34,
    }
}

/// The length of an extended capability at `at`.
pub(super) fn extended(config: &ConfigSpace, id: u16, at: usize, rules: Rules) -> Option<usize> {
    let byte = |offset: usize| config.u8_at(at + offset).unwrap_or_default();
    let double = |offset: usize| config.u32_at(at + offset).unwrap_or_default();
    let len = match id {
        0x01 => 0x2c,
        0x02 | 0x08 | 0x09 => virtual_channel(double(4), double(8)),
        0x03 => 12,
        0x04 | 0x13 => 16,
        0x0b => in_upper_bits(double(4)),
        0x0d => access_control(byte(4), byte(5)),
        0x0e | 0x0f | 0x18 => 8,
        0x10 => 0x40,
        0x12 => 40,
        0x15 => 4 + 8 * usize::from(byte(8) >> 5),
        0x16 => 17 + usize::from(byte(4) & 0x1f),
        0x17 => steering(double(4)),
        0x23 if rules.lists_dvsec() => in_upper_bits(double(4)),
        _ => 0,
    };
    (len > 0).then_some(len)
}

/// Vendor specific capabilities have their length in the upper twelve bits.
fn in_upper_bits(register: u32) -> usize {
    usize::try_from(register >> 20).unwrap_or_default()
}

/// `vfio_vc_cap_len`: the arbitration table of the channels follows them.
fn virtual_channel(first: u32, second: u32) -> usize {
    let channels = 1 + usize::try_from(first & 7).unwrap_or_default();
    let phases = match second & 0xe {
        bits if bits & 8 != 0 => 128,
        bits if bits & 4 != 0 => 64,
        0 => 0,
        _ => 32,
    };
    let len = 0x10 + 12 * channels;
    if phases == 0 { len } else { len.next_multiple_of(16) + phases / 2 }
}

/// The egress control vector has a bit a port.
fn access_control(capabilities: u8, ports: u8) -> usize {
    const EGRESS_CONTROL: u8 = 1 << 5;
    match (capabilities & EGRESS_CONTROL, ports) {
        (0, _) => 8,
        (_, 0) => 8 + 256 / 8,
        (_, ports) => 8 + usize::from(ports).next_multiple_of(32) / 8,
    }
}

/// A table of steering tags may follow.
fn steering(capabilities: u32) -> usize {
    let in_here = capabilities & 0x600 == 0x200;
    let entries = usize::try_from(capabilities >> 16 & 0x7ff).unwrap_or_default();
    if in_here { 12 + 2 * entries + 2 } else { 12 }
}

/// How many bytes a capability takes that VFIO hides, as its specification has them, to tell them
/// from what is nobody's. Its header alone where that cannot be told.
pub(super) fn hidden(config: &ConfigSpace, id: u16, at: usize) -> usize {
    const HEADER: usize = 4;
    if at < STANDARD_LEN {
        return match id {
            0x14 => 4 * (2 + usize::from(config.u8_at(at + 2).unwrap_or_default() & 0x3f)),
            _ => HEADER,
        };
    }
    match id {
        // PASID; secondary PCI Express and data link feature; L1 substates; time measurement.
        0x1b => 8,
        0x1d | 0x1f | 0x25 => 12,
        0x1e => 16,
        0x23 => in_upper_bits(config.u32_at(at + 4).unwrap_or_default()).max(HEADER),
        0x24 => 4 + 8 * usize::from(config.u8_at(at + 8).unwrap_or_default() >> 5),
        // Data object exchange.
        0x2e => 24,
        _ => HEADER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_are_in_registers_are_read() {
        let at = |bytes: &[u8]| ConfigSpace::new(bytes.to_vec());
        for (id, bytes, len) in [
            (0x05, &[5, 0, 0x80, 0x00][..], Some(14)),
            (0x05, &[5, 0, 0x00, 0x01], Some(20)),
            (0x05, &[5, 0, 0x80, 0x01], Some(24)),
            (0x07, &[7, 0, 0x00, 0x10], Some(24)),
            (0x09, &[9, 0, 0x14], Some(0x14)),
            (0x09, &[9, 0, 0], None),
            (0x10, &[0x10, 0, 0x02, 0x00], Some(0x34)),
            (0x10, &[0x10, 0, 0x01, 0x00], Some(0x14)),
            (0x10, &[0x10, 0, 0x92, 0x00], Some(0x2c)),
            (0x00, &[0, 0], None),
            (0x0c, &[0x0c, 0], None),
            (0x14, &[0x14, 0], None),
            (0xff, &[0xff, 0xff], None),
        ] {
            assert_eq!(standard(&at(bytes), id, 0), len, "{id:#x} {bytes:x?}");
        }
        for (id, bytes, len) in [
            (0x02, &[2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], Some(0x1c)),
            (0x02, &[2, 0, 1, 0, 1, 0, 0, 0, 2, 0, 0, 0], Some(0x40)),
            (0x0b, &[0x0b, 0, 1, 0, 0, 0, 0, 2], Some(0x20)),
            (0x0d, &[0x0d, 0, 1, 0, 0x20, 33], Some(16)),
            (0x0d, &[0x0d, 0, 1, 0, 0x20, 0], Some(40)),
            (0x15, &[0x15, 0, 1, 0, 0, 0, 0, 0, 0x40], Some(20)),
            (0x17, &[0x17, 0, 1, 0, 0, 2, 3, 0], Some(20)),
            (0x1b, &[0x1b, 0, 1, 0], None),
            (0x2e, &[0x2e, 0, 1, 0], None),
        ] {
            assert_eq!(extended(&at(bytes), id, 0, Rules::Linux6_12), len, "{id:#x} {bytes:x?}");
        }
        let dvsec = at(&[0x23, 0, 1, 0, 0, 0, 0, 2]);
        assert_eq!(extended(&dvsec, 0x23, 0, Rules::Linux6_12), Some(0x20));
        assert_eq!(extended(&dvsec, 0x23, 0, Rules::Linux6_1), None);
    }
}

//! The permissions of the extended capabilities.

use super::register::Permissions;
use super::rule::{ALL, Rule};

/// The first four bytes: id, version, and where the list goes on.
const HEAD: Rule = Rule::shown(0, 4, "header", ALL);

/// The errors that are defined up to TLP prefix blocked.
const UNCORRECTABLE: u32 = 0x03ff_f031;
const CORRECTABLE: u32 = 0xf1c1;
/// End-to-end CRC: made and checked.
const ECRC: u32 = 0x0140;

const ADVANCED_ERROR_REPORTING: &[Rule] = &[
    HEAD,
    Rule::writable(0x04, 4, "uncorrectable status", UNCORRECTABLE),
    Rule::writable(0x08, 4, "uncorrectable mask", UNCORRECTABLE)
        .because("a guest may keep its device's errors from the host"),
    Rule::writable(0x0c, 4, "uncorrectable severity", UNCORRECTABLE)
        .because("a guest may say which of its device's errors are fatal"),
    Rule::writable(0x10, 4, "correctable status", CORRECTABLE),
    Rule::writable(0x14, 4, "correctable mask", CORRECTABLE),
    Rule::writable(0x18, 4, "capabilities and control", ECRC),
    Rule::read_only(0x1c, 16, "header log"),
];

/// The kernel opens the data register where the select register was meant: it is read only.
const POWER_BUDGETING: &[Rule] = &[
    HEAD,
    Rule::read_only(4, 4, "data select"),
    Rule::writable(8, 4, "data", 0xff),
    Rule::read_only(12, 4, "capabilities"),
];

const SRIOV: &[Rule] = &[
    Rule::read_only(0, 4, "header"),
    Rule::read_only(4, 0x3c, "registers")
        .because("a guest sees the VFs' registers and cannot make VFs through them"),
];
const ACS: &[Rule] = &[
    Rule::read_only(0, 4, "header"),
    Rule::read_only(4, 0x24, "registers").because("isolation stays the host's"),
];
const ATS: &[Rule] = &[
    Rule::read_only(0, 4, "header"),
    Rule::read_only(4, 4, "registers")
        .because("address translation in the device is the host's to switch on"),
];
const REBAR: &[Rule] = &[
    Rule::read_only(0, 4, "header"),
    Rule::read_only(4, 0x30, "registers").because("BARs keep the size that the host gave them"),
];

/// An extended capability's table by its id (`vfio_pci_init_perm_bits`). Ids that have none, and
/// those that the kernel does not know, are read and not written.
pub(super) fn permissions(id: u8) -> Permissions {
    match id {
        0x01 => Permissions::bits("init_pci_ext_cap_err_perm", ADVANCED_ERROR_REPORTING),
        0x04 => Permissions::bits("init_pci_ext_cap_pwr_perm", POWER_BUDGETING),
        0x0b | 0x23 => Permissions::raw("vfio_pci_init_perm_bits"),
        0x0d => Permissions::direct(ACS),
        0x0f => Permissions::direct(ATS),
        0x10 => Permissions::direct(SRIOV),
        0x15 => Permissions::direct(REBAR),
        _ => Permissions::direct(&[]),
    }
}

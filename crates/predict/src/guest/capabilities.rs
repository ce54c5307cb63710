//! The permissions of the capabilities in the first 256 bytes.

use super::register::Permissions;
use super::rule::{ALL, Rule};

/// The second byte of a capability that has a table of its own: where the list goes on.
const HEAD: Rule = Rule::shown(0, 2, "id and next", 0xff00);

const POWER_MANAGEMENT: &[Rule] = &[
    HEAD,
    Rule::shown(2, 2, "capabilities", 0xf800).because("a guest gets no power events: they read 0"),
    Rule::shown(4, 4, "control and status", 0x8100)
        .and_writable(!0x8103)
        .acts(0x0003)
        .because("VFIO sets the power state itself; power events stay off"),
];

const VITAL_PRODUCT_DATA: &[Rule] = &[
    HEAD,
    Rule::kept(2, 2, "address").acts(0xffff).because(
        "VFIO reads and writes the device's product data for the guest: what it writes lasts",
    ),
    Rule::kept(4, 4, "data"),
];

const PCI_X: &[Rule] = &[
    HEAD,
    Rule::writable(2, 2, "command", ALL),
    Rule::read_only(4, 4, "status"),
    Rule::writable(8, 4, "ECC control and status", ALL),
    Rule::read_only(12, 12, "ECC addresses and attributes"),
];

const EXPRESS: &[Rule] = &[
    HEAD,
    Rule::read_only(0x02, 2, "capabilities"),
    Rule::read_only(0x04, 4, "device capabilities"),
    // FLR, maximum payload and maximum read request are the copy's; phantom functions stay off.
    Rule::shown(0x08, 2, "device control", 0xf0e0).and_writable(0xfdff).acts(0xf000).because(
        "VFIO does the reset (FLR), keeps the payload size, and sets the read request size no \
         lower than that",
    ),
    Rule::read_only(0x0a, 2, "device status"),
    Rule::read_only(0x0c, 4, "link capabilities"),
    Rule::read_only(0x10, 2, "link control"),
    Rule::read_only(0x12, 2, "link status"),
    Rule::read_only(0x14, 4, "slot capabilities"),
    Rule::read_only(0x18, 2, "slot control"),
    Rule::read_only(0x1a, 2, "slot status"),
    Rule::read_only(0x1c, 2, "root control"),
    Rule::read_only(0x1e, 2, "root capabilities"),
    Rule::read_only(0x20, 4, "root status"),
    Rule::read_only(0x24, 4, "device capabilities 2"),
    Rule::writable(0x28, 2, "device control 2", 0xffdf)
        .because("completion timeouts, atomics, LTR and the like; ARI forwarding stays"),
    Rule::read_only(0x2a, 2, "device status 2"),
    Rule::read_only(0x2c, 4, "link capabilities 2"),
    Rule::read_only(0x30, 2, "link control 2"),
    Rule::read_only(0x32, 2, "link status 2"),
];

const ADVANCED_FEATURES: &[Rule] = &[
    HEAD,
    Rule::read_only(2, 1, "length"),
    Rule::read_only(3, 1, "capabilities"),
    Rule::shown(4, 1, "control", 1).and_writable(1).acts(1).because("VFIO does the reset (FLR)"),
    Rule::read_only(5, 1, "status"),
];

const MSI_FLAGS: Rule = Rule::shown(2, 2, "control", 0x00ff)
    .and_writable(0x00ff)
    .acts(0x00ff)
    .because("VFIO switches MSI on when the VMM asks for interrupts, and clamps the count");
const MSI_ADDRESS: Rule = Rule::kept(4, 4, "address")
    .because("the kernel's own is in the hardware: a guest cannot aim interrupts");
const MSI_WHY: &str = "straight in the hardware: masks the device's own vectors";

const MSI_32: &[Rule] = &[HEAD, MSI_FLAGS, MSI_ADDRESS, Rule::kept(8, 2, "data")];
const MSI_32_MASKABLE: &[Rule] = &[
    HEAD,
    MSI_FLAGS,
    MSI_ADDRESS,
    Rule::kept(8, 2, "data"),
    Rule::read_only(10, 2, "reserved"),
    Rule::writable(12, 4, "mask", ALL).because(MSI_WHY),
    Rule::writable(16, 4, "pending", ALL),
];
const MSI_64: &[Rule] =
    &[HEAD, MSI_FLAGS, MSI_ADDRESS, Rule::kept(8, 4, "upper address"), Rule::kept(12, 2, "data")];
const MSI_64_MASKABLE: &[Rule] = &[
    HEAD,
    MSI_FLAGS,
    MSI_ADDRESS,
    Rule::kept(8, 4, "upper address"),
    Rule::kept(12, 2, "data"),
    Rule::read_only(14, 2, "reserved"),
    Rule::writable(16, 4, "mask", ALL).because(MSI_WHY),
    Rule::writable(20, 4, "pending", ALL),
];

/// Names alone: what has no table of its own is read, and not written.
const MSI_X: &[Rule] = &[
    Rule::read_only(0, 2, "id and next"),
    Rule::read_only(2, 2, "control").because("VFIO switches MSI-X on when the VMM asks"),
    Rule::read_only(4, 4, "table").because("where in a BAR the table is"),
    Rule::read_only(8, 4, "pending bits"),
];

/// How an MSI capability is built: 64-bit addresses, masks. The kernel makes one table a function,
/// after its first MSI capability (`init_pci_cap_msi_perm`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MsiFlags(pub(super) u16);

impl MsiFlags {
    pub(super) const fn is_wide(self) -> bool {
        self.0 & 0x80 != 0
    }

    pub(super) const fn is_maskable(self) -> bool {
        self.0 & 0x100 != 0
    }
}

/// A capability's table by its id (`vfio_pci_init_perm_bits`).
pub(super) fn permissions(id: u8, msi: MsiFlags) -> Permissions {
    match id {
        0x01 => Permissions::bits("init_pci_cap_pm_perm, vfio_pm_config_write", POWER_MANAGEMENT),
        0x03 => {
            Permissions::bits("init_pci_cap_vpd_perm, vfio_vpd_config_write", VITAL_PRODUCT_DATA)
        }
        0x05 => Permissions::bits("init_pci_cap_msi_perm, vfio_msi_config_write", msi_rules(msi)),
        0x07 => Permissions::bits("init_pci_cap_pcix_perm", PCI_X),
        0x09 => Permissions::raw("vfio_pci_init_perm_bits"),
        0x10 => Permissions::bits("init_pci_cap_exp_perm, vfio_exp_config_write", EXPRESS),
        0x11 => Permissions::direct(MSI_X),
        0x13 => Permissions::bits("init_pci_cap_af_perm, vfio_af_config_write", ADVANCED_FEATURES),
        _ => Permissions::direct(&[]),
    }
}

const fn msi_rules(flags: MsiFlags) -> &'static [Rule] {
    match (flags.is_wide(), flags.is_maskable()) {
        (false, false) => MSI_32,
        (false, true) => MSI_32_MASKABLE,
        (true, false) => MSI_64,
        (true, true) => MSI_64_MASKABLE,
    }
}

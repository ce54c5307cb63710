//! The permissions of the header.

use super::rule::{ALL, Rule};

/// The kernel's function that fills the table.
pub(super) const BY: &str = "init_pci_cap_basic_perm, vfio_basic_config_write";

const INTX_DISABLE: u32 = 1 << 10;
const MEMORY: u32 = 1 << 1;
const CAPABILITY_LIST: u32 = 1 << 4;

const BAR_WHY: &str = "VFIO shows its size and keeps the guest's address: the real one never moves";

/// A VF's command register: its specification gives it no memory enable bit, since its PF has one for
/// all VFs (`no_command_memory`). A guest finds again what it wrote; the hardware gets it too, and
/// should not mind.
pub(super) const VF_COMMAND: Rule = Rule::shown(0x04, 2, "command", INTX_DISABLE | MEMORY)
    .and_writable(ALL)
    .twice(MEMORY)
    .acts(INTX_DISABLE)
    .because("bus mastering is the guest's; memory is enabled by its PF, whatever this says");

/// A type 0 header: VFIO takes no other.
pub(super) const RULES: &[Rule] = &[
    Rule::shown(0x00, 2, "vendor", ALL).because("a VF's own registers read ffff"),
    Rule::shown(0x02, 2, "device", ALL).because("a VF's own registers read ffff"),
    Rule::shown(0x04, 2, "command", INTX_DISABLE).and_writable(ALL).acts(INTX_DISABLE).because(
        "bus mastering, memory and I/O are the guest's; VFIO passes INTx disable on itself",
    ),
    Rule::shown(0x06, 2, "status", CAPABILITY_LIST),
    Rule::read_only(0x08, 1, "revision"),
    Rule::read_only(0x09, 3, "class"),
    Rule::writable(0x0c, 1, "cache line size", ALL),
    Rule::writable(0x0d, 1, "latency timer", ALL),
    Rule::read_only(0x0e, 1, "header type"),
    Rule::writable(0x0f, 1, "BIST", ALL).because("may start the device's self-test"),
    Rule::kept(0x10, 4, "BAR 0").because(BAR_WHY),
    Rule::kept(0x14, 4, "BAR 1").because(BAR_WHY),
    Rule::kept(0x18, 4, "BAR 2").because(BAR_WHY),
    Rule::kept(0x1c, 4, "BAR 3").because(BAR_WHY),
    Rule::kept(0x20, 4, "BAR 4").because(BAR_WHY),
    Rule::kept(0x24, 4, "BAR 5").because(BAR_WHY),
    Rule::read_only(0x28, 4, "CardBus CIS pointer"),
    Rule::read_only(0x2c, 2, "subsystem vendor"),
    Rule::read_only(0x2e, 2, "subsystem device"),
    Rule::kept(0x30, 4, "ROM").because("VFIO shows its size and keeps the guest's address"),
    Rule::shown(0x34, 1, "capabilities pointer", ALL)
        .because("VFIO leaves capabilities out of the list"),
    Rule::read_only(0x35, 7, "reserved"),
    Rule::kept(0x3c, 1, "interrupt line"),
    Rule::shown(0x3d, 1, "interrupt pin", ALL).because("0 on a VF, and where INTx is broken"),
    Rule::read_only(0x3e, 1, "minimum grant"),
    Rule::read_only(0x3f, 1, "maximum latency"),
];

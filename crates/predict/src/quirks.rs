//! Chips that isolate without saying so, or that never do.
//!
//! Data taken from the kernel's `drivers/pci/quirks.c`, `pci_dev_acs_enabled`, in its order: the
//! first entry that has a say decides. A few ids are from stable updates after 6.12.

use std::ops::RangeInclusive;

use virtfn_host::{Function, Host, Seen};

use crate::kind::{Kind, is_multifunction};

/// What the table says of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quirk {
    /// It isolates, for this reason.
    Isolates(&'static str),
    /// It does not, for this reason.
    Never(&'static str),
    /// The table has nothing on it.
    None,
    /// It may be in the table; its kind, which is not known, decides.
    DependsOnKind,
}

struct Entry {
    vendor: u16,
    devices: &'static [RangeInclusive<u16>],
    when: When,
    isolates: bool,
    note: &'static str,
}

/// Which functions with these ids are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    RootPort,
    Port,
    Integrated,
    /// One of several functions of a south bridge, on a root bus, below an AMD IOMMU.
    AmdSouthBridge,
}

const ATI: u16 = 0x1002;
const AMD: u16 = 0x1022;
const SOLARFLARE: u16 = 0x1924;
const INTEL: u16 = 0x8086;
const QUALCOMM: u16 = 0x17cb;
const HXT: u16 = 0x1dbf;
const CAVIUM: u16 = 0x177d;
const APPLIED_MICRO: u16 = 0x10e8;
const AMPERE: u16 = 0x1def;
const BROADCOM: u16 = 0x14e4;
const LOONGSON: u16 = 0x0014;
const ANNAPURNA: u16 = 0x1c36;
const ZHAOXIN: u16 = 0x1d17;
const NXP: u16 = 0x1957;
const WANGXUN: u16 = 0x8088;

const ANY: &[RangeInclusive<u16>] = &[0..=u16::MAX];
const SOUTH_BRIDGE: &str = "an AMD south bridge sends everything up";
const APART: &str = "its maker says that its functions do not talk to each other";
const NO_PEERS: &str = "a root port of this kind passes nothing to its peers";

const TABLE: &[Entry] = &[
    on(
        ATI,
        &[0x4383..=0x4385, 0x4399..=0x4399, 0x439c..=0x439d],
        When::AmdSouthBridge,
        SOUTH_BRIDGE,
    ),
    on(AMD, &[0x780f..=0x780f, 0x7809..=0x7809], When::AmdSouthBridge, SOUTH_BRIDGE),
    on(SOLARFLARE, &[0x0903..=0x0903, 0x0923..=0x0923, 0x0a03..=0x0a03], When::Always, APART),
    on(INTEL, INTEL_NICS, When::Always, APART),
    on(
        INTEL,
        ANY,
        When::Integrated,
        "VT-d lets integrated endpoints talk by translated address only",
    ),
    on(
        QUALCOMM,
        &[0x0400..=0x0401, 0x0115..=0x0115, 0x0111..=0x0111, 0x0120..=0x0120],
        When::Always,
        NO_PEERS,
    ),
    on(HXT, &[0x0401..=0x0401], When::Always, NO_PEERS),
    on(INTEL, INTEL_PCH, When::RootPort, "the kernel switches peer traffic off in this chipset"),
    on(0x19a2, &[0x0710..=0x0710], When::Always, APART),
    on(0x10df, &[0x0720..=0x0720], When::Always, APART),
    on(CAVIUM, &[0xa000..=0xa7ff, 0xaf84..=0xaf84, 0xb884..=0xb884], When::RootPort, NO_PEERS),
    on(CAVIUM, &[0xa026..=0xa026, 0xa059..=0xa059, 0xa060..=0xa060], When::Always, APART),
    on(APPLIED_MICRO, &[0xe004..=0xe004], When::Always, NO_PEERS),
    on(AMPERE, &[0xe005..=0xe00c], When::Always, NO_PEERS),
    on(BROADCOM, &[0x16d7..=0x16d7, 0x1750..=0x1752, 0x1760..=0x1763], When::Always, APART),
    on(BROADCOM, &[0xd714..=0xd714], When::Always, NO_PEERS),
    on(LOONGSON, LOONGSON_PORTS, When::Always, NO_PEERS),
    on(ANNAPURNA, &[0x0031..=0x0031], When::RootPort, NO_PEERS),
    on(ZHAOXIN, &[0x3038..=0x3038, 0x3104..=0x3104, 0x9083..=0x9083], When::Always, APART),
    on(NXP, NXP_PORTS, When::Always, NO_PEERS),
    on(ZHAOXIN, &[0x0710..=0x071e, 0x0721..=0x0721, 0x0723..=0x0752], When::Port, NO_PEERS),
    never(ZHAOXIN, When::Port, "a Zhaoxin port that is not on its list"),
    on(WANGXUN, WANGXUN_NICS, When::Always, APART),
    never(WANGXUN, When::Always, "a Wangxun device that is not on its list"),
];

const INTEL_NICS: &[RangeInclusive<u16>] = &[
    // 82598 and 82599
    0x10c6..=0x10c6,
    0x10db..=0x10db,
    0x10dd..=0x10dd,
    0x10e1..=0x10e1,
    0x10f1..=0x10f1,
    0x10f7..=0x10fc,
    0x1507..=0x1507,
    0x1514..=0x1514,
    0x151c..=0x151c,
    0x1529..=0x152a,
    0x154d..=0x154d,
    0x154f..=0x154f,
    0x1551..=0x1551,
    0x1558..=0x1558,
    // 82580
    0x1509..=0x1509,
    0x150e..=0x1511,
    0x1516..=0x1516,
    0x1527..=0x1527,
    // 82576
    0x10c9..=0x10c9,
    0x10e6..=0x10e8,
    0x150a..=0x150a,
    0x150d..=0x150d,
    0x1518..=0x1518,
    0x1526..=0x1526,
    // 82575
    0x10a7..=0x10a7,
    0x10a9..=0x10a9,
    0x10d6..=0x10d6,
    // I350
    0x1521..=0x1524,
    // 82571, without the quad cards, whose switch has no ACS
    0x105e..=0x1060,
    0x10d9..=0x10d9,
    // I219
    0x15b7..=0x15b8,
];

/// Root ports of Intel chipsets that have no ACS capability. The kernel switches their peer traffic
/// off when an IOMMU asks for ACS; that this worked cannot be read back, and is taken for granted.
const INTEL_PCH: &[RangeInclusive<u16>] = &[
    0x3b42..=0x3b51, // Ibex Peak
    0x1c10..=0x1c1f, // Cougar Point
    0x1e10..=0x1e1f, // Panther Point
    0x8c10..=0x8c1f, // Lynx Point-H
    0x9c10..=0x9c1b, // Lynx Point-LP
    0x9c90..=0x9c9b, // Wildcat Point
    0x1d10..=0x1d10, // Patsburg, even ids alone
    0x1d12..=0x1d12,
    0x1d14..=0x1d14,
    0x1d16..=0x1d16,
    0x1d18..=0x1d18,
    0x1d1a..=0x1d1a,
    0x1d1c..=0x1d1c,
    0x1d1e..=0x1d1e,
    0x8d10..=0x8d1e, // Wellsburg
    0x8c90..=0x8c90, // Lynx Point of the 9 series, even ids alone
    0x8c92..=0x8c92,
    0x8c94..=0x8c94,
    0x8c96..=0x8c96,
    0x8c98..=0x8c98,
    0x8c9a..=0x8c9a,
    0x8c9c..=0x8c9c,
    0x8c9e..=0x8c9e,
];

const LOONGSON_PORTS: &[RangeInclusive<u16>] = &[
    0x3c09..=0x3c09,
    0x3c19..=0x3c19,
    0x3c29..=0x3c29,
    0x7a09..=0x7a09,
    0x7a19..=0x7a19,
    0x7a29..=0x7a29,
    0x7a39..=0x7a39,
    0x7a49..=0x7a49,
    0x7a59..=0x7a59,
    0x7a69..=0x7a69,
];

/// LX2160A, LX2120A, LX2080A and their variants.
const NXP_PORTS: &[RangeInclusive<u16>] = &[
    0x8d80..=0x8d83,
    0x8d88..=0x8d8b,
    0x8d90..=0x8d93,
    0x8d98..=0x8d9b,
    0x8da0..=0x8da1,
    0x8da8..=0x8da9,
    0x8db0..=0x8db1,
    0x8db8..=0x8db9,
];

const WANGXUN_NICS: &[RangeInclusive<u16>] = &[
    0x0100..=0x010f,
    0x1001..=0x1001,
    0x2001..=0x2001,
    0x5010..=0x5010,
    0x5025..=0x5025,
    0x5040..=0x5040,
    0x5110..=0x5110,
    0x5125..=0x5125,
    0x5140..=0x5140,
];

const fn on(
    vendor: u16,
    devices: &'static [RangeInclusive<u16>],
    when: When,
    note: &'static str,
) -> Entry {
    Entry { vendor, devices, when, isolates: true, note }
}

const fn never(vendor: u16, when: When, note: &'static str) -> Entry {
    Entry { vendor, devices: ANY, when, isolates: false, note }
}

/// Bridges at which an IOMMU sits, so that what they rename upstream does not matter
/// (`drivers/pci/quirks.c`, `quirk_bridge_cavm_thrx2_pcie_root`).
pub(crate) fn translates_at(bridge: &Function) -> bool {
    bridge.ids.vendor == BROADCOM && matches!(bridge.ids.device, 0x9000 | 0x9084)
}

/// What the table says of a function whose kind may not be known yet.
pub(crate) fn of(host: &Host, function: &Function, kind: Option<Kind>) -> Quirk {
    let (vendor, device) = (function.ids.vendor, function.ids.device);
    let named = |entry: &&Entry| {
        entry.vendor == vendor && entry.devices.iter().any(|range| range.contains(&device))
    };
    for entry in TABLE.iter().filter(named) {
        match entry.when.holds(host, function, kind) {
            None => return Quirk::DependsOnKind,
            Some(false) => {}
            Some(true) if entry.isolates => return Quirk::Isolates(entry.note),
            Some(true) => return Quirk::Never(entry.note),
        }
    }
    Quirk::None
}

impl When {
    /// `None`: the function's kind decides, and is not known.
    fn holds(self, host: &Host, function: &Function, kind: Option<Kind>) -> Option<bool> {
        match self {
            Self::Always => Some(true),
            Self::RootPort => kind.map(|kind| kind == Kind::RootPort),
            Self::Port => kind.map(|kind| matches!(kind, Kind::RootPort | Kind::DownstreamPort)),
            Self::Integrated => kind.map(|kind| kind == Kind::IntegratedEndpoint),
            Self::AmdSouthBridge => {
                let inside = function.parent.is_none() && is_multifunction(function) == Ok(true);
                Some(inside && has_amd_iommu(host))
            }
        }
    }
}

fn has_amd_iommu(host: &Host) -> bool {
    matches!(&host.firmware.acpi, Seen::Known(tables) if tables.contains_key("IVRS"))
}

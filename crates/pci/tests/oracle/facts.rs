//! What we decoded, said in lspci's words, a line of its output at a time.

use virtfn_pci::capability::*;
use virtfn_pci::*;

/// One line that lspci prints: how it starts, the flags in it, and what stands behind which words.
pub(crate) struct Fact {
    pub(crate) label: &'static str,
    pub(crate) flags: Vec<(&'static str, bool)>,
    pub(crate) phrases: Vec<(String, String)>,
    /// lspci is known to be wrong here: the line is recognised, not compared.
    pub(crate) skipped: bool,
}

impl Fact {
    fn of(label: &'static str, flags: Vec<(&'static str, bool)>) -> Self {
        Self { label, flags, phrases: Vec::new(), skipped: false }
    }

    /// `value` stands behind `before`, wherever `before` is in the line.
    fn phrase(mut self, before: &str, value: impl ToString) -> Self {
        self.phrases.push((before.to_owned(), value.to_string()));
        self
    }

    fn maybe(self, before: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.phrase(before, value),
            None => self,
        }
    }
}

/// A set of flags by the names lspci has for them.
macro_rules! named {
    ($type:ty, $value:expr) => {
        <$type>::NAMED.iter().map(|(name, flag)| (*name, $value.has(*flag))).collect::<Vec<_>>()
    };
}

pub(crate) fn title(header: &Header) -> String {
    let Header { vendor, device, class, revision, .. } = header;
    let title = format!("{:04x}: {vendor:04x}:{device:04x}", class >> 8);
    if *revision == 0 { title } else { format!("{title} (rev {revision:02x})") }
}

pub(crate) fn header(header: &Header, walk: &Walk) -> Vec<Fact> {
    let pin = header.interrupt_pin;
    let letter = (1..=4).contains(&pin).then(|| char::from(b'A' + pin - 1));
    let cache_line = u32::from(header.cache_line_size) * 4;
    let bridge_ids = walk.found.iter().find_map(|found| match &found.body {
        Capability::BridgeSubsystem(ids) => Some(ids.subsystem),
        _ => None,
    });
    let subsystem = header.subsystem.or(bridge_ids);
    let ids = subsystem.map(|ids| format!("{:04x}:{:04x}", ids.vendor, ids.device));
    let mut facts = vec![
        Fact::of("Control:", named!(Command, header.command)),
        Fact::of("Status:", named!(Status, header.status)),
        Fact::of("Subsystem:", vec![]).maybe("Subsystem: ", ids),
        Fact::of("Latency:", vec![])
            .phrase("Latency: ", header.latency_timer)
            .phrase("Cache Line Size: ", format!("{cache_line} bytes")),
        Fact::of("Interrupt:", vec![]).maybe("pin ", letter).phrase("IRQ ", header.interrupt_line),
    ];
    if let Some(address) = Some(header.rom_register & 0xffff_f800).filter(|&at| at != 0) {
        facts.push(Fact::of("Expansion ROM", vec![]).phrase(" at ", format!("{address:08x}")));
    }
    facts.extend(header.bridge.iter().flat_map(bridge));
    facts
}

fn bridge(bridge: &Bridge) -> Vec<Fact> {
    let Bridge { primary, secondary, subordinate, .. } = bridge;
    let buses = format!("{primary:02x}, secondary={secondary:02x}, subordinate={subordinate:02x}");
    let window = |label, window: &Option<Window>| {
        let range = window.map(|Window { base, limit, bits }| {
            let digits = usize::from(bits / 4);
            format!("{base:0digits$x}-{limit:0digits$x} ")
        });
        let bits = window.map(|window| format!("{}-bit]", window.bits));
        let size = if window.is_some() { "size=" } else { "disabled" };
        Fact::of(label, vec![])
            .maybe("behind bridge: ", range)
            .maybe("] [", bits)
            .phrase(" [", size)
    };
    vec![
        Fact::of("Bus:", vec![])
            .phrase("primary=", buses)
            .phrase("sec-latency=", bridge.secondary_latency_timer),
        window("I/O behind", &bridge.io),
        window("Memory behind", &bridge.memory),
        window("Prefetchable memory behind", &bridge.prefetchable),
        Fact::of("Secondary status:", named!(SecondaryStatus, bridge.secondary_status)),
        Fact::of("BridgeCtl:", named!(BridgeControl, bridge.control)),
    ]
}

/// A function's regions as lspci prints them.
pub(crate) fn regions(bars: &[Bar]) -> Vec<String> {
    bars.iter().map(|bar| format!("Region {}: {}", bar.index, place(bar.place))).collect()
}

/// The regions of VFs, which it prints in its own way.
pub(crate) fn vf_regions(bars: &[Bar]) -> Vec<String> {
    let line = |bar: &Bar| match bar.place {
        Place::Memory { address, width, prefetchable } => {
            let (digits, bits) = if width == Width::Bits32 { (8, 32) } else { (16, 64) };
            let not = if prefetchable { "" } else { "non-" };
            let index = bar.index;
            format!("Region {index}: Memory at {address:0digits$x} ({bits}-bit, {not}prefetchable)")
        }
        Place::Io { .. } => format!("Region {}: I/O ports on a VF", bar.index),
    };
    bars.iter().map(line).collect()
}

fn place(place: Place) -> String {
    match place {
        Place::Io { address: 0 } => "I/O ports at <unassigned>".to_owned(),
        Place::Io { address } => format!("I/O ports at {address:04x}"),
        Place::Memory { address, width, prefetchable } => {
            let kind = match width {
                Width::Bits32 => "32-bit",
                Width::Below1Mib => "low-1M",
                Width::Bits64 | Width::Broken64 => "64-bit",
                Width::Reserved => "type 3",
            };
            let at = match (width, address) {
                (Width::Broken64, _) | (_, 0) => "<unassigned>".to_owned(),
                (_, address) => format!("{address:08x}"),
            };
            let not = if prefetchable { "" } else { "non-" };
            format!("Memory at {at} ({kind}, {not}prefetchable)")
        }
    }
}

/// The lines of one capability; its first line has the label `=`.
pub(crate) fn capability(found: &Found) -> Vec<Fact> {
    match &found.body {
        Capability::PowerManagement(power) => power_management(power),
        Capability::Msi(msi) => self::msi(msi),
        Capability::MsiX(msi_x) => self::msi_x(msi_x),
        Capability::Express(express) => self::express(express),
        Capability::BridgeSubsystem(BridgeSubsystem {
            subsystem: Subsystem { vendor, device },
        }) => {
            vec![Fact::of("=", vec![]).phrase("Subsystem: ", format!("{vendor:04x}:{device:04x}"))]
        }
        Capability::AdvancedFeatures(features) => vec![
            Fact::of("AFCap:", named!(AfFlags, features.capabilities)),
            Fact::of("AFCtrl:", vec![]),
            Fact::of("AFStatus:", vec![("TP", features.pending)]),
        ],
        Capability::Aer(aer) => self::aer(aer),
        Capability::SerialNumber(serial) => {
            vec![Fact::of("=", vec![]).phrase("Device Serial Number ", serial)]
        }
        Capability::VendorExtended(VendorExtended { id, revision, len }) => {
            let ids = format!("{id:04x} Rev={revision} Len={len:03x} ");
            vec![Fact::of("=", vec![]).phrase("Vendor Specific Information: ID=", ids)]
        }
        Capability::Ari(ari) => vec![
            Fact::of("ARICap:", named!(AriFlags, ari.capability))
                .phrase("Next Function: ", ari.next_function),
            Fact::of("ARICtl:", named!(AriFlags, ari.control))
                .phrase("Function Group: ", ari.function_group),
        ],
        Capability::Acs(acs) => self::acs(acs),
        Capability::Ats(ats) => vec![
            Fact::of("ATSCap:", vec![])
                .phrase("Queue Depth: ", format!("{:02x}", ats.queue_depth % 32)),
            Fact::of("ATSCtl:", vec![("Enable", ats.enabled)])
                .phrase("Translation Unit: ", format!("{:02x}", ats.smallest_unit)),
        ],
        Capability::Sriov(sriov) => self::sriov(sriov),
        Capability::PageRequests(requests) => vec![
            Fact::of("PRICtl:", named!(PriControl, requests.control)),
            Fact::of("PRISta:", named!(PriStatus, requests.status)),
            Fact::of("Page Request", vec![])
                .phrase("Capacity: ", format!("{:08x}", requests.capacity))
                .phrase("Allocation: ", format!("{:08x}", requests.allocation)),
        ],
        Capability::Pasid(pasid) => vec![
            Fact::of("PASIDCap:", named!(PasidFlags, pasid.capability))
                .phrase("Max PASID Width: ", format!("{:02x}", pasid.width)),
            Fact::of("PASIDCtl:", named!(PasidFlags, pasid.control)),
        ],
        Capability::Dpc(dpc) => self::dpc(dpc),
        Capability::ResizableBars(bars) => resizable(bars),
        Capability::Named | Capability::Cut => vec![],
    }
}

fn resizable(resizable: &ResizableBars) -> Vec<Fact> {
    let size = |code: u8| {
        let (unit, scale) = (["MB", "GB", "TB", "PB", "EB"], usize::from(code / 10));
        unit.get(scale).map(|unit| format!("{}{unit}", 1u32 << (code % 10)))
    };
    const LABELS: [&str; 8] =
        ["BAR 0:", "BAR 1:", "BAR 2:", "BAR 3:", "BAR 4:", "BAR 5:", "BAR 6:", "BAR 7:"];
    let line = |bar: &ResizableBar| {
        let sizes: Vec<_> =
            (0..28).filter(|code| bar.sizes >> code & 1 == 1).filter_map(size).collect();
        Fact::of(LABELS[usize::from(bar.bar)], vec![])
            .maybe("current size: ", size(bar.current))
            .phrase("supported: ", sizes.join(" "))
    };
    // Two entries for one register share a label; such a function is broken, the first is looked at.
    resizable.bars.iter().take(1).map(line).collect()
}

fn power_management(power: &PowerManagement) -> Vec<Fact> {
    let sign = |flag| if power.capabilities.has(flag) { '+' } else { '-' };
    let wakes = format!(
        "D0{},D1{},D2{},D3hot{},D3cold{})",
        sign(PmCapabilities::PME_D0),
        sign(PmCapabilities::PME_D1),
        sign(PmCapabilities::PME_D2),
        sign(PmCapabilities::PME_D3_HOT),
        sign(PmCapabilities::PME_D3_COLD)
    );
    vec![
        Fact::of("=", vec![]).phrase("version ", power.version),
        Fact::of("Flags:", named!(PmCapabilities, power.capabilities))
            .phrase("AuxCurrent=", format!("{}mA", power.aux_current_ma))
            .phrase("PME(", wakes),
        Fact::of("Status:", named!(PmControl, power.control))
            .phrase("Status: D", power.state)
            .phrase("DSel=", power.data_select)
            .phrase("DScale=", power.data_scale),
        Fact::of(
            "Bridge:",
            vec![
                ("PM", power.bridge.has(PmBridge::BUS_POWER)),
                ("B3", !power.bridge.has(PmBridge::B2_IN_D3_HOT)),
            ],
        ),
    ]
}

fn msi(msi: &Msi) -> Vec<Fact> {
    let wide = msi.control.has(MsiControl::ADDRESS_64);
    let address =
        if wide { format!("{:016x}", msi.address) } else { format!("{:08x}", msi.address) };
    let count = format!("{}/{} ", msi.messages_enabled, msi.messages_capable);
    vec![
        Fact::of("=", named!(MsiControl, msi.control)).phrase("Count=", count),
        Fact::of("Address:", vec![])
            .phrase("Address: ", address)
            .phrase("Data: ", format!("{:04x}", msi.data)),
        Fact::of("Masking:", vec![])
            .maybe("Masking: ", msi.mask.map(|mask| format!("{mask:08x}")))
            .maybe("Pending: ", msi.pending.map(|pending| format!("{pending:08x}"))),
    ]
}

fn msi_x(msi_x: &MsiX) -> Vec<Fact> {
    let at = |table: TableAt| format!("{} offset={:08x}", table.bar, table.offset);
    vec![
        Fact::of("=", vec![("Enable", msi_x.enabled), ("Masked", msi_x.masked)])
            .phrase("Count=", format!("{} ", msi_x.count)),
        Fact::of("Vector table:", vec![]).phrase("BAR=", at(msi_x.table)),
        Fact::of("PBA:", vec![]).phrase("BAR=", at(msi_x.pending)),
    ]
}

fn aer(aer: &Aer) -> Vec<Fact> {
    let log: Vec<_> = aer.header_log.iter().map(|entry| format!("{entry:08x}")).collect();
    let mut facts = vec![
        Fact::of("UESta:", named!(Uncorrectable, aer.uncorrectable)),
        Fact::of("UEMsk:", named!(Uncorrectable, aer.uncorrectable_mask)),
        Fact::of("UESvrt:", named!(Uncorrectable, aer.uncorrectable_severity)),
        Fact::of("CESta:", named!(Correctable, aer.correctable)),
        Fact::of("CEMsk:", named!(Correctable, aer.correctable_mask)),
        Fact::of("AERCap:", named!(AerControl, aer.control))
            .phrase("First Error Pointer: ", format!("{:02x}", aer.first_error)),
        Fact::of("HeaderLog:", vec![]).phrase("HeaderLog: ", log.join(" ")),
    ];
    if let Some(root) = &aer.root {
        let sources = format!(
            "{:04x} ERR_FATAL/NONFATAL: {:04x}",
            root.correctable_source, root.uncorrectable_source
        );
        facts.extend([
            Fact::of("RootCmd:", named!(RootCommand, root.command)),
            Fact::of("RootSta:", named!(RootStatus, root.status))
                .phrase("IntMsg ", root.interrupt_message),
            Fact::of("ErrorSrc:", vec![]).phrase("ERR_COR: ", sources),
        ]);
    }
    facts
}

fn acs(acs: &Acs) -> Vec<Fact> {
    let flags = |register: AcsFlags| {
        vec![
            ("SrcValid", register.has(AcsFlags::SOURCE_VALIDATION)),
            ("TransBlk", register.has(AcsFlags::TRANSLATION_BLOCKING)),
            ("ReqRedir", register.has(AcsFlags::REQUEST_REDIRECT)),
            ("CmpltRedir", register.has(AcsFlags::COMPLETION_REDIRECT)),
            ("UpstreamFwd", register.has(AcsFlags::UPSTREAM_FORWARDING)),
            ("EgressCtrl", register.has(AcsFlags::EGRESS_CONTROL)),
            ("DirectTrans", register.has(AcsFlags::DIRECT_TRANSLATED)),
        ]
    };
    let mut facts = vec![Fact::of("ACSCap:", flags(acs.capability))];
    // lspci knows nothing of ports that keep the control register elsewhere: what it prints as
    // control there is the upper half of the capability register.
    facts.push(match acs.layout {
        AcsLayout::Words => Fact::of("ACSCtl:", flags(acs.control)),
        AcsLayout::DoubleWords => Fact { skipped: true, ..Fact::of("ACSCtl:", vec![]) },
    });
    facts
}

fn sriov(sriov: &Sriov) -> Vec<Fact> {
    let Sriov { initial_vfs, total_vfs, num_vfs, dependency_link, .. } = sriov;
    let counts = format!(
        "{initial_vfs}, Total VFs: {total_vfs}, Number of VFs: {num_vfs}, \
         Function Dependency Link: {dependency_link:02x}"
    );
    let Sriov { first_vf_offset, vf_stride, vf_device, .. } = sriov;
    let pages = format!(
        "{:08x}, System Page Size: {:08x}",
        sriov.supported_page_sizes, sriov.system_page_size
    );
    let migration = format!("{:08x}, BIR: {}", sriov.migration_offset, sriov.migration_bar);
    vec![
        Fact::of("IOVCap:", named!(SriovCapabilities, sriov.capabilities))
            .phrase("Message Number: ", format!("{:03x}", sriov.migration_interrupt)),
        Fact::of("IOVCtl:", named!(SriovControl, sriov.control)),
        Fact::of("IOVSta:", named!(SriovStatus, sriov.status)),
        Fact::of("Initial VFs:", vec![]).phrase("Initial VFs: ", counts),
        Fact::of("VF offset:", vec![]).phrase(
            "VF offset: ",
            format!("{first_vf_offset}, stride: {vf_stride}, Device ID: {vf_device:04x}"),
        ),
        Fact::of("Supported Page Size:", vec![]).phrase("Supported Page Size: ", pages),
        Fact::of("VF Migration:", vec![]).phrase("offset: ", migration),
    ]
}

fn dpc(dpc: &Dpc) -> Vec<Fact> {
    vec![
        Fact::of("DpcCap:", named!(DpcCapabilities, dpc.capabilities))
            .phrase("INT Msg #", dpc.interrupt_message)
            .phrase("RP PIO Log ", dpc.pio_log_size),
        Fact::of("DpcCtl:", named!(DpcControl, dpc.control)).phrase("Trigger:", dpc.trigger),
        Fact::of("DpcSta:", named!(DpcStatus, dpc.status))
            .phrase("Reason:", format!("{:02x}", dpc.reason))
            .phrase("TriggerExt:", format!("{:02x}", dpc.extension)),
        Fact::of("Source:", vec![]).phrase("Source: ", format!("{:04x}", dpc.source)),
    ]
}

fn express(express: &Express) -> Vec<Fact> {
    let slot = if express.slot_implemented { '+' } else { '-' };
    let port = match express.port {
        PortType::Endpoint => "Endpoint".to_owned(),
        PortType::LegacyEndpoint => "Legacy Endpoint".to_owned(),
        PortType::RootPort => format!("Root Port (Slot{slot})"),
        PortType::UpstreamPort => "Upstream Port".to_owned(),
        PortType::DownstreamPort => format!("Downstream Port (Slot{slot})"),
        PortType::ExpressToPci => "PCI-Express to PCI/PCI-X Bridge".to_owned(),
        PortType::PciToExpress => format!("PCI/PCI-X to PCI-Express Bridge (Slot{slot})"),
        PortType::IntegratedEndpoint => "Root Complex Integrated Endpoint".to_owned(),
        PortType::EventCollector => "Root Complex Event Collector".to_owned(),
        PortType::Unknown(number) => format!("Unknown type {number}"),
    };
    let title = format!("(v{}) {port}, MSI {:02x}", express.version, express.interrupt_message);
    let mut facts = vec![Fact::of("=", vec![]).phrase("Express ", title)];
    facts[0].flags = vec![("(Slot", express.slot_implemented)];
    facts.extend(device(&express.device));
    facts.extend(express.link.iter().flat_map(link));
    facts.extend(express.slot.iter().flat_map(self::slot));
    facts.extend(express.root.iter().flat_map(root));
    facts.extend(express.device2.iter().flat_map(device2));
    facts.extend(express.link2.iter().flat_map(link2));
    facts
}

const BELOW: [&str; 8] =
    ["<64ns", "<128ns", "<256ns", "<512ns", "<1us", "<2us", "<4us", "unlimited"];
const L1_BELOW: [&str; 8] =
    ["<1us", "<2us", "<4us", "<8us", "<16us", "<32us", "<64us", "unlimited"];

fn device(device: &Device) -> Vec<Fact> {
    let latency = format!(
        "{}, L1 {}",
        BELOW[usize::from(device.l0s_latency)],
        L1_BELOW[usize::from(device.l1_latency)]
    );
    vec![
        Fact::of("DevCap:", named!(DeviceCapabilities, device.capabilities))
            .phrase("MaxPayload ", format!("{} bytes", device.max_payload_capable))
            .phrase("PhantFunc ", (1 << device.phantom_functions) - 1)
            .phrase("Latency L0s ", latency)
            .phrase("SlotPowerLimit ", watts(device.slot_power_mw)),
        Fact::of("DevCtl:", named!(DeviceControl, device.control))
            .phrase("MaxPayload ", format!("{} bytes", device.max_payload))
            .phrase("MaxReadReq ", format!("{} bytes", device.max_read_request)),
        Fact::of("DevSta:", named!(DeviceStatus, device.status)),
    ]
}

/// lspci drops trailing zeros.
fn watts(milliwatts: u32) -> String {
    match (milliwatts / 1000, milliwatts % 1000) {
        (whole, 0) => format!("{whole}W"),
        (whole, rest) => format!("{whole}.{}W", format!("{rest:03}").trim_end_matches('0')),
    }
}

fn link(link: &Link) -> Vec<Fact> {
    let aspm = match link.aspm_capable.bits() {
        0 => "not supported",
        1 => "L0s,",
        2 => "L1,",
        _ => "L0s L1,",
    };
    let l0s_exit =
        link.aspm_capable.has(Aspm::L0S).then(|| BELOW[usize::from(link.l0s_exit_latency)]);
    let l1_exit =
        link.aspm_capable.has(Aspm::L1).then(|| L1_BELOW[usize::from(link.l1_exit_latency)]);
    let exit = match (l0s_exit, l1_exit) {
        (Some(l0s), Some(l1)) => Some(format!("L0s {l0s}, L1 {l1}")),
        (Some(l0s), None) => Some(format!("L0s {l0s}")),
        (None, Some(l1)) => Some(format!("L1 {l1}")),
        (None, None) => None,
    };
    let enabled = match link.aspm.bits() {
        0 => "Disabled",
        1 => "L0s Enabled",
        2 => "L1 Enabled",
        _ => "L0s L1 Enabled",
    };
    let rcb = if link.control.has(LinkControl::RCB_128) { "128 bytes" } else { "64 bytes" };
    vec![
        Fact::of("LnkCap:", named!(LinkCapabilities, link.capabilities))
            .phrase("Port #", link.port_number)
            .phrase("Speed ", link.max_speed)
            .phrase("Width x", link.max_width)
            .phrase("ASPM ", aspm)
            .maybe("Exit Latency ", exit),
        Fact::of("LnkCtl:", named!(LinkControl, link.control))
            .phrase("ASPM ", enabled)
            .phrase("RCB ", rcb),
        Fact::of("LnkSta:", named!(LinkStatus, link.status))
            .phrase("Speed ", link.speed)
            .phrase("Width x", link.width),
    ]
}

fn slot(slot: &Slot) -> Vec<Fact> {
    const LIGHT: [&str; 4] = ["Unknown", "On", "Blink", "Off"];
    let has = |flag| slot.status.has(flag);
    vec![
        Fact::of("SltCap:", named!(SlotCapabilities, slot.capabilities))
            .phrase("Slot #", slot.number)
            .phrase("PowerLimit ", watts(slot.power_limit_mw)),
        Fact::of("SltCtl:", named!(SlotControl, slot.control))
            .phrase("AttnInd ", LIGHT[usize::from(slot.attention_indicator)])
            .phrase("PwrInd ", LIGHT[usize::from(slot.power_indicator)]),
        Fact::of("SltSta:", named!(SlotStatus, slot.status)),
        Fact::of(
            "Changed:",
            vec![
                ("MRL", has(SlotStatus::MRL_CHANGED)),
                ("PresDet", has(SlotStatus::PRESENCE_CHANGED)),
                ("LinkState", has(SlotStatus::LINK_CHANGED)),
            ],
        ),
    ]
}

fn root(root: &Root) -> Vec<Fact> {
    vec![
        Fact::of("RootCap:", named!(RootCapabilities, root.capabilities)),
        Fact::of("RootCtl:", named!(RootControl, root.control)),
        Fact::of("RootSta:", named!(RootStatusFlags, root.status))
            .phrase("PME ReqID ", format!("{:04x}", root.pme_requester)),
    ]
}

fn device2(device: &Device2) -> Vec<Fact> {
    let ranges = match device.timeout_ranges {
        0 => "Not Supported",
        1 => "Range A,",
        2 => "Range B,",
        3 => "Range AB,",
        6 => "Range BC,",
        7 => "Range ABC,",
        14 => "Range BCD,",
        15 => "Range ABCD,",
        _ => "Unknown",
    };
    let timeout = match device.timeout {
        0 => "50us to 50ms",
        1 => "50us to 100us",
        2 => "1ms to 10ms",
        5 => "16ms to 55ms",
        6 => "65ms to 210ms",
        9 => "260ms to 900ms",
        10 => "1s to 3.5s",
        13 => "4s to 13s",
        14 => "17s to 64s",
        _ => "Unknown",
    };
    vec![
        Fact::of("DevCap2:", named!(DeviceCapabilities2, device.capabilities))
            .phrase("Completion Timeout: ", ranges)
            .phrase("MaxEETLPPrefixes ", device.max_prefixes),
        Fact::of("DevCtl2:", named!(DeviceControl2, device.control))
            .phrase("Completion Timeout: ", timeout),
    ]
}

fn link2(link: &Link2) -> Vec<Fact> {
    let target = match link.target_speed.megatransfers() {
        Some(_) => link.target_speed.to_string(),
        None => "Unknown".to_owned(),
    };
    vec![
        Fact::of("LnkCap2:", named!(LinkCapabilities2, link.capabilities)),
        Fact::of("LnkCtl2:", named!(LinkControl2, link.control))
            .phrase("Target Link Speed: ", target),
        Fact::of("LnkSta2:", named!(LinkStatus2, link.status)),
    ]
}

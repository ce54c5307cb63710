//! Of the machine, its IOMMU, VFIO, and what the kernel said.

use std::collections::BTreeSet;

use virtfn_doctor::Verdict::{Fail, Pass, Unknown, Warn};
use virtfn_host::{Function, Host, HugePool, IommuRegisters, Memlock, ReservedRegion, Role, Seen};
use virtfn_pci::ConfigSpace;

use super::{Case, at, case, forbidden, pf};

const PF: &str = "01:00.0";
const VF: &str = "01:10.0";
/// 39 bits, tables of three levels alone.
const CAP_39: u64 = 0x00d2_0026_0000_0286 | 38 << 16;

pub(crate) const CASES: &[Case] = &[
    case("iommu-firmware-bug", Warn, "an IOAPIC that no table names", |host| {
        say(host, "AMD-Vi: [Firmware Bug]: : IOAPIC[2] not in IVRS table");
        say(host, "AMD-Vi: Disabling interrupt remapping");
    }),
    case("iommu-firmware-bug", Unknown, "a log without its beginning", |host| {
        log(host).drain(..100);
    }),
    case("direct-map-refused", Warn, "as 6.12 says it", |host| {
        say(
            host,
            "vfio-pci 0000:01:00.0: Firmware has requested this device have a 1:1 IOMMU mapping, \
             rejecting configuring the device without a 1:1 mapping. Contact your platform vendor.",
        );
    }),
    case("iommu-faults", Warn, "of VT-d", |host| {
        say(
            host,
            "DMAR: [DMA Read NO_PASID] Request device [01:10.0] fault addr 0xdead000 [fault reason \
             0x06] PTE Read access is not set",
        );
    }),
    case("iommu-faults", Warn, "of AMD-Vi", |host| {
        say(host, "AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:01:10.0 domain=0x000c]");
    }),
    case("vf-fewer-than-asked", Warn, "a driver that made fewer", |host| {
        say(host, "bnxt_en 0000:01:00.0: 8 VFs requested; only 4 enabled");
    }),
    case("vfio-refused-pf", Warn, "with its VFs", |host| {
        say(host, "vfio-pci 0000:01:00.0: Cannot bind to PF with SR-IOV enabled");
    }),
    case("memlock-exceeded", Warn, "QEMU", |host| {
        say(host, "vfio_pin_pages_remote: RLIMIT_MEMLOCK (8388608) exceeded");
    }),
    case("reset-failed", Warn, "given up", |host| {
        say(host, "vfio-pci 0000:01:10.0: not ready 65535ms after FLR; giving up");
    }),
    case("vf-token-refused", Warn, "none given", |host| {
        say(host, "vfio-pci 0000:01:10.0: VF token required to access device");
    }),
    case("device-release-blocked", Warn, "by a VM", |host| {
        say(
            host,
            "vfio-pci 0000:01:10.0: Device is currently in use, task \"bash\" (812) blocked until \
             device is released",
        );
    }),
    case("x2apic-opt-out", Warn, "on 300 processors", |host| {
        opt_out(host);
        let Seen::Known(cpu) = &mut host.kernel.cpu else { panic!("no processor") };
        cpu.count = 300;
    }),
    case("x2apic-opt-out", Pass, "on few", opt_out),
    case("reserved-region-direct", Fail, "of the VF's group", |host| {
        reserve(host, VF, 0, "direct")
    }),
    case("reserved-region-direct", Pass, "of the PF's group", |host| {
        reserve(host, PF, 0, "direct")
    }),
    case("reserved-region-direct", Pass, "relaxable", |host| {
        reserve(host, VF, 0, "direct-relaxable")
    }),
    case("iova-width-39-bit", Warn, "a client's VT-d", |host| {
        registers(host).cap = Seen::Known(CAP_39);
    }),
    case("iova-width-39-bit", Warn, "virtio-iommu", |host| {
        host.platform.iommu_registers.clear();
        say(host, "virtio_iommu virtio0: input address: 39 bits");
    }),
    case("iova-width-39-bit", Pass, "an SMMU", |host| {
        host.platform.iommu_registers.clear();
        say(host, "arm-smmu-v3 arm-smmu-v3.0.auto: ias 44-bit, oas 44-bit (features 0x00001eff)");
    }),
    case("iova-width-39-bit", Pass, "AMD-Vi with five levels", |host| {
        *registers(host) =
            IommuRegisters { cap: Seen::Absent, ecap: Seen::Absent, features: Seen::Known(0x0400) };
    }),
    case("iova-width-39-bit", Unknown, "nothing tells", |host| {
        host.platform.iommu_registers.clear()
    }),
    case("high-memory-reserved", Warn, "on 2 TiB", |host| {
        hole(host);
        host.platform.memory_kib = Seen::Known(2 << 30);
    }),
    case("high-memory-reserved", Pass, "on little memory", hole),
    case("dma-strict", Warn, "asked for", |host| boot_with(host, "iommu.strict=1")),
    case("autoprobe-left-off", Warn, "at the PF", |host| pf(host).autoprobe = Seen::Known(false)),
    case("bus-autoprobe-off", Warn, "at the bus", |host| {
        host.platform.autoprobe = Seen::Known(false);
    }),
    case("vf-without-driver", Warn, "nobody took it", |host| at(host, VF).driver = None),
    case("new-id-pollution", Warn, "taken without an order", |host| {
        at(host, VF).driver = Some("vfio-pci".into());
    }),
    case("new-id-pollution", Pass, "ordered", |host| {
        let vf = at(host, VF);
        vf.driver = Some("vfio-pci".into());
        vf.driver_override = Seen::Known("vfio-pci".into());
    }),
    case("new-id-pollution", Pass, "by an option", |host| {
        at(host, VF).driver = Some("vfio-pci".into());
        boot_with(host, "vfio-pci.ids=8086:10ca");
    }),
    case("vfio-ids-capture-vfs", Warn, "on the command line", |host| {
        boot_with(host, "vfio-pci.ids=10de:1234,8086:10CA");
    }),
    case("vfio-ids-capture-vfs", Warn, "in a file", |host| {
        let line = ("etc/modprobe.d/vfio.conf".into(), "options vfio-pci ids=8086:10ca".into());
        host.kernel.module_options = Seen::Known(vec![line]);
    }),
    case("vfio-ids-capture-vfs", Pass, "of another kind", |host| {
        boot_with(host, "vfio-pci.ids=8086:10c9");
    }),
    case("pf-carries-default-route", Warn, "the only way out", |host| {
        let netdev = at(host, PF).netdevs[0].clone();
        host.platform.default_routes = Seen::Known(BTreeSet::from([netdev]));
    }),
    case("vfio-pf-sriov-off", Warn, "not told to", |host| pf_on_vfio(host, "N")),
    case("vfio-pf-sriov-off", Pass, "told to", |host| pf_on_vfio(host, "Y")),
    case("driver-out-of-tree", Warn, "the PF's alone", |host| {
        host.platform.taints.insert("igb".into(), Seen::Known("OE".into()));
    }),
    case("driver-out-of-tree", Pass, "both", |host| {
        for driver in ["igb", "igbvf"] {
            host.platform.taints.insert(driver.into(), Seen::Known("OE".into()));
        }
    }),
    case("memlock-too-small", Warn, "a user with 8 MiB", |host| {
        host.platform.memlock = Seen::Known(Memlock { limit_bytes: Some(8 << 20), exempt: false });
    }),
    case("memlock-too-small", Pass, "a user without a limit", |host| {
        host.platform.memlock = Seen::Known(Memlock { limit_bytes: None, exempt: false });
    }),
    case("dma-entries-limited", Warn, "to 1000", |host| {
        parameter(host, "vfio_iommu_type1.dma_entry_limit", "1000");
    }),
    case("no-flr", Fail, "no way at all", |host| at(host, VF).reset_methods = Seen::Absent),
    case("no-flr", Fail, "switched off", |host| at(host, VF).reset_methods = Seen::Known(vec![])),
    case("no-flr", Warn, "the bus alone", |host| {
        at(host, VF).reset_methods = Seen::Known(vec!["bus".into()]);
    }),
    case("no-flr", Pass, "a kernel without the list", |host| {
        for function in host.functions.values_mut() {
            function.reset_methods = Seen::Absent;
        }
    }),
    case("no-flr", Unknown, "a kernel without the list, and no FLR", |host| {
        for function in host.functions.values_mut() {
            function.reset_methods = Seen::Absent;
        }
        without_flr(at(host, VF));
    }),
    case("migration-driver-missing", Warn, "on plain vfio-pci", |host| {
        order_vfio(at(host, VF));
        pf(host).vf_variants = Seen::Known(vec!["mlx5_vfio_pci".into()]);
    }),
    case("migration-driver-missing", Pass, "there, and not needed", |host| {
        pf(host).vf_variants = Seen::Known(vec!["mlx5_vfio_pci".into()]);
    }),
    case("numa-node-unknown", Warn, "of two", |host| {
        host.platform.numa_nodes = Seen::Known(BTreeSet::from([0, 1]));
        at(host, PF).numa_node = None;
    }),
    case("vfio-denylisted", Fail, "a VF of QAT", |host| at(host, VF).ids.device = 0x37c9),
    case("vfio-denylisted", Warn, "a VF of QAT, and told not to mind", |host| {
        at(host, VF).ids.device = 0x37c9;
        parameter(host, "vfio_pci.disable_denylist", "Y");
    }),
    case("pf-powered-down", Warn, "under its VFs", |host| {
        at(host, PF).power_state = Seen::Known("D3hot".into());
    }),
    case("lockdown", Warn, "by Secure Boot", |host| {
        host.platform.lockdown = Seen::Known("none [integrity] confidentiality".into());
    }),
    case("lockdown", Unknown, "a securityfs that is not mounted", |host| {
        host.platform.lockdown = Seen::Absent;
    }),
    case("hugepages-none", Warn, "all in use", |host| pool(host, 4, 0)),
    case("hugepages-none", Warn, "none reserved", |host| pool(host, 0, 0)),
    case("hugepages-none", Warn, "on another node", |host| {
        at(host, PF).numa_node = Some(1);
        let Seen::Known(pools) = &mut host.platform.hugepages else { panic!("no pools") };
        let of_node = HugePool { node: Some(1), free: Seen::Known(0), ..pools[0].clone() };
        pools.push(of_node);
    }),
    case("unsafe-noiommu", Warn, "beside an IOMMU", |host| {
        parameter(host, "vfio.enable_unsafe_noiommu_mode", "Y");
    }),
    case("uio-for-vf", Warn, "the generic one", |host| {
        at(host, VF).driver = Some("uio_pci_generic".into());
    }),
    case("bifurcated-on-vfio", Warn, "a ConnectX", |host| {
        let vf = at(host, VF);
        (vf.ids.vendor, vf.ids.device) = (0x15b3, 0x1016);
        order_vfio(vf);
    }),
    case("link-slower-than-it-could", Warn, "fewer lanes than it has", |host| {
        edit_express(at(host, PF), |bytes, at| {
            // Link Capabilities: 8 lanes of 8 GT/s.
            bytes[at + 12] = 0x83;
        });
    }),
    case("cpu-not-prepared", Warn, "none set apart", |host| {
        host.platform.isolated_cpus = Seen::Known(String::new());
    }),
    case("cpu-not-prepared", Warn, "saving power", |host| {
        host.platform.governor = Seen::Known("powersave".into());
    }),
    case("known-bad-kernel", Warn, "6.5.3 with igb", |host| {
        host.kernel.release = Seen::Known("6.5.3".into());
    }),
    case("known-bad-kernel", Pass, "6.5.4", |host| {
        host.kernel.release = Seen::Known("6.5.4-1-amd64".into());
    }),
    case("known-bad-kernel", Unknown, "no version", |host| {
        host.kernel.release = Seen::Known("unknown".into());
    }),
];

/// Makes a recorded host whole: what an older recording left out, as it is on a healthy one.
pub(crate) fn complete(host: &mut Host) {
    let platform = &mut host.platform;
    platform.memlock = Seen::Known(Memlock { limit_bytes: Some(8 << 20), exempt: true });
    platform.lockdown = Seen::Known("[none] integrity confidentiality".into());
    platform.autoprobe = Seen::Known(true);
    platform.default_routes = Seen::Known(BTreeSet::from(["wlan0".to_owned()]));
    platform.isolated_cpus = Seen::Known("2-7".into());
    platform.governor = Seen::Absent;
    platform.hugetlbfs = Seen::Known(vec!["/dev/hugepages".into()]);
    for driver in ["igb", "igbvf"] {
        platform.taints.insert(driver.into(), Seen::Known(String::new()));
    }
    pool(host, 4, 4);
    pf(host).vf_variants = Seen::Known(Vec::new());
}

/// Takes away all that could be refused to somebody.
pub(crate) fn blind(host: &mut Host) {
    let platform = &mut host.platform;
    platform.iommu_registers.clear();
    (platform.hugepages, platform.hugetlbfs) = (forbidden(), forbidden());
    (platform.lockdown, platform.autoprobe) = (forbidden(), forbidden());
    (platform.memlock, platform.memory_kib) = (forbidden(), forbidden());
    (platform.numa_nodes, platform.default_routes) = (forbidden(), forbidden());
    (platform.isolated_cpus, platform.governor) = (forbidden(), forbidden());
    platform.taints.values_mut().for_each(|taint| *taint = forbidden());
    host.kernel.parameters.values_mut().for_each(|value| *value = forbidden());
    host.groups.values_mut().for_each(|group| group.reserved = forbidden());
    for function in host.functions.values_mut() {
        (function.reset_methods, function.power_state) = (forbidden(), forbidden());
        function.numa_node = None;
        if let Role::Pf(pf) = &mut function.role {
            pf.vf_variants = forbidden();
        }
    }
}

fn log(host: &mut Host) -> &mut Vec<String> {
    match &mut host.kernel.log {
        Seen::Known(lines) => lines,
        other => panic!("{other:?}"),
    }
}

fn say(host: &mut Host, line: &str) {
    log(host).push(line.into());
}

fn boot_with(host: &mut Host, flag: &str) {
    let Seen::Known(line) = &mut host.kernel.command_line else { panic!("no command line") };
    line.push(' ');
    line.push_str(flag);
}

fn parameter(host: &mut Host, name: &str, value: &str) {
    host.kernel.parameters.insert(name.into(), Seen::Known(value.into()));
}

fn registers(host: &mut Host) -> &mut IommuRegisters {
    host.platform.iommu_registers.get_mut("dmar0").unwrap()
}

fn reserve(host: &mut Host, of: &str, start: u64, kind: &str) {
    let id = at(host, of).iommu_group.unwrap();
    let Seen::Known(regions) = &mut host.groups.get_mut(&id).unwrap().reserved else {
        panic!("no regions")
    };
    regions.push(ReservedRegion { start, end: start + 0xfff, kind: kind.into() });
}

fn hole(host: &mut Host) {
    let id = at(host, VF).iommu_group.unwrap();
    let hole =
        ReservedRegion { start: 0xfd_0000_0000, end: 0xff_ffff_ffff, kind: "reserved".into() };
    host.groups.get_mut(&id).unwrap().reserved = Seen::Known(vec![hole]);
}

/// Sets the bit in the DMAR table, and its checksum right again.
fn opt_out(host: &mut Host) {
    let Seen::Known(tables) = &mut host.firmware.acpi else { panic!("no tables") };
    let Some(Seen::Known(bytes)) = tables.get_mut("DMAR") else { panic!("no DMAR") };
    bytes[37] |= 2;
    bytes[9] = bytes[9].wrapping_sub(2);
}

fn order_vfio(function: &mut Function) {
    function.driver = Some("vfio-pci".into());
    function.driver_override = Seen::Known("vfio-pci".into());
}

fn pf_on_vfio(host: &mut Host, may: &str) {
    order_vfio(at(host, PF));
    parameter(host, "vfio_pci.enable_sriov", may);
}

fn pool(host: &mut Host, total: u64, free: u64) {
    let pool =
        HugePool { node: None, page_kib: 2048, total: Seen::Known(total), free: Seen::Known(free) };
    host.platform.hugepages = Seen::Known(vec![pool]);
}

/// Edits config space, given where the PCI Express capability is.
fn edit_express(function: &mut Function, edit: fn(&mut [u8], usize)) {
    let Seen::Known(config) = &function.config else { panic!("no config space") };
    let mut bytes = config.bytes().to_vec();
    let mut at = usize::from(bytes[0x34]);
    while bytes[at] != 0x10 {
        at = usize::from(bytes[at + 1]);
        assert!(at >= 0x40, "no PCI Express capability");
    }
    edit(&mut bytes, at);
    function.config = Seen::Known(ConfigSpace::new(bytes));
}

fn without_flr(function: &mut Function) {
    // Device Capabilities, bit 28.
    edit_express(function, |bytes, at| bytes[at + 7] &= !0x10);
}

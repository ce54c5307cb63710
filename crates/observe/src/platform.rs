//! The machine beside its functions: IOMMU registers, huge pages, limits, lockdown, routes.

use std::collections::{BTreeMap, BTreeSet};

use virtfn_host::{Host, HugePool, IommuRegisters, Memlock, Platform, ReservedRegion, Seen};
use virtfn_kernel::SysRoot;

const NODES: &str = "sys/devices/system/node";
const HUGEPAGES: &str = "sys/kernel/mm/hugepages";
/// A host has one unit a socket and a few for graphics and the chipset.
const MAX_IOMMUS: usize = 256;
/// `CAP_IPC_LOCK` (include/uapi/linux/capability.h).
const CAP_IPC_LOCK: u32 = 14;
/// A reserved region a line; real groups have a handful.
const MAX_REGIONS: usize = 256;

pub(crate) fn read(root: &SysRoot, host: &Host) -> Platform {
    let numa_nodes = root.names(NODES, |name| number_after(name, "node").is_some()).map(|names| {
        names.iter().filter_map(|name| number_after(name, "node")).collect::<BTreeSet<u32>>()
    });
    Platform {
        iommu_registers: read_iommus(root),
        hugepages: read_hugepages(root, &numa_nodes),
        hugetlbfs: root
            .lines("proc/mounts", |line| line.split(' ').nth(2) == Some("hugetlbfs"))
            .map(|lines| lines.iter().filter_map(|line| nth_word(line, 1)).collect()),
        lockdown: root.text("sys/kernel/security/lockdown"),
        autoprobe: root.parse("sys/bus/pci/drivers_autoprobe", crate::details::parse_switch),
        memlock: memlock(root, "self"),
        memory_kib: root.parse("proc/meminfo", |text| parse_memory(text, "MemTotal:")),
        available_kib: root.parse("proc/meminfo", |text| parse_memory(text, "MemAvailable:")),
        numa_nodes,
        builtin_modules: read_builtin(root, host),
        isolated_cpus: root.text("sys/devices/system/cpu/isolated"),
        governor: root.text("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        default_routes: root
            .lines("proc/net/route", |line| nth_word(line, 1).is_some_and(|to| to == "00000000"))
            .map(|lines| lines.iter().filter_map(|line| nth_word(line, 0)).collect()),
        taints: read_taints(root, host),
        upkeep: virtfn_host::Upkeep::unasked(),
    }
}

/// The addresses that a group keeps for others.
pub(crate) fn read_reserved(root: &SysRoot, group: u32) -> Seen<Vec<ReservedRegion>> {
    root.parse(&format!("sys/kernel/iommu_groups/{group}/reserved_regions"), parse_reserved)
}

/// The names of the modules that are part of the kernel: the last part of each path in
/// `modules.builtin`.
fn read_builtin(root: &SysRoot, host: &Host) -> Seen<BTreeSet<String>> {
    let release = match &host.kernel.release {
        Seen::Known(release) => release,
        Seen::Absent => return Seen::Absent,
        Seen::Unreadable(unreadable) => return Seen::Unreadable(unreadable.clone()),
    };
    let name = |line: &str| {
        let file = line.rsplit('/').next().unwrap_or_default();
        file.split_once('.').map(|(name, _)| name.replace('-', "_"))
    };
    let paths = root.text(&format!("lib/modules/{release}/modules.builtin"));
    paths.map(|text| text.lines().filter_map(name).collect())
}

fn read_iommus(root: &SysRoot) -> BTreeMap<String, IommuRegisters> {
    let class = "sys/class/iommu";
    let names = root.names(class, |_| true);
    let names = names.known().into_iter().flatten().take(MAX_IOMMUS);
    let registers = |name: &String| {
        // What is listed there are links; their folders hold the registers.
        let link = root.link(&format!("{class}/{name}"));
        let folder = link.known().and_then(|text| virtfn_kernel::path::join(class, text))?;
        let hex = |file: &str| root.parse(&format!("{folder}/{file}"), parse_register);
        let read = IommuRegisters {
            cap: hex("intel-iommu/cap"),
            ecap: hex("intel-iommu/ecap"),
            features: hex("amd-iommu/features"),
        };
        Some((name.clone(), read))
    };
    names.filter_map(registers).collect()
}

/// A register in hex; AMD's second word, after a colon, is another register.
fn parse_register(text: &str) -> Option<u64> {
    let word = text.split(':').next()?;
    u64::from_str_radix(word.strip_prefix("0x").unwrap_or(word), 16).ok()
}

fn read_hugepages(root: &SysRoot, nodes: &Seen<BTreeSet<u32>>) -> Seen<Vec<HugePool>> {
    let whole = match read_pools(root, HUGEPAGES, None) {
        Seen::Known(pools) => pools,
        other => return other,
    };
    let nodes = nodes.known().into_iter().flatten();
    let of_nodes = nodes.flat_map(|node| {
        let pools = read_pools(root, &format!("{NODES}/node{node}/hugepages"), Some(*node));
        pools.known().cloned().unwrap_or_default()
    });
    Seen::Known(whole.into_iter().chain(of_nodes).collect())
}

fn read_pools(root: &SysRoot, folder: &str, node: Option<u32>) -> Seen<Vec<HugePool>> {
    let size = |name: &str| -> Option<u64> {
        name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()
    };
    let count = |path: String| root.parse(&path, |text| text.parse().ok());
    let pool = |name: &String| {
        Some(HugePool {
            node,
            page_kib: size(name)?,
            total: count(format!("{folder}/{name}/nr_hugepages")),
            free: count(format!("{folder}/{name}/free_hugepages")),
        })
    };
    root.names(folder, |name| size(name).is_some())
        .map(|names| names.iter().filter_map(pool).collect())
}

/// How much memory a process may lock: one by its number, or `self`.
#[must_use]
pub fn memlock(root: &SysRoot, process: &str) -> Seen<Memlock> {
    let exempt = root.parse(&format!("proc/{process}/status"), parse_exempt);
    root.parse(&format!("proc/{process}/limits"), parse_limit)
        .and_then(|limit_bytes| exempt.map(|exempt| Memlock { limit_bytes, exempt }))
}

/// `CapEff:\t000001ffffffffff`
fn parse_exempt(text: &str) -> Option<bool> {
    let line = text.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    let held = u64::from_str_radix(line.trim(), 16).ok()?;
    Some(held >> CAP_IPC_LOCK & 1 == 1)
}

/// `Max locked memory         8388608              8388608              bytes`, the soft limit first.
fn parse_limit(text: &str) -> Option<Option<u64>> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    }
}

fn parse_memory(text: &str, what: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(what))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The modules that drive PFs and VFs; a driver that is built in has none, and no taint.
fn read_taints(root: &SysRoot, host: &Host) -> BTreeMap<String, Seen<String>> {
    let ours = host.functions.values().filter(|one| one.pf().is_some() || one.vf().is_some());
    let drivers: BTreeSet<&String> = ours.filter_map(|one| one.driver.as_ref()).collect();
    let taint = |driver: &String| {
        let module = root.link_name(&format!("sys/bus/pci/drivers/{driver}/module"));
        module.and_then(|module| root.text(&format!("sys/module/{module}/taint")))
    };
    drivers.into_iter().map(|driver| (driver.clone(), taint(driver))).collect()
}

/// `0x00000000fee00000 0x00000000feefffff msi`, a line each.
fn parse_reserved(text: &str) -> Option<Vec<ReservedRegion>> {
    let number = |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
    let region = |line: &str| {
        let mut words = line.split_whitespace();
        let (start, end) = (number(words.next()?)?, number(words.next()?)?);
        Some(ReservedRegion { start, end, kind: words.next()?.to_owned() })
    };
    text.lines().take(MAX_REGIONS).map(region).collect()
}

fn number_after(name: &str, prefix: &str) -> Option<u32> {
    name.strip_prefix(prefix)?.parse().ok()
}

fn nth_word(line: &str, n: usize) -> Option<String> {
    line.split_whitespace().nth(n).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_privilege_are_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max locked memory         8388608              unlimited            bytes\n";
        assert_eq!(parse_limit(limits), Some(Some(8 << 20)));
        assert_eq!(parse_limit("Max locked memory  unlimited unlimited bytes"), Some(None));
        assert_eq!(parse_limit("Max open files 1 1 files"), None);
        assert_eq!(parse_exempt("Name:\tx\nCapEff:\t000001ffffffffff\n"), Some(true));
        assert_eq!(parse_exempt("CapEff:\t0000000000000000"), Some(false));
    }

    #[test]
    fn registers_and_regions_are_read_or_refused() {
        assert_eq!(parse_register("d2008c222f0686"), Some(0x00d2_008c_222f_0686));
        assert_eq!(parse_register("29d3:0"), Some(0x29d3));
        assert_eq!(parse_register("nonsense"), None);
        let regions = parse_reserved("0x00000000fee00000 0x00000000feefffff msi").unwrap();
        assert_eq!((regions[0].start, regions[0].kind.as_str()), (0xfee0_0000, "msi"));
        assert_eq!(parse_reserved(""), Some(Vec::new()));
        assert_eq!(parse_reserved("0x0 0x1"), None);
        assert_eq!(
            parse_memory("MemTotal:       1005132 kB\nMemFree: 1", "MemTotal:"),
            Some(1_005_132)
        );
    }
}

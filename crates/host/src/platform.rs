//! What the machine is like beside its functions: IOMMU registers, memory, limits, power.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Seen, Upkeep};

/// The machine's own state, as far as it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// What each IOMMU says of itself, by its name below `/sys/class/iommu`.
    pub iommu_registers: BTreeMap<String, IommuRegisters>,
    /// The pools of huge pages, the whole machine's first.
    pub hugepages: Seen<Vec<HugePool>>,
    /// Where a hugetlbfs is mounted.
    pub hugetlbfs: Seen<Vec<String>>,
    /// The kernel's lockdown, as its file has it (`none [integrity] confidentiality`).
    pub lockdown: Seen<String>,
    /// Does the PCI bus look for drivers at all (`/sys/bus/pci/drivers_autoprobe`)?
    pub autoprobe: Seen<bool>,
    /// How much memory this process may lock.
    pub memlock: Seen<Memlock>,
    /// The machine's memory in KiB.
    pub memory_kib: Seen<u64>,
    /// How much of it programs may still have, in KiB, as the kernel reckons.
    pub available_kib: Seen<u64>,
    /// The NUMA nodes.
    pub numa_nodes: Seen<BTreeSet<u32>>,
    /// The modules that are part of the kernel, with underscores for dashes.
    pub builtin_modules: Seen<BTreeSet<String>>,
    /// The processors that the scheduler leaves alone, as a list (`2-7`); empty for none.
    pub isolated_cpus: Seen<String>,
    /// How the first processor's clock is governed.
    pub governor: Seen<String>,
    /// The network interfaces with a default route (IPv4).
    pub default_routes: Seen<BTreeSet<String>>,
    /// The taints of the modules that drive PFs and VFs, by driver; `O` is one from elsewhere.
    pub taints: BTreeMap<String, Seen<String>>,
    /// Who looks after interfaces and nodes.
    pub upkeep: Upkeep,
}

/// Registers of one IOMMU; which it has depends on its maker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IommuRegisters {
    /// VT-d's capability register.
    pub cap: Seen<u64>,
    /// VT-d's extended capability register.
    pub ecap: Seen<u64>,
    /// AMD-Vi's extended features.
    pub features: Seen<u64>,
}

/// Huge pages of one size, of one node or of the whole machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HugePool {
    /// `None`: the whole machine.
    pub node: Option<u32>,
    /// The size of one.
    pub page_kib: u64,
    /// How many there are.
    pub total: Seen<u64>,
    /// How many of them nobody uses.
    pub free: Seen<u64>,
}

/// How much memory a process may lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memlock {
    /// The limit in bytes; `None`: none.
    pub limit_bytes: Option<u64>,
    /// Is the process above it (`CAP_IPC_LOCK`)?
    pub exempt: bool,
}

/// Addresses that an IOMMU group may not map at will.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservedRegion {
    /// First address.
    pub start: u64,
    /// Last address.
    pub end: u64,
    /// The kernel's word for its kind: `direct`, `direct-relaxable`, `reserved`, `msi`.
    pub kind: String,
}

impl Platform {
    /// Nobody asked.
    #[must_use]
    pub fn unasked() -> Self {
        Self {
            iommu_registers: BTreeMap::new(),
            hugepages: Seen::not_asked("sys/kernel/mm/hugepages"),
            hugetlbfs: Seen::not_asked("proc/mounts"),
            lockdown: Seen::not_asked("sys/kernel/security/lockdown"),
            autoprobe: Seen::not_asked("sys/bus/pci/drivers_autoprobe"),
            memlock: Seen::not_asked("proc/self/limits"),
            memory_kib: Seen::not_asked("proc/meminfo"),
            available_kib: Seen::not_asked("proc/meminfo"),
            numa_nodes: Seen::not_asked("sys/devices/system/node"),
            builtin_modules: Seen::not_asked("lib/modules"),
            isolated_cpus: Seen::not_asked("sys/devices/system/cpu/isolated"),
            governor: Seen::not_asked("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            default_routes: Seen::not_asked("proc/net/route"),
            taints: BTreeMap::new(),
            upkeep: Upkeep::unasked(),
        }
    }
}

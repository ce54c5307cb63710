//! Where things are seen, and how they are put.

use virtfn_host::{Cpu, Function, Guest, Host, IommuGroup, ManagedBy, Seen};

/// Where a function's attribute is.
pub(crate) fn at(function: &Function, name: &str) -> String {
    format!("sys/bus/pci/devices/{}/{name}", function.address)
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    match items.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The words of the kernel's command line.
pub(crate) fn flags(host: &Host) -> Vec<&str> {
    let line = host.kernel.command_line.known().map_or("", String::as_str);
    line.split_whitespace().collect()
}

/// The IOMMUs that run: by their own list, or as the links of the functions behind them prove.
pub(crate) enum Running {
    Yes { path: String, value: String },
    No,
    NotSeen,
}

pub(crate) fn iommus(host: &Host) -> Running {
    const CLASS: &str = "sys/class/iommu";
    match &host.kernel.iommus {
        Seen::Known(names) if !names.is_empty() => {
            return Running::Yes { path: CLASS.into(), value: names.join(" ") };
        }
        Seen::Known(_) | Seen::Absent | Seen::Unreadable(_) => {}
    }
    let mut translated = host.functions.values().filter(|function| function.behind_iommu);
    let made = || host.groups.values().filter(|group| !group.is_noiommu()).count();
    match (translated.next(), &host.kernel.iommus) {
        // Before 6.8 the kernel lists no IOMMU of POWER's host bridges, and links nothing to them.
        (None, _) if is_power(host) && made() > 0 => Running::Yes {
            path: "sys/kernel/iommu_groups".into(),
            value: format!("{} groups", made()),
        },
        (Some(first), _) => Running::Yes { path: at(first, "iommu"), value: "a link".into() },
        (None, Seen::Known(_)) => Running::No,
        (None, Seen::Absent | Seen::Unreadable(_)) => Running::NotSeen,
    }
}

/// A function's group as the kernel made it.
pub(crate) fn group<'h>(host: &'h Host, function: &Function) -> Option<&'h IommuGroup> {
    host.groups.get(&function.iommu_group?)
}

/// Is this an x86 machine? Known from its CPU alone.
pub(crate) fn is_x86(host: &Host) -> Option<bool> {
    match host.kernel.cpu.known()?.machine.as_str() {
        "x86_64" => Some(true),
        "unknown" => None,
        _ => Some(false),
    }
}

/// Is this a POWER machine? Unseen counts as no.
pub(crate) fn is_power(host: &Host) -> bool {
    host.kernel.cpu.known().is_some_and(Cpu::is_power)
}

/// Is this an Arm machine? Unseen counts as no.
pub(crate) fn is_arm(host: &Host) -> bool {
    host.kernel.cpu.known().is_some_and(Cpu::is_arm)
}

/// Does the kernel itself run in a virtual machine? Unseen counts as no.
pub(crate) fn is_guest(host: &Host) -> bool {
    host.kernel.cpu.known().is_some_and(|cpu| cpu.flags.contains("hypervisor"))
}

/// Where it was read that a guest has a function.
pub(crate) fn record(guest: &Guest) -> String {
    match (guest.managed_by, guest.state.pid()) {
        (ManagedBy::Libvirt, _) => "run/libvirt/qemu".into(),
        (ManagedBy::Proxmox, _) => "run/qemu-server/pci-id-reservations".into(),
        (ManagedBy::Qemu | ManagedBy::Other, Some(pid)) => format!("proc/{pid}/cmdline"),
        (ManagedBy::Qemu | ManagedBy::Other, None) => "proc".into(),
    }
}

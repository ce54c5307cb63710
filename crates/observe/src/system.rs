//! The running kernel, the firmware, and the names of things.

use std::collections::{BTreeMap, BTreeSet};

use virtfn_host::{Cpu, Firmware, Host, IommuGroup, Kernel, Names, Seen};
use virtfn_kernel::SysRoot;

/// Tables that describe an IOMMU, which are read whole.
const IOMMU_TABLES: [&str; 4] = ["DMAR", "IVRS", "IORT", "VIOT"];
/// Parameters that change what VFIO and SR-IOV may do.
const PARAMETERS: [(&str, &str); 6] = [
    ("vfio_iommu_type1", "allow_unsafe_interrupts"),
    ("iommufd", "allow_unsafe_interrupts"),
    ("vfio", "enable_unsafe_noiommu_mode"),
    ("vfio_iommu_type1", "dma_entry_limit"),
    ("vfio_pci", "enable_sriov"),
    ("vfio_pci", "disable_denylist"),
];

/// What stands between a guest's virtio card and an interface of the host.
const SHARING: [&str; 5] = ["macvtap", "tun", "vhost_net", "bridge", "openvswitch"];

/// A kernel of which nothing was asked.
pub(crate) fn unasked_kernel() -> Kernel {
    Kernel {
        release: Seen::not_asked("proc/sys/kernel/osrelease"),
        command_line: Seen::not_asked("proc/cmdline"),
        log: Seen::not_asked("kernel.log"),
        iommus: Seen::not_asked("sys/class/iommu"),
        interrupt_chips: Seen::not_asked("proc/interrupts"),
        loaded_modules: Seen::not_asked("proc/modules"),
        vfio_modules: Seen::not_asked("lib/modules"),
        sharing_modules: Seen::not_asked("virtfn/sharing-modules"),
        pci_drivers: Seen::not_asked("sys/bus/pci/drivers"),
        parameters: BTreeMap::new(),
        module_options: Seen::not_asked("etc/modprobe.d"),
        cpu: Seen::not_asked("proc/cpuinfo"),
    }
}

/// Firmware of which nothing was asked.
pub(crate) fn unasked_firmware() -> Firmware {
    Firmware {
        acpi: Seen::not_asked("sys/firmware/acpi/tables"),
        device_tree: Seen::not_asked("sys/firmware/devicetree/base"),
        product: Seen::not_asked("sys/class/dmi/id/product_name"),
    }
}

pub(crate) fn read_kernel(root: &SysRoot) -> Kernel {
    let log = root.kernel_log();
    let release = release(root, &log);
    let (vfio_modules, sharing_modules) = modules(root, &release);
    let parameter = |(module, name): (&str, &str)| {
        let value = root.text(&format!("sys/module/{module}/parameters/{name}"));
        (format!("{module}.{name}"), value)
    };
    Kernel {
        command_line: root.text("proc/cmdline"),
        iommus: root.names("sys/class/iommu", |_| true),
        interrupt_chips: root.text("proc/interrupts").map(|text| parse_chips(&text)),
        loaded_modules: root.text("proc/modules").map(|text| first_words(&text)),
        vfio_modules,
        sharing_modules,
        pci_drivers: root
            .names("sys/bus/pci/drivers", |_| true)
            .map(|names| names.into_iter().collect()),
        parameters: PARAMETERS.into_iter().map(parameter).collect(),
        module_options: module_options(root),
        cpu: root.text("proc/cpuinfo").map(|text| parse_cpu(&text)),
        release,
        log,
    }
}

/// Older recordings have no `osrelease`; the log's first line says it too.
fn release(root: &SysRoot, log: &Seen<Vec<String>>) -> Seen<String> {
    let told = root.text("proc/sys/kernel/osrelease");
    if told != Seen::Absent {
        return told;
    }
    let banner =
        |line: &String| Some(line.strip_prefix("Linux version ")?.split(' ').next()?.to_owned());
    match log.known().and_then(|lines| lines.iter().find_map(banner)) {
        Some(release) => Seen::Known(release),
        None => Seen::Absent,
    }
}

fn first_words(text: &str) -> BTreeSet<String> {
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// The interrupt chips: the words that name a message-signalled or a remapped one.
fn parse_chips(text: &str) -> BTreeSet<String> {
    let is_chip = |word: &&str| word.contains("MSI") || word.starts_with("IR-");
    text.split_whitespace().filter(is_chip).map(str::to_owned).collect()
}

/// The VFIO modules that this kernel has, loaded or not, and those by which guests share an interface.
///
/// One look at the same lists serves both. A tape keeps their lines about VFIO alone, so that in a
/// recording a name that is not among them proves nothing: the others are a fact of their own.
fn modules(
    root: &SysRoot,
    release: &Seen<String>,
) -> (Seen<BTreeSet<String>>, Seen<BTreeSet<String>>) {
    let mut sharing = BTreeSet::new();
    let vfio = vfio_modules(root, release, |name| {
        if SHARING.contains(&name) {
            sharing.insert(name.to_owned());
        }
    });
    let told = vfio.as_ref().map(|_| sharing);
    let sharing = root.fact("sharing-modules", || told);
    (vfio, sharing)
}

fn vfio_modules(
    root: &SysRoot,
    release: &Seen<String>,
    mut meet: impl FnMut(&str),
) -> Seen<BTreeSet<String>> {
    let folder = match release {
        Seen::Known(release) => format!("lib/modules/{release}"),
        Seen::Absent => return Seen::Absent,
        Seen::Unreadable(unreadable) => return Seen::Unreadable(unreadable.clone()),
    };
    let mut modules = BTreeSet::new();
    let mut missing = 0;
    for file in ["modules.dep", "modules.builtin"] {
        let lines = root.lines(&format!("{folder}/{file}"), |line| {
            let name = module_name(line);
            meet(&name);
            name.contains("vfio")
        });
        match lines {
            Seen::Known(lines) => modules.extend(lines.iter().map(|line| module_name(line))),
            Seen::Absent => missing += 1,
            Seen::Unreadable(unreadable) => return Seen::Unreadable(unreadable),
        }
    }
    if missing == 2 { Seen::Absent } else { Seen::Known(modules) }
}

/// `kernel/drivers/vfio/pci/vfio-pci.ko.xz: …` is the module `vfio_pci`.
fn module_name(line: &str) -> String {
    let path = line.split(':').next().unwrap_or(line);
    let file = virtfn_kernel::path::last(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

/// The lines of `modprobe`'s configuration that make VFs or claim devices, with their files.
fn module_options(root: &SysRoot) -> Seen<Vec<(String, String)>> {
    // A recording of sysfs alone says nothing about them.
    if root.names("etc", |_| false) == Seen::Absent {
        return Seen::Absent;
    }
    let mut found = Vec::new();
    for folder in ["etc/modprobe.d", "run/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d"] {
        let files = match root.names(folder, |name| name.ends_with(".conf")) {
            Seen::Known(files) => files,
            Seen::Absent => continue,
            Seen::Unreadable(unreadable) => return Seen::Unreadable(unreadable),
        };
        for file in files {
            let path = format!("{folder}/{file}");
            let lines = root.lines(&path, wants_option);
            found.extend(
                lines.known().into_iter().flatten().map(|line| (path.clone(), line.clone())),
            );
        }
    }
    Seen::Known(found)
}

/// Options that make VFs, and those that claim devices for VFIO.
fn wants_option(line: &str) -> bool {
    let claims = ["vfio-pci", "vfio_pci"].iter().any(|name| line.contains(name));
    line.starts_with("options ") && (line.contains("max_vfs=") || (claims && line.contains("ids=")))
}

fn parse_cpu(text: &str) -> Cpu {
    let value = |key: &str| {
        let line = text.lines().find(|line| line.split(':').next().map(str::trim) == Some(key))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let vendor = value("vendor_id");
    let machine = match (&vendor, value("CPU implementer"), value("cpu")) {
        (Some(_), _, _) => "x86_64",
        (None, Some(_), _) => "aarch64",
        (None, None, Some(cpu)) if cpu.contains("POWER") => "ppc64",
        _ => "unknown",
    };
    let flags = value("flags").or_else(|| value("Features")).unwrap_or_default();
    Cpu {
        machine: machine.into(),
        vendor,
        flags: flags.split_whitespace().map(str::to_owned).collect(),
        count: text.lines().filter(|line| line.starts_with("processor")).count(),
        address_bits: value("address sizes")
            .and_then(|sizes| sizes.split(' ').next()?.parse().ok()),
    }
}

pub(crate) fn read_firmware(root: &SysRoot) -> Firmware {
    let folder = "sys/firmware/acpi/tables";
    let table = |name: String| {
        let whole = IOMMU_TABLES.contains(&name.as_str());
        let path = format!("{folder}/{name}");
        let bytes = if whole { root.read(&path) } else { Seen::not_asked(path) };
        (name, bytes)
    };
    let plain = |name: &str| name.len() == 4;
    let tables = root.names(folder, plain).map(|names| names.into_iter().map(table).collect());
    let device_tree = match root.names("sys/firmware/devicetree/base", |_| false) {
        Seen::Known(_) => Seen::Known(true),
        Seen::Absent => Seen::Known(false),
        Seen::Unreadable(unreadable) => Seen::Unreadable(unreadable),
    };
    let vendor = root.text("sys/class/dmi/id/sys_vendor").known().cloned().unwrap_or_default();
    let product = root
        .text("sys/class/dmi/id/product_name")
        .map(|name| format!("{vendor} {name}").trim().to_owned());
    Firmware { acpi: tables, device_tree, product }
}

/// The groups, from what their members link to; with `closely`, also what kind each is.
pub(crate) fn read_groups(root: &SysRoot, host: &Host, closely: bool) -> BTreeMap<u32, IommuGroup> {
    let mut members: BTreeMap<u32, BTreeSet<_>> = BTreeMap::new();
    for function in host.functions.values() {
        if let Some(id) = function.iommu_group {
            members.entry(id).or_default().insert(function.address);
        }
    }
    let look = |id: u32, name: &str| {
        let path = format!("sys/kernel/iommu_groups/{id}/{name}");
        if closely { root.text(&path) } else { Seen::not_asked(path) }
    };
    let reserved = |id: u32| {
        if closely {
            crate::platform::read_reserved(root, id)
        } else {
            Seen::not_asked(format!("sys/kernel/iommu_groups/{id}/reserved_regions"))
        }
    };
    let group = |(id, members)| {
        (
            id,
            IommuGroup {
                id,
                members,
                domain: look(id, "type"),
                name: look(id, "name"),
                reserved: reserved(id),
            },
        )
    };
    members.into_iter().map(group).collect()
}

/// Reads the names of what this machine has, from the system's `pci.ids`.
pub(crate) fn read_names(root: &SysRoot, host: &Host) -> Names {
    let mut wanted: BTreeSet<(u16, u16)> = BTreeSet::new();
    for function in host.functions.values() {
        wanted.insert((function.ids.vendor, function.ids.device));
        if let Some(device) = function.pf().and_then(|pf| pf.vf_device.known()) {
            wanted.insert((function.ids.vendor, *device));
        }
    }
    for path in ["usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids"] {
        let mut filter = NameFilter::default();
        if let Seen::Known(lines) = root.lines(path, |line| filter.wants(line, &wanted)) {
            return parse_names(&lines);
        }
    }
    Names::default()
}

/// Remembers whose devices follow.
#[derive(Default)]
struct NameFilter {
    vendor: Option<u16>,
    classes: bool,
}

impl NameFilter {
    fn wants(&mut self, line: &str, wanted: &BTreeSet<(u16, u16)>) -> bool {
        self.classes |= line.starts_with("C ");
        if self.classes || line.starts_with('#') || line.starts_with("\t\t") {
            return false;
        }
        if let Some(device) = line.strip_prefix('\t') {
            let id = self.vendor.zip(leading_id(device));
            return id.is_some_and(|id| wanted.contains(&id));
        }
        self.vendor = leading_id(line);
        self.vendor
            .is_some_and(|vendor| wanted.range((vendor, 0)..=(vendor, u16::MAX)).next().is_some())
    }
}

fn leading_id(line: &str) -> Option<u16> {
    u16::from_str_radix(line.get(..4)?, 16).ok()
}

fn parse_names(lines: &[String]) -> Names {
    let mut names = Names::default();
    let mut vendor = None;
    for line in lines {
        let device = line.strip_prefix('\t');
        let text = device.unwrap_or(line);
        let (Some(id), Some(name)) = (leading_id(text), text.get(4..)) else {
            continue;
        };
        let name = name.trim().to_owned();
        match (device, vendor) {
            (None, _) => {
                vendor = Some(id);
                names.vendors.insert(id, name);
            }
            (Some(_), Some(vendor)) => {
                names.devices.insert((vendor, id), name);
            }
            (Some(_), None) => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_wanted_devices_alone_are_kept() {
        let text = "# comment\n0001  Nobody\n\t0002  Nothing\n8086  Intel Corporation\n\t10c9  82576 Gigabit Network Connection\n\t\t8086 a03c  Gigabit ET\n\t10ca  82576 Virtual Function\n\tffff  Other\nC 02  Network controller\n\t10c9  no device";
        let wanted = BTreeSet::from([(0x8086, 0x10c9), (0x8086, 0x10ca)]);
        let mut filter = NameFilter::default();
        let lines: Vec<String> =
            text.lines().filter(|line| filter.wants(line, &wanted)).map(str::to_owned).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(parse_names(&lines).of(0x8086, 0x10ca), "Intel 82576 Virtual Function");
    }

    #[test]
    fn modules_are_named_with_underscores() {
        assert_eq!(
            module_name("kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/a.ko.xz"),
            "vfio_pci"
        );
        assert_eq!(module_name("kernel/drivers/vfio/vfio.ko"), "vfio");
    }

    #[test]
    fn interrupt_chips_are_told_from_counts_and_names() {
        let text = " 24:  1  0  IR-PCI-MSIX-0000:0b:00.0  0-edge  eth0-rx\n 9: 0 0 IR-IO-APIC 9-fasteoi acpi";
        assert!(parse_chips(text).contains("IR-PCI-MSIX-0000:0b:00.0"));
        assert!(
            parse_chips(" 25: 3 PCI-MSI-0000:00:02.0 0-edge xhci").contains("PCI-MSI-0000:00:02.0")
        );
    }
}

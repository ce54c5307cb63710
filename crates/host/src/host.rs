//! The machine, and how a person names its devices.

use std::collections::{BTreeMap, BTreeSet};

use virtfn_pci::Address;

use crate::{
    Claims, Function, Guests, Netdev, Pf, Platform, ReservedRegion, Role, Seen, VfId, VfIndex,
};

/// Everything that a look at a machine gave.
#[derive(Clone, Debug)]
pub struct Host {
    /// Every PCI function, by address.
    pub functions: BTreeMap<Address, Function>,
    /// The IOMMU groups that the kernel made.
    pub groups: BTreeMap<u32, IommuGroup>,
    /// The network interfaces of this network namespace that belong to PCI functions.
    pub netdevs: Seen<Vec<Netdev>>,
    /// The running kernel.
    pub kernel: Kernel,
    /// What the firmware left for the kernel.
    pub firmware: Firmware,
    /// What other owners' configuration says. `Absent`: a recording without it.
    pub claims: Seen<Claims>,
    /// The virtual machines that have functions, or are promised some. `Absent`: a recording without
    /// them.
    pub guests: Seen<Guests>,
    /// The machine beside its functions.
    pub platform: Platform,
    /// Names for vendors and devices.
    pub names: Names,
}

/// The running kernel, as far as it was asked.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Its release (`6.12.9-amd64`).
    pub release: Seen<String>,
    /// Its command line.
    pub command_line: Seen<String>,
    /// The lines of its log, without their time stamps; the oldest may have been pushed out.
    pub log: Seen<Vec<String>>,
    /// The IOMMUs that it runs (`/sys/class/iommu`).
    pub iommus: Seen<Vec<String>>,
    /// The interrupt chips in use (`/proc/interrupts`), such as `IR-PCI-MSIX-0000:0b:00.0`.
    pub interrupt_chips: Seen<BTreeSet<String>>,
    /// Its modules' names, loaded.
    pub loaded_modules: Seen<BTreeSet<String>>,
    /// The VFIO modules that it has, loaded or not, and those built in.
    pub vfio_modules: Seen<BTreeSet<String>>,
    /// Those of the modules by which guests share an interface (`macvtap`, `tun`, `vhost_net`,
    /// `bridge`, `openvswitch`) that it has, loaded or not. `Absent`: a recording that does not say.
    pub sharing_modules: Seen<BTreeSet<String>>,
    /// The PCI drivers that are registered.
    pub pci_drivers: Seen<BTreeSet<String>>,
    /// Values of the module parameters that matter (`igb.max_vfs`, …).
    pub parameters: BTreeMap<String, Seen<String>>,
    /// The lines of `modprobe`'s configuration that make VFs (`max_vfs=`) or claim devices for VFIO
    /// (`ids=`), each with its file.
    pub module_options: Seen<Vec<(String, String)>>,
    /// The CPU's vendor and flags, from `/proc/cpuinfo`.
    pub cpu: Seen<Cpu>,
}

/// The processor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Machine (`x86_64`, `aarch64`, `ppc64le`).
    pub machine: String,
    /// Vendor string (`GenuineIntel`, `AuthenticAMD`), where there is one.
    pub vendor: Option<String>,
    /// Flags.
    pub flags: BTreeSet<String>,
    /// How many processors there are.
    pub count: usize,
    /// How many bits a physical address has, where it says so.
    pub address_bits: Option<u32>,
}

impl Cpu {
    /// IBM POWER: its host bridges keep devices apart in partitionable endpoints (PEs), and firmware
    /// makes the groups (`arch/powerpc/kernel/iommu.c`).
    #[must_use]
    pub fn is_power(&self) -> bool {
        self.machine.starts_with("ppc64")
    }

    /// 64-bit Arm.
    #[must_use]
    pub fn is_arm(&self) -> bool {
        self.machine == "aarch64"
    }
}

/// What the firmware left for the kernel.
#[derive(Clone, Debug)]
pub struct Firmware {
    /// The ACPI tables by signature: the IOMMU's whole (`DMAR`, `IVRS`, `IORT`, `VIOT`), of the
    /// others the name alone. `Absent`: no ACPI.
    pub acpi: Seen<BTreeMap<String, Seen<Vec<u8>>>>,
    /// Does the machine describe itself by a device tree?
    pub device_tree: Seen<bool>,
    /// Who made the machine, and which, for advice on its setup program.
    pub product: Seen<String>,
}

/// An IOMMU group that the kernel made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IommuGroup {
    /// Its number. Numbers move from boot to boot.
    pub id: u32,
    /// Its functions.
    pub members: BTreeSet<Address>,
    /// The kind of its default domain (`DMA`, `identity`, …).
    pub domain: Seen<String>,
    /// A name that a driver gave it; `vfio-noiommu` marks a group that isolates nothing.
    pub name: Seen<String>,
    /// The addresses that it keeps for others.
    pub reserved: Seen<Vec<ReservedRegion>>,
}

impl IommuGroup {
    /// Is it no IOMMU's group at all, but one that VFIO made up?
    #[must_use]
    pub fn is_noiommu(&self) -> bool {
        self.name.known().is_some_and(|name| name == "vfio-noiommu")
    }
}

/// Vendors' and devices' names, from the system's `pci.ids`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// By vendor.
    pub vendors: BTreeMap<u16, String>,
    /// By vendor and device.
    pub devices: BTreeMap<(u16, u16), String>,
}

/// A device that somebody named and that is not here, with those that could have been meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{asked}: {why}")]
pub struct Nearest {
    /// What was asked for.
    pub asked: String,
    /// What is wrong with it.
    pub why: String,
    /// What could have been meant, nearest first.
    pub nearest: Vec<String>,
}

impl Host {
    /// Every PF, in the order of addresses.
    pub fn pfs(&self) -> impl Iterator<Item = (&Function, &Pf)> {
        self.functions.values().filter_map(|function| Some((function, function.pf()?)))
    }

    /// The interfaces of one function: its own, without the representors of others.
    pub fn netdevs_of(&self, address: Address) -> impl Iterator<Item = &Netdev> {
        self.all_netdevs_of(address).filter(|netdev| !netdev.is_representor())
    }

    /// The representors of its VFs and subfunctions, which hang below a PF in switchdev mode.
    pub fn representors_of(&self, address: Address) -> impl Iterator<Item = &Netdev> {
        self.all_netdevs_of(address).filter(|netdev| netdev.is_representor())
    }

    fn all_netdevs_of(&self, address: Address) -> impl Iterator<Item = &Netdev> {
        let all = self.netdevs.known().map_or(&[][..], Vec::as_slice);
        all.iter().filter(move |netdev| netdev.function == Some(address))
    }

    /// The function at `address`, which must be there.
    ///
    /// # Errors
    /// When it is not, with the addresses nearest to it.
    pub fn function(&self, address: Address) -> Result<&Function, Nearest> {
        self.functions.get(&address).ok_or_else(|| Nearest {
            asked: address.short(),
            why: "there is no such PCI function on this host".into(),
            nearest: self.nearest(&address.short()),
        })
    }

    /// A PF and its function.
    ///
    /// # Errors
    /// When the function cannot make VFs, with the PFs that can.
    pub fn pf(&self, address: Address) -> Result<(&Function, &Pf), Nearest> {
        let function = self.function(address)?;
        let why = match &function.role {
            Role::Pf(pf) => return Ok((function, pf)),
            Role::Vf(id) => format!("is VF {} of {}, and a PF is meant", id.index, id.pf.short()),
            Role::Leaving { pf } => {
                format!("is a VF that {} is losing, and a PF is meant", pf.short())
            }
            Role::Plain => "is no PF: the kernel shows no SR-IOV for it".into(),
        };
        let nearest = match function.vf() {
            Some(id) => vec![id.pf.short()],
            None => self.pfs().map(|(pf, _)| pf.address.short()).collect(),
        };
        Err(Nearest { asked: address.short(), why, nearest })
    }

    /// A VF by its function.
    ///
    /// # Errors
    /// When the function is no VF, with VFs that could have been meant.
    pub fn vf(&self, address: Address) -> Result<(&Function, VfId), Nearest> {
        let function = self.function(address)?;
        let Some(id) = function.vf() else {
            let made =
                function.pf().map(|pf| pf.vfs.keys().map(|n| format!("{}/{n}", address.short())));
            return Err(Nearest {
                asked: address.short(),
                why: format!("is {}, and a VF is meant", kind_name(function)),
                nearest: made.into_iter().flatten().take(3).collect(),
            });
        };
        Ok((function, id))
    }

    /// The function that a person means by `text`: an address in any form, a network interface,
    /// `PF/N`, or `PF/any` for a VF that nobody uses.
    ///
    /// # Errors
    /// When nothing here answers to it, with what could have been meant.
    pub fn resolve(&self, text: &str) -> Result<Address, Nearest> {
        if let Some((pf, index)) = text.split_once('/') {
            return self.resolve_vf(text, self.resolve_function(pf)?, index);
        }
        self.resolve_function(text)
    }

    fn resolve_function(&self, text: &str) -> Result<Address, Nearest> {
        if let Ok(address) = text.parse::<Address>() {
            return self.function(address).map(|function| function.address);
        }
        let named = |function: &&Function| function.netdevs.iter().any(|name| name == text);
        if let Some(function) = self.functions.values().find(named) {
            return Ok(function.address);
        }
        Err(Nearest {
            asked: text.chars().take(64).collect(),
            why: "no PCI address, and no network interface of a PCI function here".into(),
            nearest: self.nearest(text),
        })
    }

    fn resolve_vf(&self, asked: &str, pf: Address, index: &str) -> Result<Address, Nearest> {
        let (_, sriov) = self.pf(pf)?;
        let none = |why: String| {
            let nearest = sriov.vfs.keys().take(3).map(|n| format!("{}/{n}", pf.short())).collect();
            Nearest { asked: asked.chars().take(64).collect(), why, nearest }
        };
        if index == "any" {
            let idle = |address: &&Address| self.functions.get(address).is_some_and(is_idle);
            let promised = self.guests.known().map(Guests::by_function).unwrap_or_default();
            let free = |address: &&Address| !promised.contains_key(address);
            // One that a guest is given when it starts is better left to it.
            let mut found = sriov.vfs.values().filter(idle);
            let found = found.clone().find(free).or_else(|| found.next()).copied();
            return found
                .ok_or_else(|| none(format!("no VF of {} is known to be idle", pf.short())));
        }
        let index: VfIndex = index.parse().map_err(|bad| none(format!("{bad}, nor `any`")))?;
        let count = sriov.vfs.len();
        let why = || none(format!("{} has {count} VFs, and no VF {index}", pf.short()));
        sriov.vfs.get(&index).copied().ok_or_else(why)
    }

    /// Up to three names that are nearest to `text`, counting letters to change.
    fn nearest(&self, text: &str) -> Vec<String> {
        let text: String = text.chars().take(64).collect();
        let names = self.functions.values().flat_map(|function| {
            std::iter::once(function.address.short()).chain(function.netdevs.iter().cloned())
        });
        let mut ranked: Vec<_> = names.map(|name| (distance(&text, &name), name)).collect();
        ranked.sort();
        ranked.into_iter().filter(|(steps, _)| *steps <= 4).take(3).map(|(_, name)| name).collect()
    }
}

fn is_idle(function: &Function) -> bool {
    function.holders.known().is_some_and(Vec::is_empty)
}

fn kind_name(function: &Function) -> &'static str {
    match function.role {
        Role::Pf(_) => "a PF",
        Role::Vf(_) => "a VF",
        Role::Leaving { .. } => "a VF that the kernel is removing",
        Role::Plain => "neither PF nor VF",
    }
}

/// How many letters to change to make one name of the other: Levenshtein's distance, over bytes.
///
/// Takes time in the product of both lengths: for names that a person typed.
#[must_use]
pub fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let swap = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = swap.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

impl Names {
    /// A device's name for people, its numbers where it has none.
    #[must_use]
    pub fn of(&self, vendor: u16, device: u16) -> String {
        let vendor_name = self.vendors.get(&vendor).map(|name| brief_vendor(name));
        match (vendor_name, self.devices.get(&(vendor, device))) {
            (Some(vendor), Some(device)) => format!("{vendor} {device}"),
            (Some(name), None) => format!("{name} {vendor:04x}:{device:04x}"),
            (None, _) => format!("{vendor:04x}:{device:04x}"),
        }
    }
}

/// A vendor's name without its legal form.
fn brief_vendor(name: &str) -> &str {
    let end = [" Corporation", " Technologies", ", Inc", " Inc", " Co.", " Ltd", " Limited", " ["]
        .iter()
        .filter_map(|form| name.find(form))
        .min();
    &name[..end.unwrap_or(name.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted_in_letters() {
        for (a, b, steps) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("", "ab", 2),
            ("eth0", "eth1", 1),
            ("0b:10.0", "0b:01.0", 2),
        ] {
            assert_eq!(distance(a, b), steps, "{a} {b}");
        }
    }

    #[test]
    fn vendors_lose_their_legal_form() {
        assert_eq!(brief_vendor("Intel Corporation"), "Intel");
        assert_eq!(brief_vendor("Advanced Micro Devices, Inc. [AMD]"), "Advanced Micro Devices");
        assert_eq!(brief_vendor("Red Hat, Inc."), "Red Hat");
        assert_eq!(brief_vendor("NVIDIA"), "NVIDIA");
    }
}

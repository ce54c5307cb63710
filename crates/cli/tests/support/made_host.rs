//! Hosts made by hand around a recorded card, as recordings in a folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::recorded;

/// The card's port.
pub const CARD: &str = "0000:01:00.0";
/// What is kept of the recorded machine: a root port with ACS, the card and its VFs.
const KEPT: [&str; 5] = ["0000:00:01.0", CARD, "0000:01:10.0", "0000:01:10.2", "0000:01:10.4"];

/// What has become of an Arm server's SMMU.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Iommu {
    /// It runs, and translates for the host too.
    Translating,
    /// It runs, and lets the host's own devices pass (`iommu.passthrough=1`).
    Identity,
    /// Its driver is kept from starting.
    KeptOff,
    /// Firmware does not describe it.
    NotDescribed,
}

/// A host in a folder that goes with the value.
pub struct MadeHost {
    folder: TempDir,
}

impl MadeHost {
    /// An Arm server that describes itself by ACPI.
    pub fn arm(iommu: Iommu) -> Self {
        let host = Self::around_the_card();
        host.write("proc/cpuinfo", ARM_CPU);
        host.write("proc/interrupts", " 23:  4  ITS-PCI-MSIX-0000:01:00.0   0 Edge  eth0\n");
        for table in ["FACP", "APIC", "MCFG", "GTDT"] {
            host.write(&format!("sys/firmware/acpi/tables/{table}"), "");
        }
        let table = iort(iommu != Iommu::NotDescribed);
        fs::write(host.at("sys/firmware/acpi/tables/IORT"), table).unwrap();
        let (flags, said) = match iommu {
            Iommu::Identity => ("iommu.passthrough=1", "iommu: Default domain type: Passthrough"),
            Iommu::KeptOff => ("module_blacklist=arm_smmu_v3", "Module arm_smmu_v3 is blacklisted"),
            Iommu::Translating | Iommu::NotDescribed => {
                ("", "iommu: Default domain type: Translated")
            }
        };
        host.write("proc/cmdline", &format!("BOOT_IMAGE=/vmlinuz {flags} quiet\n"));
        host.write("kernel.log", &format!("Linux version 6.12.9-arm64\n{said}\n"));
        match iommu {
            Iommu::Translating => host.translate("smmu3.0x0000000009050000", "DMA-FQ"),
            Iommu::Identity => host.translate("smmu3.0x0000000009050000", "identity"),
            Iommu::KeptOff | Iommu::NotDescribed => {}
        }
        host
    }

    /// A POWER server: a device tree, no tables. Kernels before 6.8 list no IOMMU.
    pub fn power(lists_iommus: bool) -> Self {
        let host = Self::around_the_card();
        host.write("proc/cpuinfo", POWER_CPU);
        host.write("proc/interrupts", " 23:  4  XIVE-PCI-MSIX-0000:01:00.0   0 Edge  eth0\n");
        host.write("proc/cmdline", "root=/dev/sda2 ro\n");
        host.write("kernel.log", "Linux version 6.1.0-9-powerpc64le\nPCI: Probing PCI hardware\n");
        host.write("sys/firmware/devicetree/base/compatible", "ibm,powernv");
        if lists_iommus {
            host.translate("iommu-phb0000", "unknown");
        } else {
            host.group("unknown");
        }
        host
    }

    /// Its folder.
    pub fn path(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Makes a file one that cannot be read: what is there cannot be opened as one.
    pub fn hide(&self, path: &str) {
        fs::remove_file(self.at(path)).unwrap();
        fs::create_dir(self.at(path)).unwrap();
    }

    /// Gives a function to another driver.
    pub fn drive(&self, address: &str, driver: &str) {
        let link = fs::canonicalize(self.function(address)).unwrap().join("driver");
        fs::remove_file(&link).unwrap();
        symlink(format!("../../../../bus/pci/drivers/{driver}"), link).unwrap();
    }

    /// Puts a function into the group of another.
    pub fn join(&self, one: &str, other: &str) {
        let link =
            |address: &str| fs::canonicalize(self.function(address)).unwrap().join("iommu_group");
        let group = fs::read_link(link(one)).unwrap();
        fs::remove_file(link(other)).unwrap();
        symlink(group, link(other)).unwrap();
    }

    /// The recorded machine without its chipset, its IOMMU and its firmware.
    fn around_the_card() -> Self {
        let folder = TempDir::new().unwrap();
        let packed = fs::File::open(recorded("intel-default")).unwrap();
        let plain = ruzstd::decoding::StreamingDecoder::new(packed).unwrap();
        tar::Archive::new(plain).unpack(folder.path()).unwrap();
        let host = Self { folder };
        for gone in [
            "oracle",
            "sys/firmware",
            "sys/class/iommu",
            "sys/kernel/iommu_groups",
            "sys/class/dmi",
        ] {
            let _ = fs::remove_dir_all(host.at(gone));
        }
        for entry in fs::read_dir(host.at("sys/bus/pci/devices")).unwrap() {
            let entry = entry.unwrap();
            let folder = fs::canonicalize(entry.path()).unwrap();
            for link in ["iommu", "iommu_group"] {
                fs::remove_file(folder.join(link)).unwrap();
            }
            if !KEPT.contains(&entry.file_name().to_str().unwrap()) {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        fs::create_dir_all(host.at("sys/class/iommu")).unwrap();
        host
    }

    /// An IOMMU that runs, with every function behind it in a group of its own.
    fn translate(&self, name: &str, domain: &str) {
        self.write(&format!("sys/class/iommu/{name}/uevent"), "");
        self.group(domain);
        for address in KEPT {
            let link = fs::canonicalize(self.function(address)).unwrap().join("iommu");
            symlink(self.at(&format!("sys/class/iommu/{name}")), link).unwrap();
        }
    }

    fn group(&self, domain: &str) {
        for (number, address) in KEPT.into_iter().enumerate() {
            let group = format!("sys/kernel/iommu_groups/{number}");
            self.write(&format!("{group}/type"), &format!("{domain}\n"));
            self.write(&format!("{group}/reserved_regions"), "");
            let link = fs::canonicalize(self.function(address)).unwrap().join("iommu_group");
            // As deep as every folder below sys/devices/pci0000:00 may be: the last name counts.
            symlink(format!("../../../../kernel/iommu_groups/{number}"), link).unwrap();
        }
    }

    fn function(&self, address: &str) -> PathBuf {
        self.at(&format!("sys/bus/pci/devices/{address}"))
    }

    fn at(&self, path: &str) -> PathBuf {
        Path::new(self.path()).join(path)
    }
}

const ARM_CPU: &str = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd evtstrm aes pmull\n\
                       CPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd0c\n";
const POWER_CPU: &str = "processor\t: 0\ncpu\t\t: POWER9, altivec supported\nclock\t\t: 3800.000000MHz\n\
                         revision\t: 2.2 (pvr 004e 1202)\nplatform\t: PowerNV\n";

/// An IORT (IO Remapping Table E.f, DEN0049): an ITS, an SMMUv3 where there is one, and a root complex
/// whose requests go to it, or else to the ITS.
fn iort(with_smmu: bool) -> Vec<u8> {
    const NODES_AT: u32 = 48;
    let its = node(0, &[1, 0], &[]);
    let its_at = NODES_AT;
    let smmu_at = its_at + u32::try_from(its.len()).unwrap();
    // Base address, flags (coherent), no VATOS, the generic model, no interrupts of its own.
    let smmu =
        node(4, &[0x0905_0000, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[[0, 0xffff, 0, its_at, 0]]);
    let goes_to = if with_smmu { smmu_at } else { its_at };
    // Coherent memory, no ATS, segment 0, 48 bits of address.
    let root = node(2, &[1, 0, 0, 0, 48], &[[0, 0xffff, 0, goes_to, 0]]);
    let mut nodes = vec![its];
    nodes.extend(with_smmu.then_some(smmu));
    nodes.push(root);
    table(b"IORT", NODES_AT, &nodes)
}

/// One node: its kind, its own words, its mappings.
fn node(kind: u8, words: &[u32], mappings: &[[u32; 5]]) -> Vec<u8> {
    let own = 16 + 4 * words.len();
    let length = own + 20 * mappings.len();
    let mut bytes = vec![kind];
    bytes.extend(u16::try_from(length).unwrap().to_le_bytes());
    bytes.push(0);
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(u32::try_from(mappings.len()).unwrap().to_le_bytes());
    bytes.extend(u32::try_from(own).unwrap().to_le_bytes());
    bytes.extend(words.iter().chain(mappings.iter().flatten()).flat_map(|word| word.to_le_bytes()));
    bytes
}

fn table(signature: &[u8; 4], nodes_at: u32, nodes: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = signature.to_vec();
    bytes.resize(36, 0);
    bytes.extend(u32::try_from(nodes.len()).unwrap().to_le_bytes());
    bytes.extend(nodes_at.to_le_bytes());
    bytes.resize(usize::try_from(nodes_at).unwrap(), 0);
    bytes.extend(nodes.concat());
    let length = u32::try_from(bytes.len()).unwrap();
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    // All bytes of a table add up to 0.
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    bytes[9] = sum.wrapping_neg();
    bytes
}

//! Emulated machines as data: one TOML file each.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::kernel::Kernel;

/// One emulated machine: what QEMU gets, what the kernel is told, and what should come of it.
///
/// The files in `lab/topologies/` are the examples; a field that is left out has the value that
/// most machines share.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Topology {
    /// The file's name without `.toml`.
    #[serde(skip)]
    pub name: String,
    /// One or two sentences: what the machine is and what it is for.
    pub about: String,
    /// QEMU's `-machine`.
    #[serde(default = "q35")]
    pub machine: String,
    /// QEMU's `-cpu`.
    #[serde(default = "every_feature")]
    pub cpu: String,
    /// Processors. One by default: two emulated ones cost an idle guest four times the host's time,
    /// and on a busy host the second now and then loses its timer.
    #[serde(default = "one")]
    pub cpus: u8,
    /// Memory in MiB, at most [`MOST_MEMORY_MIB`].
    #[serde(default = "usual_memory_mib")]
    pub memory_mib: u32,
    /// QEMU's `-netdev` options, each one string.
    #[serde(default)]
    pub netdevs: Vec<String>,
    /// QEMU's `-device` options, each one string, in order.
    pub devices: Vec<String>,
    /// Further QEMU arguments, for what has no field here.
    #[serde(default)]
    pub qemu_arguments: Vec<String>,
    /// What goes on the kernel's command line beside what the lab itself needs.
    #[serde(default)]
    pub kernel_arguments: String,
    /// Modules that are loaded once the guest serves, in order, each with its parameters
    /// (`"igb max_vfs=7"`).
    #[serde(default)]
    pub modules: Vec<String>,
    /// The kernel series that it is tested on, the usual one first.
    #[serde(default = "usual_kernels")]
    pub kernels: Vec<String>,
    /// What is true of the machine once it runs.
    pub expect: Expected,
}

/// What a topology's file promises, so that tests and readers need not guess.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expected {
    /// The SR-IOV physical functions, in address order.
    pub pfs: Vec<String>,
    /// How many VFs [`Expected::vfs`] has a PF.
    pub vfs_per_pf: u16,
    /// All VFs, in address order, once every PF has [`Expected::vfs_per_pf`].
    pub vfs: Vec<String>,
    /// Whether the kernel puts functions into IOMMU groups at all.
    pub iommu_groups: bool,
    /// The functions that are in none all the same, in address order: the IOMMU itself, and with
    /// virtio-iommu those that no driver has tried yet.
    #[serde(default)]
    pub groupless: Vec<String>,
    /// The one doctor rule that fails here; absent on a machine that is in order.
    pub fails: Option<String>,
    /// The one that fails as soon as there are VFs, where none does before.
    pub fails_with_vfs: Option<String>,
}

/// More guest memory than this moves VF BARs above 4 GiB, where QEMU 10.0.2 reads them as zero.
pub const MOST_MEMORY_MIB: u32 = 2000;

fn q35() -> String {
    "q35,kernel-irqchip=split".into()
}

fn every_feature() -> String {
    "max".into()
}

fn one() -> u8 {
    1
}

fn usual_memory_mib() -> u32 {
    1024
}

fn usual_kernels() -> Vec<String> {
    vec!["6.12".into()]
}

impl Topology {
    /// Finds a topology: by name in `lab/topologies/`, or as a file.
    ///
    /// # Errors
    /// When there is no such file, or it is no topology; an unknown name lists those that exist.
    pub fn find(name_or_file: &str) -> Result<Self> {
        let ours = directory().join(format!("{name_or_file}.toml"));
        let given = Path::new(name_or_file);
        if !name_or_file.contains('/') && ours.is_file() {
            Self::read(&ours)
        } else if given.is_file() {
            Self::read(given)
        } else {
            bail!("no topology {name_or_file:?}; there are: {}", names()?.join(", "))
        }
    }

    /// All topologies of the lab, by name.
    ///
    /// # Errors
    /// When one of their files is no topology.
    pub fn all() -> Result<Vec<Self>> {
        names()?.iter().map(|name| Self::find(name)).collect()
    }

    /// Reads a topology's text.
    ///
    /// # Errors
    /// When it is no TOML, misses a field, has one that is not known, or asks for more memory than
    /// [`MOST_MEMORY_MIB`].
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let topology: Self = toml::from_str(text)?;
        if topology.memory_mib > MOST_MEMORY_MIB {
            bail!(
                "memory-mib = {} is above {MOST_MEMORY_MIB}: VF BARs would lie above 4 GiB, which \
                 QEMU 10.0 reads as zero",
                topology.memory_mib
            );
        }
        Ok(Self { name: name.to_owned(), ..topology })
    }

    /// The kernel that it boots with unless somebody says otherwise: the first of its own that is
    /// in the cache, else this host's.
    #[must_use]
    pub fn usual_kernel(&self) -> &str {
        let own = self.kernels.iter().find(|series| Kernel::find(series).is_ok());
        own.map_or("host", String::as_str)
    }

    /// QEMU's name of the machine's first PCI bus.
    pub(crate) fn root_bus(&self) -> &'static str {
        if self.machine.starts_with("q35") { "pcie.0" } else { "pci.0" }
    }

    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        Self::parse(&name.unwrap_or_default(), &text).with_context(|| path.display().to_string())
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("topologies")
}

fn names() -> Result<Vec<String>> {
    let listing = fs::read_dir(directory()).with_context(|| directory().display().to_string())?;
    let mut names: Vec<_> = listing
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().to_string_lossy().into_owned();
            Some(name.strip_suffix(".toml")?.to_owned())
        })
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALLEST: &str = "about = 'x'\ndevices = []\n[expect]\npfs = []\nvfs-per-pf = 0\n\
                            vfs = []\niommu-groups = false\n";

    #[test]
    fn every_file_is_a_topology_that_promises_whole_pfs() {
        let all = Topology::all().unwrap();
        assert!(all.len() >= 7);
        for topology in all {
            let promised = topology.expect.pfs.len() * usize::from(topology.expect.vfs_per_pf);
            assert_eq!(topology.expect.vfs.len(), promised, "{}", topology.name);
            assert!(topology.expect.vfs.is_sorted(), "{}", topology.name);
            let without = topology.expect.groupless.is_empty() || topology.expect.iommu_groups;
            assert!(without, "{}: groupless where there is no group", topology.name);
        }
    }

    #[test]
    fn the_usual_values_fill_in() {
        let topology = Topology::parse("small", SMALLEST).unwrap();
        assert_eq!(topology.name, "small");
        assert_eq!(topology.cpu, "max");
        assert_eq!(topology.kernels, ["6.12"]);
    }

    #[test]
    fn a_misspelt_key_is_named() {
        let refusal = Topology::parse("x", &SMALLEST.replace("devices", "device")).unwrap_err();
        assert!(format!("{refusal:#}").contains("device"), "{refusal:#}");
    }

    #[test]
    fn memory_that_would_hit_the_bar_bug_is_refused() {
        let text = format!("memory-mib = 2001\n{SMALLEST}");
        assert!(Topology::parse("x", &text).unwrap_err().to_string().contains("2000"));
    }

    #[test]
    fn an_unknown_name_lists_the_known() {
        let refusal = Topology::find("sed").unwrap_err().to_string();
        assert!(refusal.contains("seed"), "{refusal}");
    }
}

//! The kernel modules of the guest: those the lab uses and what they need, unpacked, with an index
//! of exactly these, so that `/lib/modules` in the guest tells the truth about the guest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::kernel::Kernel;
use crate::programs::{need, stdout_of};

/// What the guest shall be able to load. One that a kernel has built in, or has not at all, is left
/// out: `modules.builtin` and the index say which.
const WANTED: &[&str] = &[
    // The lab's own port.
    "virtio_pci",
    "virtio_console",
    // The full image's disk.
    "virtio_blk",
    "ext4",
    "crc32c_generic",
    // The emulated cards and their VFs.
    "igb",
    "igbvf",
    "nvme",
    "e1000e",
    "virtio_net",
    // Handing a function to a virtual machine or a user-space driver.
    "vfio",
    "vfio_iommu_type1",
    "vfio_pci",
    "vfio_virqfd",
    "virtio_iommu",
    "uio_pci_generic",
    "pci_stub",
    // What a virtual machine and its network take of the host.
    "kvm_amd",
    "vhost_net",
    "tun",
    // What a VF's netdev can be enslaved to.
    "bridge",
    "bonding",
    "8021q",
    "dummy",
    "veth",
    "macvlan",
    "macvtap",
    "team",
    // What cards do over netlink and devlink that the emulated ones refuse; setup builds it.
    "psample",
    "netdevsim",
];

/// Index files that depmod reads but does not write.
const GIVEN_INDEXES: [&str; 3] = ["modules.builtin", "modules.builtin.modinfo", "modules.order"];

/// The files that make up the modules, in their compressed form: what the image depends on.
///
/// # Errors
/// When the kernel's index cannot be read.
pub(crate) fn sources(kernel: &Kernel) -> Result<Vec<PathBuf>> {
    let index = kernel.modules.join("modules.dep");
    let text = fs::read_to_string(&index).with_context(|| index.display().to_string())?;
    Ok(closure(&text, WANTED).iter().map(|file| kernel.modules.join(file)).collect())
}

/// Writes the unpacked modules and their index below `root`, in `lib/modules/RELEASE`.
///
/// # Errors
/// When a module cannot be unpacked or depmod fails.
pub(crate) fn stage(kernel: &Kernel, root: &Path) -> Result<PathBuf> {
    let staged = root.join("lib/modules").join(&kernel.release);
    for source in sources(kernel)? {
        let relative = source.strip_prefix(&kernel.modules)?;
        let target = staged.join(plain_name(relative));
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&target, unpacked(&source)?)?;
    }
    for index in GIVEN_INDEXES.map(|name| kernel.modules.join(name)) {
        if let Some(name) = index.file_name().filter(|_| index.is_file()) {
            fs::copy(&index, staged.join(name))?;
        }
    }
    stdout_of(Command::new(need("depmod")?).arg("-b").arg(root).arg(&kernel.release))?;
    Ok(staged)
}

/// The wanted modules' files and all that they need, by `modules.dep`'s lines `file: file…`.
fn closure(modules_dep: &str, wanted: &[&str]) -> BTreeSet<String> {
    let needs: BTreeMap<&str, Vec<&str>> = modules_dep
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(file, needs)| (file, needs.split_whitespace().collect()))
        .collect();
    let is_wanted = |file: &&&str| wanted.contains(&module_name(file).as_str());
    let mut open: Vec<&str> = needs.keys().filter(is_wanted).copied().collect();
    let mut found = BTreeSet::new();
    while let Some(file) = open.pop() {
        if found.insert(file.to_owned()) {
            open.extend(needs.get(file).into_iter().flatten());
        }
    }
    found
}

/// `kernel/drivers/vfio/vfio-pci.ko.xz` is the module `vfio_pci`.
fn module_name(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.split_once(".ko").map_or(name, |(name, _)| name).replace('-', "_")
}

fn plain_name(path: &Path) -> PathBuf {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("xz" | "zst" | "gz") => path.with_extension(""),
        _ => path.to_path_buf(),
    }
}

fn unpacked(source: &Path) -> Result<Vec<u8>> {
    let unpacker = match source.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("gz") => "gzip",
        _ => return fs::read(source).with_context(|| source.display().to_string()),
    };
    let output = Command::new(need(unpacker)?).arg("-dc").arg(source).output()?;
    anyhow::ensure!(output.status.success(), "{unpacker} -dc {}", source.display());
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "kernel/a/igb.ko.xz: kernel/b/i2c-algo-bit.ko.xz kernel/b/dca.ko.xz\n\
                         kernel/b/i2c-algo-bit.ko.xz:\nkernel/b/dca.ko.xz:\n\
                         kernel/c/vfio-pci.ko.xz: kernel/c/vfio.ko.xz\nkernel/c/vfio.ko.xz:\n\
                         kernel/d/other.ko.xz:\n";

    #[test]
    fn a_module_brings_what_it_needs_and_nothing_else() {
        let files = closure(INDEX, &["igb"]);
        let names: Vec<_> = files.iter().map(|file| module_name(file)).collect();
        assert_eq!(names, ["igb", "dca", "i2c_algo_bit"]);
    }

    #[test]
    fn dashes_and_underscores_are_one() {
        assert_eq!(closure(INDEX, &["vfio_pci"]).len(), 2);
        assert!(closure(INDEX, &["not_there"]).is_empty());
    }

    #[test]
    fn a_circle_of_needs_ends() {
        assert_eq!(closure("a.ko: b.ko\nb.ko: a.ko\n", &["a"]).len(), 2);
    }

    #[test]
    fn unpacked_names_lose_only_the_packing() {
        assert_eq!(plain_name(Path::new("kernel/x.ko.xz")), Path::new("kernel/x.ko"));
        assert_eq!(plain_name(Path::new("kernel/x.ko")), Path::new("kernel/x.ko"));
    }
}

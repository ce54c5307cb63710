//! The full image: a Debian system on a disk, for tests that need systemd, reboots and power cuts.
//!
//! The file system is built once for a kernel and kept in the cache; each machine writes into a layer
//! over it that is its own. Nothing is installed: the packages are unpacked, and what their scripts
//! would have made (users, the machine's name and number) is written here. The small image's `/init`
//! mounts it, puts our own two programs there, and makes way for systemd. In `/boot` lie the kernel and
//! the small image's base, for virtual machines inside the machine.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::{NamedTempFile, TempDir};

use super::{fingerprint, modules, stage_modules};
use crate::cache;
use crate::kernel::Kernel;
use crate::packages::FULL;
use crate::programs::{need, stdout_of};

/// Counts up whenever what is written here changes.
const FORMAT: u32 = 4;
/// Larger than anything that tests install; the file has holes.
const SIZE: &str = "3G";
/// What has the small image's `/init` look for the disk, and systemd keep quiet.
pub(crate) const KERNEL_ARGUMENTS: &str =
    "lab.system=/dev/vda systemd.show_status=0 net.ifnames=0 systemd.firstboot=off";
/// What no test looks at, and what costs an emulated boot seconds.
const LEFT_OUT: [&str; 6] = [
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "usr/lib/udev/hwdb.d",
    "usr/share/zoneinfo",
];
/// Services that a boot of this machine needs not.
const MASKED: [&str; 21] = [
    "getty.target",
    "systemd-update-utmp.service",
    "systemd-random-seed.service",
    "systemd-timesyncd.service",
    "systemd-binfmt.service",
    "systemd-pstore.service",
    "e2scrub_reap.service",
    "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service",
    "systemd-update-done.service",
    "systemd-logind.service",
    "systemd-sysusers.service",
    "kmod-static-nodes.service",
    "modprobe@configfs.service",
    "modprobe@dm_mod.service",
    "modprobe@drm.service",
    "modprobe@fuse.service",
    "modprobe@loop.service",
    "dev-mqueue.mount",
    "sys-kernel-tracing.mount",
    "sys-kernel-debug.mount",
];
const FILES: [(&str, &str); 8] = [
    ("etc/fstab", ""),
    ("etc/hostname", "lab\n"),
    ("etc/machine-id", "76697274666e6c616276697274666e00\n"),
    ("etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n"),
    ("etc/modules-load.d/lab.conf", "igbvf\n"),
    ("var/lib/dpkg/status", ""),
    ("var/lib/dpkg/available", ""),
    ("var/lib/dpkg/info/format", "1\n"),
];

/// What one machine writes, over the file system that all share.
pub(crate) struct Disk {
    #[allow(dead_code, reason = "held: the folder goes with it")]
    folder: TempDir,
    layer: PathBuf,
}

impl Disk {
    /// A disk that nobody has written to.
    pub(crate) fn fresh(kernel: &Kernel) -> Result<Self> {
        let base = base(kernel)?;
        let folder = tempfile::tempdir()?;
        let layer = folder.path().join("disk.qcow2");
        let mut command = Command::new(need("qemu-img")?);
        command.args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"]).arg(&base).arg(&layer);
        stdout_of(&mut command)?;
        Ok(Self { folder, layer })
    }

    /// QEMU's `-drive`. With `writeback` a write is the host's page cache's at once and stays when
    /// QEMU is killed; what the guest still had in its own cache is what a power cut loses.
    pub(crate) fn drive(&self) -> String {
        format!("if=none,id=disk,format=qcow2,cache=writeback,file={}", self.layer.display())
    }
}

/// The file system for a kernel, built if the cache has none of the same ingredients.
fn base(kernel: &Kernel) -> Result<PathBuf> {
    let root = FULL.root()?;
    let modules = modules::sources(kernel)?;
    let nested = super::base(kernel)?;
    let parts = [root.as_path(), kernel.image.as_path(), nested.as_path()];
    let sources = modules.iter().map(PathBuf::as_path).chain(parts);
    let made = fingerprint(sources)?;
    let kept = cache::images().join(format!("full-{FORMAT}-{}-{made:016x}.ext4", kernel.release));
    if !kept.is_file() {
        fs::create_dir_all(cache::images())?;
        let stage = tempfile::tempdir_in(cache::images())?;
        let whole = stage.path().join("root");
        stdout_of(Command::new("cp").arg("-a").arg(&root).arg(&whole))?;
        complete(&whole, kernel)?;
        let boot = whole.join("boot");
        fs::create_dir_all(&boot)?;
        fs::copy(&kernel.image, boot.join("vmlinuz"))?;
        fs::copy(&nested, boot.join("small.cpio"))?;
        let fresh = NamedTempFile::new_in(cache::images())?;
        let mut command = Command::new(need("mke2fs")?);
        command.args(["-q", "-F", "-t", "ext4", "-E", "root_owner=0:0,lazy_itable_init=1", "-d"]);
        stdout_of(command.arg(&whole).arg(fresh.path()).arg(SIZE))?;
        fresh.persist(&kept).with_context(|| kept.display().to_string())?;
    }
    Ok(kept)
}

/// What the packages' scripts would have made.
fn complete(root: &Path, kernel: &Kernel) -> Result<()> {
    for folder in LEFT_OUT {
        let path = root.join(folder);
        if path.exists() {
            fs::remove_dir_all(path)?;
        }
    }
    for folder in [
        "dev",
        "proc",
        "sys",
        "run",
        "tmp",
        "root",
        "var/log",
        "var/lib/dpkg/updates",
        "var/lib/dpkg/info",
    ] {
        fs::create_dir_all(root.join(folder))?;
    }
    for (path, text) in FILES {
        let path = root.join(path);
        fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    for (file, more) in [
        (
            "passwd",
            "messagebus:x:100:100::/nonexistent:/usr/sbin/nologin\n\
             polkitd:x:101:107::/nonexistent:/usr/sbin/nologin\n\
             tcpdump:x:102:108::/nonexistent:/usr/sbin/nologin\n\
             libvirt-qemu:x:64055:101::/var/lib/libvirt:/usr/sbin/nologin\n",
        ),
        (
            "group",
            "messagebus:x:100:\nkvm:x:101:\nrender:x:102:\nsgx:x:103:\ninput:x:104:\nsystemd-journal:x:105:\n\
             libvirt:x:106:\npolkitd:x:107:\ntcpdump:x:108:\nlibvirt-qemu:x:64055:\n",
        ),
    ] {
        let given = fs::read_to_string(root.join(format!("usr/share/base-passwd/{file}.master")))?;
        fs::write(root.join("etc").join(file), given + more)?;
    }
    let units = root.join("etc/systemd/system");
    fs::create_dir_all(&units)?;
    for unit in MASKED {
        symlink("/dev/null", units.join(unit))?;
    }
    symlink("/usr/lib/systemd/system/multi-user.target", units.join("default.target"))?;
    let awk = root.join("usr/bin/awk");
    if !awk.exists() {
        symlink("mawk", awk)?;
    }
    for (folder, link) in [("run", "/run"), ("lock", "/run/lock")] {
        let folder = root.join("var").join(folder);
        fs::remove_dir(&folder).with_context(|| folder.display().to_string())?;
        symlink(link, folder)?;
    }
    stage_modules(kernel, &root.join("usr"))?;
    stdout_of(Command::new(need("ldconfig")?).arg("-r").arg(root))?;
    Ok(())
}

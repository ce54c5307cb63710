//! The full image: makes way for the system on a disk, and takes our own programs along.
//!
//! The agent lives below `/run`, so that the disk has nothing of the lab's: files before and after a
//! test can be compared.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::mount::{MountFlags, mount, mount_move};

const ROOT: &str = "/system";
const DISK_LIMIT: Duration = Duration::from_secs(60);
const UNIT: &str = "[Unit]\nDescription=The lab's agent\nDefaultDependencies=no\n\
    [Service]\nExecStart=/run/lab/lab-guest serve\nEnvironment=HOME=/root LANG=C.UTF-8 TERM=dumb \
    PATH=/run/lab:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nKillMode=process\nStandardError=tty\n\
    TTYPath=/dev/console\n";

/// The disk that the kernel's command line names, if it names one.
pub(crate) fn disk() -> Option<String> {
    let line = fs::read_to_string("/proc/cmdline").ok()?;
    let mut words = line.split_whitespace();
    words.find_map(|word| word.strip_prefix("lab.system=")).map(str::to_owned)
}

/// Becomes the system's process 1.
///
/// # Errors
/// When the disk does not appear or cannot be mounted.
pub(crate) fn enter(disk: &str) -> Result<()> {
    let _ = Command::new("modprobe").args(["-q", "virtio_iommu"]).status();
    // As the port's driver is loaded here, udev has nothing to find before the agent can serve.
    let modules = ["virtio_pci", "virtio_blk", "virtio_console", "crc32c_generic", "ext4"];
    let loaded = Command::new("modprobe").arg("-a").args(modules).status()?;
    if !loaded.success() {
        bail!("modprobe of the disk's drivers: {loaded}");
    }
    let start = Instant::now();
    while !Path::new(disk).exists() {
        if start.elapsed() > DISK_LIMIT {
            bail!("no {disk} within {} s", DISK_LIMIT.as_secs());
        }
        thread::sleep(Duration::from_millis(20));
    }
    fs::create_dir_all(ROOT)?;
    mount(disk, ROOT, "ext4", MountFlags::empty(), None).context("the system's disk")?;
    take_along().context("our own programs")?;
    for place in ["dev", "proc", "sys", "run"] {
        mount_move(format!("/{place}"), format!("{ROOT}/{place}"))
            .with_context(|| place.to_owned())?;
    }
    std::env::set_current_dir(ROOT)?;
    mount_move(".", "/").context("the new root")?;
    rustix::process::chroot(".").context("chroot")?;
    std::env::set_current_dir("/")?;
    Err(Command::new("/usr/lib/systemd/systemd").exec()).context("systemd")
}

fn take_along() -> Result<()> {
    fs::create_dir_all("/run/lab")?;
    fs::copy("/usr/bin/lab-guest", "/run/lab/lab-guest")?;
    fs::copy("/usr/bin/virtfn", "/run/lab/virtfn")?;
    for file in ["virtfn.deb", "programs.cpio"] {
        let given = Path::new("/").join(file);
        if given.exists() {
            fs::copy(given, Path::new("/run/lab").join(file))?;
        }
    }
    // Units name it where a package has it. A package's own stays.
    let program = format!("{ROOT}/usr/bin/virtfn");
    if fs::symlink_metadata(&program).is_err() {
        symlink("/run/lab/virtfn", program)?;
    }
    let units = "/run/systemd/system";
    fs::create_dir_all(format!("{units}/sysinit.target.wants"))?;
    fs::write(format!("{units}/lab-guest.service"), UNIT)?;
    symlink("../lab-guest.service", format!("{units}/sysinit.target.wants/lab-guest.service"))?;
    Ok(())
}

//! The broom between two tests that share a guest.
//!
//! Puts back what tests change: processes that still run, VFs, driver overrides, automatic probing,
//! network namespaces, interfaces that are up. Whoever asked waits for it with a limit: a guest that
//! cannot be tidied, with a writer hung in the kernel, is thrown away.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use rustix::process::{Pid, Signal, getpid, getppid, kill_process};

use crate::sysfs;

/// Files of a run that must not be seen by the next.
const LEFTOVERS: [&str; 2] = ["/run/virtfn", "/etc/virtfn"];

/// Puts the guest back as it was after its boot.
///
/// # Errors
/// When something cannot be put back.
pub(crate) fn run() -> Result<()> {
    kill_strangers()?;
    remove_namespaces()?;
    for function in sysfs::functions()? {
        put_back(&function)?;
    }
    for leftover in LEFTOVERS.map(Path::new).into_iter().filter(|path| path.exists()) {
        fs::remove_dir_all(leftover)?;
    }
    Ok(())
}

/// Ends every process that runs a program and is neither process 1, nor the agent, nor this one or
/// the shell that waits for it.
fn kill_strangers() -> Result<()> {
    let ours = fs::read_link("/proc/self/exe")?;
    for entry in fs::read_dir("/proc")?.filter_map(Result::ok) {
        let number = entry.file_name().to_string_lossy().parse().ok();
        let Some(pid) = number.and_then(Pid::from_raw) else {
            continue;
        };
        // A kernel thread has no executable.
        let Ok(executable) = fs::read_link(entry.path().join("exe")) else {
            continue;
        };
        let keeps_the_lab_alive = executable == ours && !is_hold(&entry.path());
        let asks_for_this = pid == getpid() || Some(pid) == getppid();
        if !asks_for_this && !keeps_the_lab_alive {
            // It may have ended by itself since.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    Ok(())
}

/// Whether a process of our own program plays a part that ends with its test.
fn is_hold(process: &Path) -> bool {
    let arguments = fs::read(process.join("cmdline")).unwrap_or_default();
    let part = arguments.split(|byte| *byte == 0).nth(1);
    !matches!(part, None | Some(b"" | b"serve" | b"tidy"))
}

fn remove_namespaces() -> Result<()> {
    for entry in fs::read_dir("/run/netns").into_iter().flatten().filter_map(Result::ok) {
        let status =
            Command::new("ip").args(["netns", "delete"]).arg(entry.file_name()).status()?;
        if !status.success() {
            bail!("ip netns delete {}: {status}", entry.file_name().display());
        }
    }
    Ok(())
}

fn set_down(netdev: &OsStr) -> Result<()> {
    let status = Command::new("ip").args(["link", "set", "down", "dev"]).arg(netdev).status()?;
    if !status.success() {
        bail!("ip link set down dev {}: {status}", netdev.display());
    }
    Ok(())
}

fn put_back(function: &Path) -> Result<()> {
    let attribute = |name: &str| function.join(name);
    let reads = |name: &str| fs::read_to_string(attribute(name)).unwrap_or_default();
    if attribute("sriov_numvfs").exists() {
        if reads("sriov_numvfs").trim() != "0" {
            sysfs::write(&attribute("sriov_numvfs"), "0")?;
        }
        if reads("sriov_drivers_autoprobe").trim() != "1" {
            sysfs::write(&attribute("sriov_drivers_autoprobe"), "1")?;
        }
    }
    for netdev in fs::read_dir(attribute("net")).into_iter().flatten().filter_map(Result::ok) {
        set_down(&netdev.file_name())?;
    }
    // A VF has gone with its PF's VFs by now.
    if attribute("driver_override").exists() && reads("driver_override").trim() != "(null)" {
        sysfs::write(&attribute("driver_override"), "\n")?;
        let driver = sysfs::link_name(&attribute("driver"));
        if driver.as_deref().is_some_and(|driver| driver.starts_with("vfio")) {
            let address = function.file_name().unwrap_or_default().to_string_lossy();
            sysfs::write(&attribute("driver/unbind"), &address)?;
            sysfs::write(Path::new("/sys/bus/pci/drivers_probe"), &address)?;
        }
    }
    Ok(())
}

//! Process 1: mounts what a Linux userland expects, starts the agent, reaps, powers off.

use std::ffi::CStr;
use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use rustix::mount::{MountFlags, mount};
use rustix::process::{Pid, WaitOptions, wait};
use rustix::system::{RebootCommand, reboot, sethostname};

use crate::system;

/// What the agent and all that it starts find in their environment.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/root"),
    ("LANG", "C.UTF-8"),
    ("TERM", "dumb"),
];

const MOUNTS: [(&str, &str, Option<&CStr>); 9] = [
    ("proc", "/proc", None),
    ("sysfs", "/sys", None),
    ("devtmpfs", "/dev", None),
    ("devpts", "/dev/pts", None),
    ("tmpfs", "/dev/shm", None),
    ("tmpfs", "/run", Some(c"mode=755")),
    ("tmpfs", "/tmp", Some(c"mode=1777")),
    ("debugfs", "/sys/kernel/debug", None),
    ("cgroup2", "/sys/fs/cgroup", None),
];

/// Lives as long as the guest does. When the agent ends, the guest is switched off: the host that
/// it served has gone, or never came.
pub(crate) fn run() -> ExitCode {
    if let Err(error) = prepare().and_then(|()| go_on()) {
        eprintln!("lab-guest: {error:#}");
    }
    if let Err(error) = reboot(RebootCommand::PowerOff) {
        eprintln!("lab-guest: cannot power off: {error}");
    }
    ExitCode::FAILURE
}

fn go_on() -> Result<()> {
    match system::disk() {
        Some(disk) => system::enter(&disk),
        None => serve_until_the_end(),
    }
}

fn prepare() -> Result<()> {
    for (kind, target, options) in MOUNTS {
        fs::create_dir_all(target).with_context(|| target.to_owned())?;
        let flags = MountFlags::NOSUID;
        match mount(kind, target, kind, flags, options) {
            // The kernel may have mounted devtmpfs itself.
            Ok(()) | Err(rustix::io::Errno::BUSY) => {}
            Err(error) => bail!("cannot mount {kind} at {target}: {error}"),
        }
    }
    sethostname(b"lab").context("sethostname")
}

/// Starts the agent and reaps every process that ends, until the agent does.
fn serve_until_the_end() -> Result<()> {
    let agent = Command::new("/proc/self/exe")
        .arg("serve")
        .envs(ENVIRONMENT)
        .spawn()
        .context("cannot start the agent")?;
    let agent = Pid::from_child(&agent);
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == agent => {
                eprintln!("lab-guest: the agent ended ({status:?}), powering off");
                return Ok(());
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => bail!("wait: {error}"),
        }
    }
}

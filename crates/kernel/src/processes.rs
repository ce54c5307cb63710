//! Which processes hold VFIO and UIO nodes open.

use std::io::Read as _;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use virtfn_host::{Reason, Seen, Unreadable};
use virtfn_pci::Address;

/// One open node of one process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenNode {
    /// The process.
    pub pid: u32,
    /// Its name (`comm`).
    pub name: String,
    /// What it has open: `/dev/vfio/16`, `/dev/vfio/devices/vfio3`, `anon_inode:[vfio-device]`.
    pub target: String,
    /// The function, where the kernel says which (fdinfo `vfio-device-syspath`, recent kernels).
    pub function: Option<Address>,
}

/// A scan of `/proc`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenNodes {
    /// What was found.
    pub nodes: Vec<OpenNode>,
    /// Could every process be looked at? Without root, other people's cannot.
    pub complete: bool,
}

/// What a device that was got from its group looks like.
const DEVICE_NODE: &str = "anon_inode:[vfio-device]";

impl OpenNodes {
    /// Nobody has anything open.
    #[must_use]
    pub const fn none() -> Self {
        Self { nodes: Vec::new(), complete: true }
    }

    /// Devices held open of which nothing says whose they are: the kernel does not name the
    /// function, and the process has no group open that would. One node a process.
    #[must_use]
    pub fn nameless(&self) -> Vec<&OpenNode> {
        let says = |pid| {
            let told = |node: &&OpenNode| node.target != DEVICE_NODE || node.function.is_some();
            self.nodes.iter().filter(|node| node.pid == pid).any(|node| told(&node))
        };
        let mut nameless: Vec<&OpenNode> =
            self.nodes.iter().filter(|node| !says(node.pid)).collect();
        nameless.dedup_by_key(|node| node.pid);
        nameless
    }
}

/// More processes than the kernel can have by default (`PID_MAX_LIMIT`).
const MAX_PROCESSES: usize = 1 << 22;

/// Every VFIO and UIO node that any process has open. It reads names and links alone, which no
/// stuck process can delay (`cmdline` and `maps` could).
pub fn open_nodes() -> Seen<OpenNodes> {
    let processes = match std::fs::read_dir("/proc") {
        Ok(processes) => processes,
        Err(error) => {
            let why = Reason::Failed(error.to_string());
            return Seen::Unreadable(Unreadable { path: "proc".into(), why });
        }
    };
    let mut found = OpenNodes { nodes: Vec::new(), complete: true };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    for pid in pids.take(MAX_PROCESSES) {
        if look_at(pid, &mut found.nodes) == Looked::Forbidden {
            found.complete = false;
        }
    }
    Seen::Known(found)
}

#[derive(PartialEq, Eq)]
enum Looked {
    Whole,
    Forbidden,
}

fn look_at(pid: u32, nodes: &mut Vec<OpenNode>) -> Looked {
    let descriptors = match std::fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(descriptors) => descriptors,
        // It ended, or it is a kernel thread: neither holds anything.
        Err(error) if error.raw_os_error() == Some(Errno::ACCESS.raw_os_error()) => {
            return Looked::Forbidden;
        }
        Err(_) => return Looked::Whole,
    };
    for descriptor in descriptors.flatten() {
        let Ok(target) = std::fs::read_link(descriptor.path()) else {
            continue;
        };
        let Some(target) = target.to_str().filter(|target| is_device_node(target)) else {
            continue;
        };
        let number = descriptor.file_name();
        let function = number.to_str().and_then(|fd| function_of(pid, fd));
        nodes.push(OpenNode { pid, name: name_of(pid), target: target.to_owned(), function });
    }
    Looked::Whole
}

/// The container (`/dev/vfio/vfio`) and iommufd alone hold no device.
fn is_device_node(target: &str) -> bool {
    let vfio = target.strip_prefix("/dev/vfio/").is_some_and(|name| name != "vfio");
    vfio || target.starts_with("/dev/uio") || target == DEVICE_NODE
}

/// A process's name, as `ps` shows it.
#[must_use]
pub fn name_of(pid: u32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim().chars().filter(|c| !c.is_control()).take(64).collect()
}

fn function_of(pid: u32, fd: &str) -> Option<Address> {
    let file = std::fs::File::open(format!("/proc/{pid}/fdinfo/{fd}")).ok()?;
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("vfio-device-syspath:"))?;
    crate::path::last(path.trim()).parse().ok()
}

/// Has somebody this VFIO group open, or a device of it? The kernel lets one process have it:
/// opening it tells, and is undone at once.
///
/// This looks by touching, so only whoever is about to change the group may ask.
pub fn is_group_busy(group: u32) -> Seen<bool> {
    use rustix::fs::{Mode, OFlags, open};
    let path = format!("/dev/vfio/{group}");
    match open(path.as_str(), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
        Ok(_closed_here) => Seen::Known(false),
        Err(Errno::BUSY) => Seen::Known(true),
        Err(errno) => crate::root::seen(&path, Err(errno.into())),
    }
}

//! Who uses a function, and would lose it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Somebody who uses a function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Holder {
    /// What manner of user it is.
    pub kind: HolderKind,
    /// The process, interface or namespace, by name.
    pub name: String,
    /// The process, where there is one.
    pub pid: Option<u32>,
    /// What it holds: a device node, an address, a master.
    pub through: String,
}

/// What manner of user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HolderKind {
    /// A process that has its VFIO group, device or cdev open.
    Process,
    /// A VFIO user whom the kernel does not show (`EBUSY` proves it).
    Unseen,
    /// A network interface of this host that is up with addresses, or enslaved.
    Netdev,
    /// A network interface that was moved to another network namespace.
    Netns,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.pid) {
            (HolderKind::Process | HolderKind::Unseen, Some(pid)) => {
                write!(f, "{} (pid {pid}), through {}", self.name, self.through)
            }
            (HolderKind::Process | HolderKind::Unseen, _) => {
                write!(f, "{}, through {}", self.name, self.through)
            }
            (HolderKind::Netdev, _) => write!(f, "netdev {}, {}", self.name, self.through),
            (HolderKind::Netns, _) => {
                write!(f, "network namespace {}, {}", self.name, self.through)
            }
        }
    }
}

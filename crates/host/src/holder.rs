//! Who uses a function, and would lose it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ManagedBy;

/// Somebody who uses a function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Flat", into = "Flat")]
pub struct Holder {
    /// What manner of user it is.
    pub kind: HolderKind,
    /// The process, interface or namespace, by name.
    pub name: String,
    /// The process, where there is one.
    pub pid: Option<u32>,
    /// What it holds: a device node, an address, a master.
    pub through: String,
    /// The virtual machine that it is, where it is one with a name.
    pub vm: Option<Vm>,
}

/// A virtual machine by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vm {
    /// Its name; text from outside.
    pub name: String,
    /// Who runs it.
    pub managed_by: ManagedBy,
}

/// What manner of user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HolderKind {
    /// A process that has its VFIO group, device or cdev open.
    Process,
    /// A VFIO user whom the kernel does not show (`EBUSY` proves it, or a record of guests names it).
    Unseen,
    /// A network interface of this host that is up with addresses, or enslaved.
    Netdev,
    /// A network interface that was moved to another network namespace.
    Netns,
}

/// A holder as it is written: the machine's name and who runs it stand beside the rest.
#[derive(Serialize, Deserialize)]
struct Flat {
    kind: HolderKind,
    name: String,
    pid: Option<u32>,
    through: String,
    #[serde(default)]
    vm: Option<String>,
    #[serde(default)]
    manager: Option<ManagedBy>,
}

impl From<Holder> for Flat {
    fn from(holder: Holder) -> Self {
        let Holder { kind, name, pid, through, vm } = holder;
        let manager = vm.as_ref().map(|vm| vm.managed_by);
        Self { kind, name, pid, through, vm: vm.map(|vm| vm.name), manager }
    }
}

impl From<Flat> for Holder {
    fn from(flat: Flat) -> Self {
        let Flat { kind, name, pid, through, vm, manager } = flat;
        let managed_by = manager.unwrap_or(ManagedBy::Other);
        Self { kind, name, pid, through, vm: vm.map(|name| Vm { name, managed_by }) }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            HolderKind::Process | HolderKind::Unseen => {
                f.write_str(&self.name)?;
                if let Some(pid) = self.pid {
                    write!(f, " (pid {pid})")?;
                }
                if let Some(vm) = &self.vm {
                    write!(f, ", VM {}", vm.name)?;
                }
                write!(f, ", through {}", self.through)
            }
            HolderKind::Netdev => write!(f, "netdev {}, {}", self.name, self.through),
            HolderKind::Netns => write!(f, "network namespace {}, {}", self.name, self.through),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_named_beside_its_process() {
        let vm = Vm { name: "MyGuest".into(), managed_by: ManagedBy::Libvirt };
        let holder = Holder {
            kind: HolderKind::Process,
            name: "qemu-system-x86".into(),
            pid: Some(812),
            through: "/dev/vfio/16".into(),
            vm: Some(vm),
        };
        let said = "qemu-system-x86 (pid 812), VM MyGuest, through /dev/vfio/16";
        assert_eq!(holder.to_string(), said);
        let written = serde_json::to_value(&holder).unwrap();
        assert_eq!((&written["vm"], &written["manager"]), (&"MyGuest".into(), &"libvirt".into()));
        assert_eq!(serde_json::from_value::<Holder>(written).unwrap(), holder);
        let nobody = Holder { vm: None, ..holder };
        assert!(serde_json::to_value(nobody).unwrap()["vm"].is_null());
    }
}

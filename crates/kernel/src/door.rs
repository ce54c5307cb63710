//! The write door. Only `apply` may open it (a test over the workspace holds that): every change of
//! the machine passes here, one write after the other, and somebody watches.

use std::fmt;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::fs::OFlags;
use rustix::io::Errno;
use virtfn_host::{
    EswitchMode, NetdevChange, ParamTime, ParamValue, PortChange, VfChange, VfIndex,
};

use crate::netlink::devlink::{Devlink, GroupChange, Handle};
use crate::netlink::{Netlink, NetlinkError};
use crate::root::SysRoot;

/// One write, as whoever watches sees it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Write {
    /// A value into an attribute, by its path below the root.
    Attribute {
        /// The path.
        path: String,
        /// The value.
        value: String,
    },
    /// A setting of a VF.
    Vf {
        /// The number of the PF's interface.
        ifindex: u32,
        /// The VF.
        vf: VfIndex,
        /// The setting.
        change: VfChange,
    },
    /// The mode of a card's switch.
    Eswitch {
        /// The card.
        device: Handle,
        /// The mode.
        mode: EswitchMode,
    },
    /// A parameter of a device.
    Param {
        /// The device.
        device: Handle,
        /// The parameter.
        name: String,
        /// Which of its values.
        time: ParamTime,
        /// The value.
        value: ParamValue,
    },
    /// A change of the port of a VF.
    Port {
        /// The card.
        device: Handle,
        /// The port's number.
        port: u32,
        /// The change.
        change: PortChange,
    },
    /// A change of a group of VFs that share a rate.
    Group {
        /// The card.
        device: Handle,
        /// The group's name.
        name: String,
        /// The change.
        change: GroupChange,
    },
    /// A change of an interface.
    Link {
        /// Its number.
        ifindex: u32,
        /// The change.
        change: NetdevChange,
    },
    /// A module, loaded by `modprobe`.
    Module {
        /// Its name.
        module: String,
    },
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute { path, value } => write!(f, "write {:?} to /{path}", value.trim_end()),
            Self::Vf { ifindex, vf, change } => {
                write!(f, "link {ifindex} vf {vf} {} {change}", change.name())
            }
            Self::Eswitch { device, mode } => write!(f, "devlink {device} eswitch mode {mode}"),
            Self::Param { device, name, time, value } => {
                write!(f, "devlink {device} {name} {time:?} {value}")
            }
            Self::Port { device, port, change } => {
                write!(f, "devlink {device}/{port} {} {change}", change.name())
            }
            Self::Group { device, name, change } => match change {
                GroupChange::Make(limits) => {
                    write!(f, "devlink {device} new group {name} {limits}")
                }
                GroupChange::Set(limits) => write!(f, "devlink {device} group {name} {limits}"),
                GroupChange::Remove => write!(f, "devlink {device} group {name} removed"),
            },
            Self::Link { ifindex, change } => {
                write!(f, "link {ifindex} {} {change}", change.name())
            }
            Self::Module { module } => write!(f, "modprobe {module}"),
        }
    }
}

/// Somebody who sees every write before and after it is made.
pub trait Watch {
    /// It is about to be made.
    fn before(&mut self, write: &Write);
    /// It was made, or refused.
    fn after(&mut self, write: &Write);
}

/// Why a write failed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The kernel refused a value.
    #[error("/{path}: {}", std::io::Error::from(*errno))]
    Refused {
        /// The attribute.
        path: String,
        /// The error.
        errno: Errno,
    },
    /// `modprobe` failed.
    #[error("modprobe {module}: {why}")]
    Module {
        /// The module.
        module: String,
        /// What it said.
        why: String,
    },
    /// The kernel refused a setting.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
}

impl WriteError {
    /// The error's number, where the kernel gave one.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused { errno, .. } => Some(*errno),
            Self::Netlink(error) => error.errno(),
            Self::Module { .. } => None,
        }
    }
}

/// The handle with which the machine is changed.
pub struct Door<'a> {
    root: &'a SysRoot,
    watch: &'a mut dyn Watch,
    netlink: Option<Netlink>,
}

impl<'a> Door<'a> {
    /// Opens the door of the machine below `root`.
    pub fn open(root: &'a SysRoot, watch: &'a mut dyn Watch) -> Self {
        Self { root, watch, netlink: None }
    }

    /// Writes `value` to an attribute with one call of `write`: the kernel takes an attribute's
    /// value whole.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn write(&mut self, path: &str, value: &str) -> Result<(), WriteError> {
        let write = Write::Attribute { path: path.to_owned(), value: value.to_owned() };
        self.watch.before(&write);
        let written =
            self.root.open_at(path, OFlags::WRONLY).and_then(|file| write_once(&file, value));
        self.watch.after(&write);
        written.map_err(|errno| WriteError::Refused { path: path.to_owned(), errno })
    }

    /// Changes one setting of one VF of the PF with this interface.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_vf(
        &mut self,
        ifindex: u32,
        vf: VfIndex,
        change: VfChange,
    ) -> Result<(), WriteError> {
        let write = Write::Vf { ifindex, vf, change };
        self.watch.before(&write);
        let done = self.netlink().and_then(|netlink| netlink.set_vf(ifindex, vf, change));
        self.watch.after(&write);
        Ok(done?)
    }

    /// Changes how a card's switch works.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_eswitch(&mut self, device: &Handle, mode: EswitchMode) -> Result<(), WriteError> {
        let write = Write::Eswitch { device: device.clone(), mode };
        self.watch.before(&write);
        let done = Devlink::open().and_then(|mut devlink| devlink.set_eswitch(device, mode));
        self.watch.after(&write);
        Ok(done?)
    }

    /// Changes one of a parameter's values.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_param(
        &mut self,
        device: &Handle,
        name: &str,
        time: ParamTime,
        value: &ParamValue,
    ) -> Result<(), WriteError> {
        let (named, given) = (name.to_owned(), value.clone());
        let write = Write::Param { device: device.clone(), name: named, time, value: given };
        self.watch.before(&write);
        let done =
            Devlink::open().and_then(|mut devlink| devlink.set_param(device, name, time, value));
        self.watch.after(&write);
        Ok(done?)
    }

    /// Changes one thing of the port of a VF.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_port(
        &mut self,
        device: &Handle,
        port: u32,
        change: &PortChange,
    ) -> Result<(), WriteError> {
        let write = Write::Port { device: device.clone(), port, change: change.clone() };
        self.watch.before(&write);
        let done = Devlink::open().and_then(|mut devlink| devlink.set_port(device, port, change));
        self.watch.after(&write);
        Ok(done?)
    }

    /// Makes, changes or removes a group of VFs that share a rate.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_group(
        &mut self,
        device: &Handle,
        name: &str,
        change: GroupChange,
    ) -> Result<(), WriteError> {
        let write = Write::Group { device: device.clone(), name: name.to_owned(), change };
        self.watch.before(&write);
        let done = Devlink::open().and_then(|mut devlink| devlink.set_group(device, name, change));
        self.watch.after(&write);
        Ok(done?)
    }

    /// Changes one thing of an interface.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_link(&mut self, ifindex: u32, change: &NetdevChange) -> Result<(), WriteError> {
        let write = Write::Link { ifindex, change: change.clone() };
        self.watch.before(&write);
        let done = self.netlink().and_then(|netlink| netlink.set_link(ifindex, change));
        self.watch.after(&write);
        Ok(done?)
    }

    /// Loads a module with all that it needs, by the system's own `modprobe`: its configuration
    /// (options, aliases, blacklists) is the administrator's word.
    ///
    /// # Errors
    /// What `modprobe` says.
    pub fn load_module(&mut self, module: &str) -> Result<(), WriteError> {
        let write = Write::Module { module: module.to_owned() };
        self.watch.before(&write);
        let ran = std::process::Command::new("modprobe")
            .args(["--", module])
            .stdin(Stdio::null())
            .output();
        self.watch.after(&write);
        let why = match ran {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        Err(WriteError::Module { module: module.to_owned(), why })
    }

    fn netlink(&mut self) -> Result<&mut Netlink, NetlinkError> {
        if self.netlink.is_none() {
            self.netlink = Some(Netlink::open()?);
        }
        self.netlink.as_mut().ok_or(NetlinkError::TimedOut)
    }
}

fn write_once(file: &OwnedFd, value: &str) -> Result<(), Errno> {
    let written = rustix::io::write(file, value.as_bytes())?;
    if written == value.len() { Ok(()) } else { Err(Errno::IO) }
}

//! What is to be done, one kernel write a step.

use std::fmt;

use serde::Serialize;
use virtfn_host::{
    EswitchMode, FirmwareChange, Holder, Limits, NetdevChange, PageSize, PortChange, Unreadable,
    VfChange, VfId,
};
use virtfn_pci::Address;

/// The steps that make a machine what a policy says, in the order in which they must run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// What may come in the way and is not certain, and what will not be as one would wish: a
    /// sentence each.
    pub notes: Vec<String>,
}

/// One step, and whom it hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// Who loses a function by it.
    pub interrupts: Vec<Interrupted>,
}

/// What a step does: one write each, and each can be run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Writes `sriov_drivers_autoprobe`.
    SetAutoprobe {
        /// The PF.
        pf: Address,
        /// What it is.
        from: bool,
        /// What it shall be.
        to: bool,
    },
    /// Writes `sriov_numvfs`. The kernel goes from a number to another through 0 alone.
    SetNumVfs {
        /// The PF.
        pf: Address,
        /// How many there are.
        from: u16,
        /// How many there shall be.
        to: u16,
    },
    /// Changes how many VFs a card's firmware offers from its next reset on.
    SetFirmware {
        /// The PF.
        pf: Address,
        /// What it offers.
        from: String,
        /// What it shall offer.
        to: FirmwareChange,
    },
    /// Changes how a card's switch works, which drivers allow without VFs alone.
    SetEswitch {
        /// The PF.
        pf: Address,
        /// What it is.
        from: EswitchMode,
        /// What it shall be.
        to: EswitchMode,
    },
    /// Makes, changes or removes a group in which VFs share a rate.
    SetGroup {
        /// The PF.
        pf: Address,
        /// The group's name.
        name: String,
        /// What it may send; `None`: there is none.
        from: Option<Limits>,
        /// What it shall be allowed; `None` removes it.
        to: Option<Limits>,
    },
    /// Changes one thing of the port that devlink has of a VF.
    SetPort {
        /// The VF.
        vf: VfId,
        /// What it is, where the driver says.
        from: Option<String>,
        /// What it shall be.
        to: PortChange,
    },
    /// Changes one setting of one VF.
    SetVf {
        /// The VF.
        vf: VfId,
        /// What it is, where the driver says.
        from: Option<String>,
        /// What it shall be.
        to: VfChange,
    },
    /// Writes `sriov_vf_msix_count`, which the kernel takes of a VF that no driver has.
    SetMsix {
        /// The VF.
        vf: VfId,
        /// How many vectors it has, where that is seen.
        from: Option<u16>,
        /// How many it shall have; 0: as many as the device gives it by itself.
        to: u16,
    },
    /// Changes one thing of the network interface that a driver made of a function.
    SetNetdev {
        /// The function.
        target: Target,
        /// What it is; `None` where there is no interface yet.
        from: Option<String>,
        /// What it shall be.
        to: NetdevChange,
    },
    /// Writes `nr_hugepages`; the kernel reserves as many as it finds.
    SetHugepages {
        /// The size of one.
        size: PageSize,
        /// How many are reserved.
        from: u64,
        /// How many shall be.
        to: u64,
    },
    /// Loads the module of a driver that is not registered.
    LoadModule {
        /// The module.
        module: String,
    },
    /// Writes `driver_override`.
    SetOverride {
        /// The function.
        target: Target,
        /// What it is.
        from: Option<String>,
        /// What it shall be; `None` clears it.
        to: Option<String>,
    },
    /// Takes a function from its driver.
    Unbind {
        /// The function.
        target: Target,
        /// That driver.
        driver: String,
    },
    /// Lets the kernel look for a driver.
    Probe {
        /// The function.
        target: Target,
        /// The driver that must come of it; `None`: whichever the kernel picks, if any.
        driver: Option<String>,
    },
}

/// A function by its address, or a VF that may not be there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// By address.
    Function(Address),
    /// By its PF and number.
    Vf(VfId),
}

/// Somebody who loses something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interrupted {
    /// The function.
    pub function: Address,
    /// Which VF it is, if it is one.
    pub vf: Option<VfId>,
    /// Is it a network card's?
    pub network: bool,
    /// Who, or why nobody can tell.
    #[serde(flatten)]
    pub by: Use,
}

/// Who uses a function that a step takes away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// This one does.
    Holder(Holder),
    /// It could not be seen: nobody may be assumed to be nobody.
    Unknown(Unreadable),
}

impl Action {
    /// The PF that the step belongs to, if it belongs to one.
    #[must_use]
    pub const fn pf(&self) -> Option<Address> {
        match self {
            Self::SetAutoprobe { pf, .. }
            | Self::SetNumVfs { pf, .. }
            | Self::SetFirmware { pf, .. }
            | Self::SetEswitch { pf, .. }
            | Self::SetGroup { pf, .. } => Some(*pf),
            Self::SetVf { vf, .. } | Self::SetPort { vf, .. } | Self::SetMsix { vf, .. } => {
                Some(vf.pf)
            }
            Self::SetOverride { target, .. }
            | Self::SetNetdev { target, .. }
            | Self::Unbind { target, .. }
            | Self::Probe { target, .. } => match target {
                Target::Vf(id) => Some(id.pf),
                Target::Function(_) => None,
            },
            Self::LoadModule { .. } | Self::SetHugepages { .. } => None,
        }
    }

    /// Its name in JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SetAutoprobe { .. } => "set-autoprobe",
            Self::SetNumVfs { .. } => "set-numvfs",
            Self::SetFirmware { .. } => "set-firmware",
            Self::SetEswitch { .. } => "set-eswitch",
            Self::SetGroup { .. } => "set-group",
            Self::SetPort { .. } => "set-port",
            Self::SetVf { .. } => "set-vf",
            Self::SetMsix { .. } => "set-msix",
            Self::SetNetdev { .. } => "set-netdev",
            Self::SetHugepages { .. } => "set-hugepages",
            Self::LoadModule { .. } => "load-module",
            Self::SetOverride { .. } => "set-driver-override",
            Self::Unbind { .. } => "unbind",
            Self::Probe { .. } => "probe",
        }
    }

    /// What it is done to.
    #[must_use]
    pub fn object(&self) -> String {
        match self {
            Self::SetAutoprobe { pf, .. }
            | Self::SetNumVfs { pf, .. }
            | Self::SetFirmware { pf, .. }
            | Self::SetEswitch { pf, .. }
            | Self::SetGroup { pf, .. } => pf.short(),
            Self::SetVf { vf, .. } | Self::SetPort { vf, .. } | Self::SetMsix { vf, .. } => {
                vf.to_string()
            }
            Self::LoadModule { module } => module.clone(),
            Self::SetHugepages { size, .. } => size.to_string(),
            Self::SetOverride { target, .. }
            | Self::SetNetdev { target, .. }
            | Self::Unbind { target, .. }
            | Self::Probe { target, .. } => target.to_string(),
        }
    }

    /// What was there before, for people.
    #[must_use]
    pub fn from(&self) -> Option<String> {
        match self {
            Self::SetAutoprobe { from, .. } => Some(on_off(*from).into()),
            Self::SetNumVfs { from, .. } => Some(from.to_string()),
            Self::SetEswitch { from, .. } => Some(from.to_string()),
            Self::SetFirmware { from, .. } => Some(from.clone()),
            Self::SetGroup { from, .. } => from.map(|from| from.to_string()),
            Self::SetVf { from, .. }
            | Self::SetPort { from, .. }
            | Self::SetOverride { from, .. }
            | Self::SetNetdev { from, .. } => from.clone(),
            Self::SetMsix { from, .. } => from.map(|from| from.to_string()),
            Self::SetHugepages { from, .. } => Some(from.to_string()),
            Self::Unbind { driver, .. } => Some(driver.clone()),
            Self::LoadModule { .. } | Self::Probe { .. } => None,
        }
    }

    /// What shall be there, for people.
    #[must_use]
    pub fn to(&self) -> Option<String> {
        match self {
            Self::SetAutoprobe { to, .. } => Some(on_off(*to).into()),
            Self::SetNumVfs { to, .. } => Some(to.to_string()),
            Self::SetEswitch { to, .. } => Some(to.to_string()),
            Self::SetFirmware { to, .. } => Some(to.value().to_string()),
            Self::SetGroup { to, .. } => to.map(|to| to.to_string()),
            Self::SetPort { to, .. } => Some(to.to_string()),
            Self::SetVf { to, .. } => Some(to.to_string()),
            Self::SetMsix { to, .. } => Some(to.to_string()),
            Self::SetHugepages { to, .. } => Some(to.to_string()),
            Self::SetNetdev { to, .. } => Some(to.to_string()),
            Self::SetOverride { to, .. } => to.clone(),
            Self::Probe { driver, .. } => driver.clone(),
            Self::LoadModule { module } => Some(module.clone()),
            Self::Unbind { .. } => None,
        }
    }
}

const fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(address) => f.write_str(&address.short()),
            Self::Vf(id) => id.fmt(f),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = self.object();
        match self {
            Self::SetAutoprobe { to: true, .. } => {
                write!(f, "{object}: let the kernel look for VF drivers")
            }
            Self::SetAutoprobe { to: false, .. } => {
                write!(f, "{object}: keep the kernel from looking for VF drivers")
            }
            Self::SetNumVfs { from, to: 0, .. } => write!(f, "{object}: remove its {from} VFs"),
            Self::SetNumVfs { to, .. } => write!(f, "{object}: make {to} VFs"),
            Self::SetEswitch { from, to, .. } => write!(f, "{object}: eswitch {from} → {to}"),
            Self::SetFirmware { from, to, .. } => {
                let (name, to) = (to.name(), to.value());
                write!(f, "{object}: firmware {name} {from} → {to}, from its next reset on")
            }
            Self::SetGroup { name, from, to, .. } => match (from, to) {
                (None, Some(to)) => write!(f, "{object}: make rate group {name}, {to}"),
                (Some(from), Some(to)) => {
                    write!(f, "{object}: rate group {name} {from} → {to}")
                }
                (_, None) => write!(f, "{object}: remove rate group {name}"),
            },
            Self::SetPort { from, to, .. } => {
                let from = from.as_deref().map(|from| format!("{from} → ")).unwrap_or_default();
                write!(f, "{object}: {} {from}{to}", to.name())
            }
            Self::SetVf { from, to, .. } => {
                let from = from.as_deref().map(|from| format!("{from} → ")).unwrap_or_default();
                write!(f, "{object}: {} {from}{to}", to.name())
            }
            Self::SetMsix { to: 0, .. } => {
                write!(f, "{object}: as many interrupt vectors as the device gives it")
            }
            Self::SetMsix { to, .. } => write!(f, "{object}: {to} interrupt vectors"),
            Self::SetNetdev { from, to, .. } => {
                let from = from.as_deref().map(|from| format!("{from} → ")).unwrap_or_default();
                write!(f, "{object}: {} {from}{to}", to.name())
            }
            Self::SetHugepages { from, to, .. } => write!(f, "{object} pages: {from} → {to}"),
            Self::LoadModule { module } => write!(f, "load module {module}"),
            Self::SetOverride { to: Some(driver), .. } => {
                write!(f, "{object}: reserve for {driver}")
            }
            Self::SetOverride { to: None, .. } => write!(f, "{object}: reserve for no driver"),
            Self::Unbind { driver, .. } => write!(f, "{object}: take from {driver}"),
            Self::Probe { driver: Some(driver), .. } => write!(f, "{object}: give to {driver}"),
            Self::Probe { driver: None, .. } => write!(f, "{object}: let the kernel pick a driver"),
        }
    }
}

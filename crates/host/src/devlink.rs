//! What devlink says of a card as a whole.

use serde::{Deserialize, Serialize};

/// How a card's internal switch works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EswitchMode {
    /// By MAC and VLAN, set VF by VF on the PF.
    Legacy,
    /// Each VF has a representor on the host, and the host's own bridges and rules decide.
    Switchdev,
    /// The same, with nothing forwarded yet.
    SwitchdevInactive,
}

impl EswitchMode {
    /// Its name, as `devlink` and the policy file write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Switchdev => "switchdev",
            Self::SwitchdevInactive => "switchdev_inactive",
        }
    }
}

impl std::fmt::Display for EswitchMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for EswitchMode {
    type Err = String;

    /// The two that a file may ask for.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "legacy" => Ok(Self::Legacy),
            "switchdev" => Ok(Self::Switchdev),
            _ => {
                let text: String = text.chars().take(64).collect();
                Err(format!("`{text}` is not `legacy` or `switchdev`"))
            }
        }
    }
}

/// How many VFs a card's firmware offers, as the card keeps it: what is in force from its next reset
/// on, and not always what it works with now (`sriov_totalvfs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareVfs {
    /// At most so many (`total_vfs`).
    pub total: u32,
    /// Is SR-IOV on (`enable_sriov`)? `None`: it cannot be off.
    pub enabled: Option<bool>,
}

impl FirmwareVfs {
    /// The parameters that say so (Documentation/networking/devlink/devlink-params.rst).
    pub const TOTAL: &'static str = "total_vfs";
    /// See [`Self::TOTAL`].
    pub const ENABLED: &'static str = "enable_sriov";
}

/// One change of what a card's firmware offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirmwareChange {
    /// SR-IOV on.
    Enable,
    /// At most so many VFs.
    Total(u16),
}

impl FirmwareChange {
    /// The parameter.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enable => FirmwareVfs::ENABLED,
            Self::Total(_) => FirmwareVfs::TOTAL,
        }
    }

    /// Its value.
    #[must_use]
    pub fn value(self) -> ParamValue {
        match self {
            Self::Enable => ParamValue::Bool(true),
            Self::Total(vfs) => ParamValue::Number(vfs.into()),
        }
    }

    /// Does it already hold?
    #[must_use]
    pub fn holds_in(self, firmware: FirmwareVfs) -> bool {
        match self {
            Self::Enable => firmware.enabled != Some(false),
            Self::Total(vfs) => firmware.total == u32::from(vfs),
        }
    }
}

/// One parameter's values; `None`: it has none of that kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Param {
    /// In force now.
    pub runtime: Option<ParamValue>,
    /// From the driver's next start on.
    pub driver_init: Option<ParamValue>,
    /// From the device's next reset on, kept by the device.
    pub permanent: Option<ParamValue>,
}

/// From when on a parameter's value is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParamTime {
    /// At once.
    Runtime,
    /// From the driver's next start on.
    DriverInit,
    /// From the device's next reset on, kept by the device.
    Permanent,
}

/// A parameter's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// A switch.
    Bool(bool),
    /// A number.
    Number(u32),
    /// A word.
    Text(String),
}

impl std::fmt::Display for ParamValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(on) => f.write_str(if *on { "on" } else { "off" }),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

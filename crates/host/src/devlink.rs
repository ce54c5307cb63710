//! What devlink says of a card as a whole.

use serde::{Deserialize, Serialize};

/// How a card's internal switch works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

//! The ports that devlink has for a card's VFs in switchdev mode: what the function behind each may
//! do, and how they share what the card sends (Documentation/networking/devlink/devlink-port.rst).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{BadValue, Mbps, Switch, VfAdmin, VfIndex};

/// A card's ports and the groups in which they share a rate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// The ports of VFs.
    pub vfs: BTreeMap<VfIndex, VfPort>,
    /// The groups, by name.
    pub groups: BTreeMap<String, Limits>,
}

/// The port of a VF.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VfPort {
    /// Its number on the device.
    pub index: u32,
    /// What its function may do; what the driver does not say is not there.
    pub capabilities: BTreeMap<Capability, Switch>,
    /// How many event queues for I/O its function has.
    pub max_io_eqs: Option<u32>,
    /// Its rates; `None` where the driver has none for it.
    pub limits: Option<Limits>,
    /// The group in which it shares one.
    pub group: Option<String>,
}

/// What one sends, or several together. devlink counts bytes a second; here it is Mbit/s as in a
/// VF's other settings, rounded up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Promised.
    pub min: Mbps,
    /// Not to be passed; 0: no limit.
    pub max: Mbps,
}

/// Something that the function behind a port may do or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// RDMA over Ethernet.
    Roce,
    /// To move to another host while it works.
    Migratable,
    /// To have the card encrypt for IPsec.
    IpsecCrypto,
    /// To have the card do IPsec whole.
    IpsecPacket,
}

/// How the port of a VF shall be. `None`, or not there: as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortPolicy {
    /// What its function may do.
    pub capabilities: BTreeMap<Capability, Switch>,
    /// How many event queues for I/O its function has.
    pub max_io_eqs: Option<u32>,
    /// In which group it shares a rate.
    pub group: Option<GroupChoice>,
}

/// A group of VFs that share a rate, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupChoice {
    /// It shares with nobody.
    None,
    /// The group of this name.
    Named(String),
}

/// One change of a VF's port: what one message carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PortChange {
    /// What its function may do.
    Capability(Capability, Switch),
    /// How many event queues for I/O its function has.
    MaxIoEqs(u32),
    /// Its own rates.
    Rate(Limits),
    /// In which group it is.
    Group(GroupChoice),
}

impl Capability {
    /// All of them, in the order of their bits (`DEVLINK_PORT_FN_ATTR_CAP_*`).
    pub const ALL: [Self; 4] = [Self::Roce, Self::Migratable, Self::IpsecCrypto, Self::IpsecPacket];

    /// Its name, as `devlink` and the policy file write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Roce => "roce",
            Self::Migratable => "migratable",
            Self::IpsecCrypto => "ipsec_crypto",
            Self::IpsecPacket => "ipsec_packet",
        }
    }
}

impl Limits {
    /// What a VF's settings ask for; what they leave open stays as in `now`.
    #[must_use]
    pub fn wanted(admin: &VfAdmin, now: Self) -> Self {
        Self { min: admin.min_rate.unwrap_or(now.min), max: admin.max_rate.unwrap_or(now.max) }
    }

    /// Is more promised than allowed?
    #[must_use]
    pub fn crossed(self) -> bool {
        self.max.value() != 0 && self.min > self.max
    }
}

impl std::fmt::Display for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::policy::rate_text(self.min, self.max))
    }
}

impl GroupChoice {
    /// The group that a VF is in.
    #[must_use]
    pub fn of(group: Option<&String>) -> Self {
        group.map_or(Self::None, |name| Self::Named(name.clone()))
    }

    /// The group's name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Named(name) => Some(name),
        }
    }
}

impl std::str::FromStr for GroupChoice {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        if text == "none" { Ok(Self::None) } else { group_name(text).map(Self::Named) }
    }
}

impl std::fmt::Display for GroupChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name().unwrap_or("none"))
    }
}

/// The name of a group. One of digits alone would be a port's number in devlink's own words.
///
/// # Errors
/// When it cannot be one.
pub fn group_name(text: &str) -> Result<String, BadValue> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let sound = (1..=63).contains(&text.len())
        && text.bytes().all(fits)
        && !text.bytes().all(|byte| byte.is_ascii_digit())
        && text != "none";
    if sound {
        Ok(text.to_owned())
    } else {
        Err(BadValue::new(
            text,
            "a group's name: up to 63 letters, digits, `_`, `-`, `.`, not digits alone",
        ))
    }
}

impl VfPort {
    /// The port of a VF that nobody ever touched. Not every driver starts its VFs so: read-back tells.
    #[must_use]
    pub fn untouched() -> Self {
        let on = |one| if one == Capability::Roce { Switch::On } else { Switch::Off };
        Self {
            capabilities: Capability::ALL.into_iter().map(|one| (one, on(one))).collect(),
            ..Self::default()
        }
    }
}

impl PortPolicy {
    /// This policy, and `other`'s where it says nothing.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let mut capabilities = other.capabilities.clone();
        capabilities.extend(&self.capabilities);
        Self {
            capabilities,
            max_io_eqs: self.max_io_eqs.or(other.max_io_eqs),
            group: self.group.clone().or_else(|| other.group.clone()),
        }
    }

    /// What a port has now.
    #[must_use]
    pub fn of(port: &VfPort) -> Self {
        Self {
            capabilities: port.capabilities.clone(),
            max_io_eqs: port.max_io_eqs,
            group: port.limits.is_some().then(|| GroupChoice::of(port.group.as_ref())),
        }
    }

    /// What it says, key by key, that no VF without a port can have.
    #[must_use]
    pub fn said(&self) -> Vec<&'static str> {
        let group = self.group.as_ref().and_then(GroupChoice::name);
        let own = [self.max_io_eqs.map(|_| "max_io_eqs"), group.map(|_| "rate_group")];
        self.capabilities.keys().map(|one| one.name()).chain(own.into_iter().flatten()).collect()
    }

    /// The changes of what the function behind the port may do, which no driver may have meanwhile.
    #[must_use]
    pub fn function_changes(&self, now: &VfPort) -> Vec<PortChange> {
        let other = |(one, to): (&Capability, &Switch)| {
            (now.capabilities.get(one) != Some(to)).then_some(PortChange::Capability(*one, *to))
        };
        let queues = self.max_io_eqs.filter(|queues| now.max_io_eqs != Some(*queues));
        let capabilities = self.capabilities.iter().filter_map(other);
        capabilities.chain(queues.map(PortChange::MaxIoEqs)).collect()
    }

    /// The changes of what it may send; the rates are those of the VF's other settings. First the
    /// group, as its own rates may only be sound there.
    #[must_use]
    pub fn rate_changes(&self, admin: &VfAdmin, now: &VfPort) -> Vec<PortChange> {
        let has = GroupChoice::of(now.group.as_ref());
        let group = self.group.clone().filter(|wanted| *wanted != has).map(PortChange::Group);
        let limits = now.limits.unwrap_or_default();
        let wanted = Limits::wanted(admin, limits);
        let rate = (wanted != limits).then_some(PortChange::Rate(wanted));
        group.into_iter().chain(rate).collect()
    }
}

impl PortChange {
    /// The setting's name, as the policy file writes it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Capability(one, _) => one.name(),
            Self::MaxIoEqs(_) => "max_io_eqs",
            Self::Rate(_) => "rate",
            Self::Group(_) => "rate_group",
        }
    }

    /// What the port has now, for people; `None` where the driver does not say.
    #[must_use]
    pub fn value_in(&self, port: &VfPort) -> Option<String> {
        match self {
            Self::Capability(one, _) => port.capabilities.get(one).map(ToString::to_string),
            Self::MaxIoEqs(_) => port.max_io_eqs.map(|queues| queues.to_string()),
            Self::Rate(_) => port.limits.map(|limits| limits.to_string()),
            Self::Group(_) => Some(GroupChoice::of(port.group.as_ref()).to_string()),
        }
    }
}

impl std::fmt::Display for PortChange {
    /// The value alone.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Capability(_, switch) => switch.fmt(f),
            Self::MaxIoEqs(queues) => queues.fmt(f),
            Self::Rate(limits) => limits.fmt(f),
            Self::Group(group) => group.fmt(f),
        }
    }
}

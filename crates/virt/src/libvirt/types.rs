//! What libvirt's objects are here.

use std::fmt;
use std::str::FromStr;

/// A domain or network's UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Uuid(pub [u8; 16]);

/// Why a text is no UUID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a UUID: 32 hex digits, with or without dashes")]
pub struct BadUuid(String);

impl FromStr for Uuid {
    type Err = BadUuid;

    fn from_str(text: &str) -> Result<Self, BadUuid> {
        let digits: String = text.chars().filter(|letter| *letter != '-').collect();
        let hex = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u128::from_str_radix(&digits, 16).ok().filter(|_| hex);
        number.map(|number| Self(number.to_be_bytes())).ok_or_else(|| BadUuid(text.into()))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A domain: a virtual machine that libvirt knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Its name, unique on this host.
    pub name: String,
    /// What stays the same when it is renamed.
    pub uuid: Uuid,
    /// Its number while it runs; `None`: it is only defined.
    pub id: Option<u32>,
}

/// What a domain does. `virDomainState` (include/libvirt/libvirt-domain.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainState {
    /// It runs, or waits for something of its own.
    Running,
    /// It is held still; its devices are still its own.
    Paused,
    /// It is on its way to being shut off.
    ShuttingDown,
    /// It does not run.
    ShutOff,
    /// It ended by itself.
    Crashed,
    /// Its guest sleeps.
    Suspended,
    /// None of these: libvirt's number.
    Other(i32),
}

impl DomainState {
    /// Whether a QEMU is there that may hold devices. A state that is not known counts as one.
    #[must_use]
    pub fn has_devices(self) -> bool {
        !matches!(self, Self::ShutOff | Self::Crashed)
    }
}

impl From<i32> for DomainState {
    fn from(number: i32) -> Self {
        match number {
            1 | 2 => Self::Running,
            3 => Self::Paused,
            4 => Self::ShuttingDown,
            5 => Self::ShutOff,
            6 => Self::Crashed,
            7 => Self::Suspended,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for DomainState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::ShuttingDown => "shutting down",
            Self::ShutOff => "shut off",
            Self::Crashed => "crashed",
            Self::Suspended => "suspended",
            Self::Other(number) => return write!(f, "state {number}"),
        })
    }
}

/// Which of a domain's two definitions a change is for. `virDomainModificationImpact`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affect {
    /// The machine that runs now.
    Live,
    /// What it will be from its next start on.
    Config,
    /// Both: libvirt saves the definition once the running machine has changed, or leaves it.
    Both,
}

impl Affect {
    /// `VIR_DOMAIN_AFFECT_LIVE` is 1, `VIR_DOMAIN_AFFECT_CONFIG` is 2.
    pub(super) fn flags(self) -> u32 {
        match self {
            Self::Live => 1,
            Self::Config => 2,
            Self::Both => 3,
        }
    }
}

/// Which of a domain's two definitions is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Definition {
    /// What runs now; of a domain that does not run, what it will be.
    Live,
    /// What it will be from its next start on; of a transient domain, what runs now.
    Inactive,
}

impl Definition {
    /// `VIR_DOMAIN_XML_INACTIVE` is 2. `VIR_DOMAIN_XML_SECURE` (1) is never asked for: no password
    /// comes to this program.
    pub(super) fn flags(self) -> u32 {
        match self {
            Self::Live => 0,
            Self::Inactive => 2,
        }
    }
}

/// A virtual network that libvirt knows; with `<forward mode='hostdev'>`, a pool of VFs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name, unique on this host.
    pub name: String,
    /// What stays the same.
    pub uuid: Uuid,
}

/// A version as libvirt counts it: `major * 1000000 + minor * 1000 + release`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0 / 1_000_000, self.0 / 1000 % 1000, self.0 % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_with_and_without_dashes() {
        let text = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0";
        let uuid: Uuid = text.parse().unwrap();
        assert_eq!(uuid.to_string(), text);
        assert_eq!(text.replace('-', "").parse(), Ok(uuid));
        for bad in ["", "MyGuest", "4dea22b3", "+dea22b31d52d8f32516782e98ab3fa0"] {
            assert_eq!(bad.parse::<Uuid>(), Err(BadUuid(bad.into())), "{bad}");
        }
    }

    #[test]
    fn versions_read_as_people_write_them() {
        assert_eq!(Version(9_000_000).to_string(), "9.0.0");
        assert_eq!(Version(11_003_001).to_string(), "11.3.1");
    }

    #[test]
    fn what_is_not_known_may_hold_devices() {
        assert!(DomainState::from(0).has_devices());
        assert!(DomainState::from(3).has_devices());
        assert!(!DomainState::from(5).has_devices());
    }
}

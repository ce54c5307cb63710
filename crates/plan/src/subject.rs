//! What a part of a policy is about.

use std::fmt;

use virtfn_pci::Address;

/// What a part of a policy is about, and what a run locks: the host itself comes first, since devices
/// may need what it has ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The host beside its devices.
    Host,
    /// A PF with its VFs, or a whole function.
    Device(Address),
}

impl Subject {
    /// The device, if it is one.
    #[must_use]
    pub const fn device(self) -> Option<Address> {
        match self {
            Self::Host => None,
            Self::Device(address) => Some(address),
        }
    }

    /// As people write it: `host`, `0b:00.0`.
    #[must_use]
    pub fn short(self) -> String {
        self.device().map_or_else(|| "host".into(), |device| device.short())
    }
}

impl fmt::Display for Subject {
    /// In full: `host`, `0000:0b:00.0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Device(address) => address.fmt(f),
        }
    }
}

impl From<Address> for Subject {
    fn from(address: Address) -> Self {
        Self::Device(address)
    }
}

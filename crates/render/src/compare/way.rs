//! The ways in which a guest gets at a device.

use serde::Serialize;

/// A way in which a guest gets at a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// The function itself, with VFIO.
    Whole,
    /// A virtual function of it, with VFIO.
    Vf,
    /// A virtio card on a macvtap interface above the host's own.
    Macvtap,
    /// A virtio card on a bridge with the host's interface in it, or a virtio disk on a drive.
    Virtio,
}

impl Way {
    /// All, in the order of the columns.
    pub const ALL: [Self; 4] = [Self::Whole, Self::Vf, Self::Macvtap, Self::Virtio];

    /// What heads its column.
    #[must_use]
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Whole => "whole device",
            Self::Vf => "VF",
            Self::Macvtap => "macvtap",
            Self::Virtio => "virtio",
        }
    }

    /// How it reads in a sentence: a device can go to guests …
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Vf => "as a VF",
            Self::Macvtap => "by macvtap",
            Self::Virtio => "by virtio",
        }
    }
}

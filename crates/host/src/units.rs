//! Numbers with a range and a meaning, checked once, where they come in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A value that is not what it should be, in the words of the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {wanted}")]
pub struct BadValue {
    text: String,
    wanted: &'static str,
}

impl BadValue {
    pub(crate) fn new(text: &str, wanted: &'static str) -> Self {
        Self { text: text.chars().take(64).collect(), wanted }
    }
}

/// Which VF of a PF, from 0; `virtfnN` in sysfs, `vf N` to `ip link`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VfIndex(pub u16);

impl fmt::Display for VfIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for VfIndex {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let bad = || BadValue::new(text, "a VF's index (0 to 65535)");
        digits(text).and_then(|n| u16::try_from(n).ok()).map(Self).ok_or_else(bad)
    }
}

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress([u8; 6]);

impl MacAddress {
    /// No address: what a VF has before anyone gave it one.
    pub const ZERO: Self = Self([0; 6]);

    /// The address with these octets, first on the wire first.
    #[must_use]
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// Its octets, first on the wire first.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// May an interface have it? Neither zero nor a group address (IEEE 802, I/G bit).
    #[must_use]
    pub const fn is_unicast(self) -> bool {
        self.0[0] & 1 == 0 && !self.is_zero()
    }

    /// Is it all zeros?
    #[must_use]
    pub const fn is_zero(self) -> bool {
        matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    /// A stable, locally administered unicast address for VF `index` of the PF that has this
    /// permanent address.
    ///
    /// FNV-1a over both, with its bits spread, so that two PFs of one card, whose addresses differ in the last bit, give
    /// addresses that share nothing. The same PF and index give the same address for ever: changing
    /// this function changes people's networks.
    #[must_use]
    pub fn derived(self, index: VfIndex) -> Self {
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        let input = self.0.into_iter().chain(index.0.to_be_bytes());
        let hash = input.fold(OFFSET, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(PRIME));
        let [_, _, a, b, c, d, e, f] = spread(hash).to_be_bytes();
        Self([(a | 2) & !1, b, c, d, e, f])
    }
}

/// Lets every bit of the input change half the bits of the output (the end of MurmurHash3).
const fn spread(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddress {
    type Err = BadValue;

    /// Takes six pairs of hex digits with `:` or `-` between them.
    fn from_str(text: &str) -> Result<Self, BadValue> {
        let bad =
            || BadValue::new(text, "a MAC address (six pairs of hex digits, 52:54:00:12:34:56)");
        let mut octets = [0; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts.next().filter(|part| part.len() == 2).ok_or_else(bad)?;
            if !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(bad());
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| bad())?;
        }
        if parts.next().is_some() {
            return Err(bad());
        }
        Ok(Self(octets))
    }
}

impl Serialize for MacAddress {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MacAddress {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An unsigned number with an upper bound, read from decimal digits.
macro_rules! bounded {
    ($(#[$doc:meta])* $name:ident($inner:ty), max $max:expr, $wanted:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name($inner);

        impl $name {
            /// The value, if it is in range.
            #[must_use]
            pub const fn new(value: $inner) -> Option<Self> {
                if value <= $max { Some(Self(value)) } else { None }
            }

            /// The number itself.
            #[must_use]
            pub const fn value(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = BadValue;

            fn from_str(text: &str) -> Result<Self, BadValue> {
                digits(text)
                    .and_then(|n| <$inner>::try_from(n).ok())
                    .and_then(Self::new)
                    .ok_or_else(|| BadValue::new(text, $wanted))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <$inner>::deserialize(deserializer)?;
                Self::new(value).ok_or_else(|| serde::de::Error::custom(concat!("not ", $wanted)))
            }
        }
    };
}

bounded!(
    /// A VLAN tag's number; 0 is none (IEEE 802.1Q: 4095 is reserved).
    VlanId(u16), max 4094, "a VLAN number (0 for none, else 1 to 4094)"
);
bounded!(
    /// The priority in a VLAN tag (PCP).
    Qos(u8), max 7, "a VLAN priority (0 to 7)"
);
bounded!(
    /// A rate in megabits a second; 0 is no limit.
    Mbps(u32), max u32::MAX, "a rate in Mbit/s (a whole number, 0 for no limit)"
);

bounded!(
    /// The largest packet that an interface takes, in bytes.
    Mtu(u32), max 65_535, "an MTU in bytes (up to 65535)"
);

fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

/// Words of a closed set, as the command line, JSON and the kernel's tools write them.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $wanted:expr, $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every word there is.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word,)+ })
            }
        }

        impl FromStr for $name {
            type Err = BadValue;

            fn from_str(text: &str) -> Result<Self, BadValue> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(BadValue::new(text, $wanted)),
                }
            }
        }
    };
}

words!(
    /// A switch that a driver may not have.
    Switch, "`on` or `off`",
    /// On.
    On = "on",
    /// Off.
    Off = "off",
);
words!(
    /// What the VF's link is tied to (`IFLA_VF_LINK_STATE`).
    LinkState, "`auto`, `enable` or `disable`",
    /// To the PF's own link.
    Auto = "auto",
    /// Always up, so that VFs reach each other without a cable.
    Enable = "enable",
    /// Always down.
    Disable = "disable",
);
words!(
    /// The tag that carries the VLAN number.
    VlanProto, "`802.1Q` or `802.1ad`",
    /// A customer tag, ethertype 8100.
    Dot1Q = "802.1Q",
    /// A service tag, ethertype 88a8.
    Dot1Ad = "802.1ad",
);

impl From<bool> for Switch {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mac_addresses_are_read_as_people_write_them() {
        let mac: MacAddress = "52:54:00:6d:90:02".parse().unwrap();
        assert_eq!("52-54-00-6D-90-02".parse(), Ok(mac));
        assert_eq!(mac.to_string(), "52:54:00:6d:90:02");
        for text in
            ["", "52:54:00:6d:90", "52:54:00:6d:90:02:00", "5254006d9002", "+2:54:00:6d:90:02"]
        {
            assert!(text.parse::<MacAddress>().is_err(), "{text}");
        }
        assert!(!"01:00:5e:00:00:01".parse::<MacAddress>().unwrap().is_unicast());
        assert!(!MacAddress::ZERO.is_unicast());
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert!("4094".parse::<VlanId>().is_ok());
        for text in ["4095", "-1", "+1", "", "1e1", "99999999999999999999"] {
            assert!(text.parse::<VlanId>().is_err(), "{text}");
        }
        assert!("8".parse::<Qos>().is_err());
        assert!("65536".parse::<VfIndex>().is_err());
    }

    /// These addresses are in people's networks: they may never change.
    #[test]
    fn derived_addresses_stay_what_they_were() {
        let pf: MacAddress = "52:54:00:12:34:56".parse().unwrap();
        let derived: Vec<_> = (0..3).map(|n| pf.derived(VfIndex(n)).to_string()).collect();
        assert_eq!(derived, DERIVED);
    }
    const DERIVED: [&str; 3] = ["fe:c2:32:1e:13:22", "0e:d4:18:f5:d6:df", "6a:1b:3b:3c:44:48"];

    proptest! {
        #[test]
        fn derived_addresses_are_local_and_unicast(octets: [u8; 6], index: u16) {
            let derived = MacAddress::new(octets).derived(VfIndex(index));
            prop_assert!(derived.is_unicast());
            prop_assert_eq!(derived.octets()[0] & 3, 2);
        }

        #[test]
        fn no_two_vfs_of_neighbouring_ports_share_an_address(octets: [u8; 6], a in 0u16..256, b in 0u16..256) {
            let mut neighbour = octets;
            neighbour[5] ^= 1;
            let (here, there) = (MacAddress::new(octets), MacAddress::new(neighbour));
            prop_assert_ne!(here.derived(VfIndex(a)), there.derived(VfIndex(b)));
            if a != b {
                prop_assert_ne!(here.derived(VfIndex(a)), here.derived(VfIndex(b)));
            }
        }
    }
}

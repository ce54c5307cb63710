//! Names of InfiniBand nodes and ports.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::BadValue;

/// An EUI-64 that names an InfiniBand node or port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(u64);

impl Guid {
    /// None: what a VF has before anyone gave it one.
    pub const ZERO: Self = Self(0);

    /// The GUID with this value, first octet highest.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// Its value, first octet highest.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Guid {
    /// As `ip link` writes it: eight pairs of hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets = self.0.to_be_bytes().map(|octet| format!("{octet:02x}"));
        f.write_str(&octets.join(":"))
    }
}

impl FromStr for Guid {
    type Err = BadValue;

    /// Takes eight pairs of hex digits with `:` between them.
    fn from_str(text: &str) -> Result<Self, BadValue> {
        let bad = || BadValue::new(text, "a GUID (eight pairs of hex digits with `:` between)");
        let mut value = 0;
        let mut pairs = 0;
        for pair in text.split(':') {
            let sound = pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
            let octet = u64::from_str_radix(pair, 16).ok().filter(|_| sound && pairs < 8);
            value = value << 8 | octet.ok_or_else(bad)?;
            pairs += 1;
        }
        if pairs == 8 { Ok(Self(value)) } else { Err(bad()) }
    }
}

impl Serialize for Guid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Guid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_are_read_as_ip_writes_them() {
        let guid: Guid = "00:11:22:33:44:55:66:77".parse().unwrap();
        assert_eq!(guid.value(), 0x0011_2233_4455_6677);
        assert_eq!(guid.to_string(), "00:11:22:33:44:55:66:77");
        for text in
            ["", "00:11:22:33:44:55:66", "00:11:22:33:44:55:66:77:88", "0:11:22:33:44:55:66:77"]
        {
            assert!(text.parse::<Guid>().is_err(), "{text}");
        }
    }
}

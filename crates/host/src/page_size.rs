//! Sizes of huge pages.

use std::fmt;
use std::str::FromStr;

use crate::BadValue;

/// The size of a huge page; the kernel names them in KiB (`hugepages-2048kB`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSize(u64);

const UNITS: [(char, u64); 3] = [('G', 1 << 20), ('M', 1 << 10), ('K', 1)];

impl PageSize {
    /// The size of so many KiB.
    #[must_use]
    pub const fn of_kib(kib: u64) -> Self {
        Self(kib)
    }

    /// The size in KiB.
    #[must_use]
    pub const fn kib(self) -> u64 {
        self.0
    }
}

impl fmt::Display for PageSize {
    /// In the largest unit that leaves no rest: `2M`, `1G`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, kib): &&(char, u64)| self.0.is_multiple_of(*kib);
        let (unit, kib) = UNITS.iter().find(fits).copied().unwrap_or(('K', 1));
        write!(f, "{}{unit}", self.0 / kib)
    }
}

impl FromStr for PageSize {
    type Err = BadValue;

    /// A number and a unit: `2M`, `2048K`, `1G`.
    fn from_str(text: &str) -> Result<Self, BadValue> {
        let bad = || BadValue::new(text, "a size of huge pages (2M, 1G)");
        let parts = UNITS.iter().find_map(|(unit, kib)| Some((text.strip_suffix(*unit)?, *kib)));
        let (number, kib) = parts.ok_or_else(bad)?;
        let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: Option<u64> = number.parse().ok().filter(|number| plain && *number > 0);
        number.and_then(|number| number.checked_mul(kib)).map(Self).ok_or_else(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, kib) in [("2M", 2048), ("2048K", 2048), ("1G", 1 << 20), ("512M", 512 << 10)] {
            assert_eq!(text.parse(), Ok(PageSize::of_kib(kib)), "{text}");
        }
        assert_eq!(PageSize::of_kib(2048).to_string(), "2M");
        for text in ["", "2", "M", "-2M", "+2M", "0M", "2T", "99999999999999999999G"] {
            assert!(text.parse::<PageSize>().is_err(), "{text}");
        }
    }
}

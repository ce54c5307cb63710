//! Whose rules a view follows.

use std::fmt;

/// Whose rules a view follows; what differs between them is which capabilities are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Linux 6.1: designated vendor specific capabilities are left out of the guest's list.
    Linux6_1,
    /// Linux 6.12: they are listed (6.4 on).
    Linux6_12,
}

impl Rules {
    /// The rules of a kernel by its release (`6.12.9-amd64`); the newest ones for a release that
    /// cannot be read. Distributions carry changes from one kernel to another.
    #[must_use]
    pub fn of(release: &str) -> Self {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) if (major, minor) < (6, 4) => Self::Linux6_1,
            _ => Self::Linux6_12,
        }
    }

    pub(super) const fn lists_dvsec(self) -> bool {
        matches!(self, Self::Linux6_12)
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linux6_1 => "Linux 6.1",
            Self::Linux6_12 => "Linux 6.12",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_says_whose_rules_hold() {
        for (release, rules) in [
            ("6.1.0-56-amd64", Rules::Linux6_1),
            ("6.3.13", Rules::Linux6_1),
            ("5.14.0-503.el9", Rules::Linux6_1),
            ("6.4.0", Rules::Linux6_12),
            ("6.12.117+deb12-amd64", Rules::Linux6_12),
            ("7.3.4", Rules::Linux6_12),
            ("mainline", Rules::Linux6_12),
            ("", Rules::Linux6_12),
            ("99999999999.1", Rules::Linux6_12),
        ] {
            assert_eq!(Rules::of(release), rules, "{release}");
        }
    }
}

//! What a machine shall be ready for.

use std::fmt;
use std::str::FromStr;

/// A set of uses that a function can be put to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Uses(u8);

/// A word that is no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a use; there are vm, dpdk and container")]
pub struct UnknownUse(String);

impl Uses {
    /// Handing a function to a virtual machine.
    pub const VM: Self = Self(1);
    /// A user-space driver on the host.
    pub const DPDK: Self = Self(1 << 1);
    /// The network interface of a VF in a container.
    pub const CONTAINER: Self = Self(1 << 2);
    /// All of them.
    pub const ALL: Self = Self(0b111);

    const WORDS: [(&'static str, Self); 3] =
        [("vm", Self::VM), ("dpdk", Self::DPDK), ("container", Self::CONTAINER)];

    /// These uses and those of `other`.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Have the two sets a use in common?
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The uses by the words that the command line takes.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS.into_iter().filter(move |(_, one)| self.overlaps(*one)).map(|(word, _)| word)
    }
}

impl FromStr for Uses {
    type Err = UnknownUse;

    fn from_str(text: &str) -> Result<Self, UnknownUse> {
        let found = Self::WORDS.into_iter().find(|(word, _)| *word == text);
        found.map(|(_, one)| one).ok_or_else(|| UnknownUse(text.chars().take(64).collect()))
    }
}

impl fmt::Debug for Uses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.words()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for word in Uses::ALL.words() {
            assert_eq!(word.parse::<Uses>().unwrap().words().collect::<Vec<_>>(), [word]);
        }
        assert!("VM".parse::<Uses>().is_err());
        assert!(!Uses::VM.overlaps(Uses::DPDK.and(Uses::CONTAINER)));
    }
}

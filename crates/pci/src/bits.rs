//! Registers taken apart: bit fields as numbers, single bits as named flags.

/// The `width` bits of `value` from bit `low` on; `width` is 8 at most.
pub(crate) const fn field8(value: u32, low: u32, width: u32) -> u8 {
    ((value >> low) & ((1 << width) - 1)).to_le_bytes()[0]
}

/// The `width` bits of `value` from bit `low` on; `width` is 16 at most.
pub(crate) const fn field16(value: u32, low: u32, width: u32) -> u16 {
    let bytes = ((value >> low) & ((1 << width) - 1)).to_le_bytes();
    u16::from_le_bytes([bytes[0], bytes[1]])
}

/// Makes a set of named bits of one register.
///
/// Only named bits are kept, so that a set says nothing about the numbers that share its register.
macro_rules! flags {
    ($(#[$meta:meta])* $name:ident: $int:ty {
        $( $flag:ident = $bit:literal, $text:literal, $doc:literal; )+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $name($int);

        impl $name {
            $( #[doc = $doc] pub const $flag: Self = Self(1 << $bit); )+

            /// Every flag with the name it has in print, lowest bit first.
            pub const NAMED: &'static [(&'static str, Self)] = &[$(($text, Self::$flag)),+];

            /// The named bits of a register's value; the others are dropped.
            #[must_use]
            pub const fn of(register: $int) -> Self {
                Self(register & (0 $(| (1 << $bit))+))
            }

            /// The bits as they stand in the register.
            #[must_use]
            pub const fn bits(self) -> $int {
                self.0
            }

            /// Whether every flag of `wanted` is set here.
            #[must_use]
            pub const fn has(self, wanted: Self) -> bool {
                self.0 & wanted.0 == wanted.0
            }

            /// These flags and those of `other`.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// These flags less those of `other`.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// The flags set both here and in `other`.
            #[must_use]
            pub const fn common(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }

            /// Whether no flag is set.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// The names of the flags that are set, lowest bit first.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                Self::NAMED.iter().filter(move |(_, flag)| self.has(*flag)).map(|(name, _)| *name)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_set().entries(self.names()).finish()
            }
        }

        impl serde::Serialize for $name {
            /// A list of names.
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.names())
            }
        }
    };
}

pub(crate) use flags;

//! XDR (RFC 4506), as far as libvirt's messages use it: four-byte big-endian units.
//!
//! Nothing is allocated from a length that a message only claims, and every length has a limit.

mod decode;
mod encode;

pub use decode::Decoder;
pub use encode::Encoder;

/// `REMOTE_STRING_MAX` (src/remote/remote_protocol.x): the longest string either side takes, in
/// bytes.
pub const STRING_MAX: usize = 4 << 20;

/// Why bytes are no such value, or a value does not fit in bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XdrError {
    /// The message ends before the value does.
    #[error("{what}: {missing} more bytes expected")]
    Short {
        /// The value.
        what: &'static str,
        /// How many bytes are not there.
        missing: usize,
    },
    /// Longer than either side takes.
    #[error("{what}: length {length} is over the limit of {limit}")]
    TooLong {
        /// The value.
        what: &'static str,
        /// Its length, in bytes or elements.
        length: usize,
        /// The longest that is allowed.
        limit: usize,
    },
    /// A text that is not UTF-8.
    #[error("{what}: not UTF-8")]
    NotUtf8 {
        /// The value.
        what: &'static str,
    },
    /// A number that the protocol does not have there.
    #[error("{what}: {number} is no such value")]
    Unknown {
        /// The value.
        what: &'static str,
        /// What was there.
        number: i64,
    },
}

/// How many bytes fill `length` up to a whole unit.
fn padding(length: usize) -> usize {
    length.wrapping_neg() % 4
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_standard() {
        let bytes = Encoder::default()
            .u32(1)
            .i32(-1)
            .u64(0x0102_0304_0506_0708)
            .bool(true)
            .string("sillyprog")
            .fixed(&[7; 16])
            .into_bytes()
            .unwrap();
        #[rustfmt::skip]
        assert_eq!(bytes, [
            0, 0, 0, 1,  255, 255, 255, 255,  1, 2, 3, 4, 5, 6, 7, 8,  0, 0, 0, 1,
            0, 0, 0, 9, b's', b'i', b'l', b'l', b'y', b'p', b'r', b'o', b'g', 0, 0, 0,
            7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
        ]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number: i32, wide: u64, text: String, list: Vec<u32>, given: Option<String>) {
            let bytes = Encoder::default()
                .i32(number)
                .u64(wide)
                .string(&text)
                .array(&list, |encoder, element| encoder.u32(*element))
                .optional(given.as_deref(), |encoder, text| encoder.string(text))
                .into_bytes()
                .unwrap();
            let mut decoder = Decoder::of(&bytes);
            prop_assert_eq!(decoder.i32("number").unwrap(), number);
            prop_assert_eq!(decoder.u64("wide").unwrap(), wide);
            prop_assert_eq!(decoder.string("text").unwrap(), text);
            prop_assert_eq!(decoder.array("list", 1 << 16, |d| d.u32("element")).unwrap(), list);
            prop_assert_eq!(decoder.optional("given", |d| d.string("given")).unwrap(), given);
            prop_assert_eq!(decoder.left(), 0);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let mut decoder = Decoder::of(&bytes);
            let _ = decoder.optional("a", |d| d.string("a"));
            let _ = decoder.array("b", 16, |d| d.string("b"));
            let _ = decoder.fixed::<16>("c");
            let _ = decoder.bool("d");
        }
    }

    #[test]
    fn a_claimed_length_is_held_to_its_limit() {
        let hostile = [0xff; 8];
        let too_long = Decoder::of(&hostile).string("name");
        assert_eq!(
            too_long,
            Err(XdrError::TooLong { what: "name", length: 0xffff_ffff, limit: STRING_MAX })
        );
        let too_many = Decoder::of(&hostile).array("list", 20, |d| d.u32("element"));
        assert_eq!(
            too_many,
            Err(XdrError::TooLong { what: "list", length: 0xffff_ffff, limit: 20 })
        );
        let long = "x".repeat(STRING_MAX + 1);
        assert_eq!(
            Encoder::default().string(&long).u32(1).into_bytes(),
            Err(XdrError::TooLong { what: "string", length: STRING_MAX + 1, limit: STRING_MAX })
        );
    }

    #[test]
    fn what_is_not_there_is_said() {
        let missing = |bytes: &[u8]| Decoder::of(bytes).string("name").unwrap_err();
        assert_eq!(missing(&[0, 0]), XdrError::Short { what: "name", missing: 2 });
        // The padding is part of the value.
        assert_eq!(
            missing(&[0, 0, 0, 2, b'a', b'b']),
            XdrError::Short { what: "name", missing: 2 }
        );
        assert_eq!(
            missing(&[0, 0, 0, 4, b'a', 0xff, b'c', b'd']),
            XdrError::NotUtf8 { what: "name" }
        );
        assert_eq!(
            Decoder::of(&[0, 0, 0, 2]).bool("given"),
            Err(XdrError::Unknown { what: "given", number: 2 })
        );
    }

    #[test]
    fn words_that_are_not_utf_8_still_reach_the_reader() {
        let bytes = [0, 0, 0, 3, b'f', 0xfc, b'r', 0];
        assert_eq!(Decoder::of(&bytes).text("message").unwrap(), "f\u{fffd}r");
    }
}

//! Bytes into values.

use super::{STRING_MAX, XdrError, padding};

/// Bytes that are read as one value after the other. `what` names a value in an error.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// Reads from the first of `bytes` on.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// How many bytes were not read.
    #[must_use]
    pub fn left(&self) -> usize {
        self.bytes.len()
    }

    /// Everything that was not read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// An unsigned integer.
    ///
    /// # Errors
    /// When the bytes end before.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, XdrError> {
        self.fixed(what).map(u32::from_be_bytes)
    }

    /// An integer, or an enumeration's number.
    ///
    /// # Errors
    /// When the bytes end before.
    pub fn i32(&mut self, what: &'static str) -> Result<i32, XdrError> {
        self.fixed(what).map(i32::from_be_bytes)
    }

    /// An unsigned hyper.
    ///
    /// # Errors
    /// When the bytes end before.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, XdrError> {
        self.fixed(what).map(u64::from_be_bytes)
    }

    /// A boolean.
    ///
    /// # Errors
    /// When the bytes end before, or it is neither 0 nor 1.
    pub fn bool(&mut self, what: &'static str) -> Result<bool, XdrError> {
        match self.u32(what)? {
            0 => Ok(false),
            1 => Ok(true),
            number => Err(XdrError::Unknown { what, number: i64::from(number) }),
        }
    }

    /// A string of at most [`STRING_MAX`] bytes.
    ///
    /// # Errors
    /// When the bytes end before, it is longer, or is not UTF-8.
    pub fn string(&mut self, what: &'static str) -> Result<String, XdrError> {
        let bytes = self.counted(what)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| XdrError::NotUtf8 { what })
    }

    /// The same for words that are only shown: what is not UTF-8 in them is replaced.
    ///
    /// # Errors
    /// When the bytes end before, or it is longer.
    pub fn text(&mut self, what: &'static str) -> Result<String, XdrError> {
        self.counted(what).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Bytes whose number both sides know: a UUID.
    ///
    /// # Errors
    /// When the bytes end before.
    pub fn fixed<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], XdrError> {
        let (value, _) =
            self.take(N, what)?.split_first_chunk().ok_or(XdrError::Short { what, missing: N })?;
        Ok(*value)
    }

    /// A value that may be absent.
    ///
    /// # Errors
    /// When the bytes end before, or `read` fails.
    pub fn optional<T>(
        &mut self,
        what: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, XdrError>,
    ) -> Result<Option<T>, XdrError> {
        if self.bool(what)? { read(self).map(Some) } else { Ok(None) }
    }

    /// A list of at most `limit` elements.
    ///
    /// # Errors
    /// When the bytes end before, it is longer, or `read` fails.
    pub fn array<T>(
        &mut self,
        what: &'static str,
        limit: usize,
        read: impl Fn(&mut Self) -> Result<T, XdrError>,
    ) -> Result<Vec<T>, XdrError> {
        let count = self.length(what, limit)?;
        (0..count).map(|_| read(self)).collect()
    }

    fn counted(&mut self, what: &'static str) -> Result<&'a [u8], XdrError> {
        let length = self.length(what, STRING_MAX)?;
        self.take(length, what)
    }

    fn length(&mut self, what: &'static str, limit: usize) -> Result<usize, XdrError> {
        let length = usize::try_from(self.u32(what)?).unwrap_or(usize::MAX);
        if length > limit {
            return Err(XdrError::TooLong { what, length, limit });
        }
        Ok(length)
    }

    /// The next `count` bytes; their padding is read too.
    fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], XdrError> {
        let whole = count + padding(count);
        let short = XdrError::Short { what, missing: whole.saturating_sub(self.bytes.len()) };
        let (taken, rest) = self.bytes.split_at_checked(whole).ok_or(short)?;
        self.bytes = rest;
        Ok(&taken[..count])
    }
}

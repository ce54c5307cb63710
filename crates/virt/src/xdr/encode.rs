//! Values into bytes.

use super::{STRING_MAX, XdrError, padding};

/// Bytes that grow by one value after the other.
///
/// The first value that does not fit is kept as the error of the whole.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
    fault: Option<XdrError>,
}

impl Encoder {
    /// An unsigned integer.
    #[must_use]
    pub fn u32(mut self, number: u32) -> Self {
        self.bytes.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// An integer, or an enumeration's number.
    #[must_use]
    pub fn i32(mut self, number: i32) -> Self {
        self.bytes.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// An unsigned hyper.
    #[must_use]
    pub fn u64(mut self, number: u64) -> Self {
        self.bytes.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// A boolean.
    #[must_use]
    pub fn bool(self, truth: bool) -> Self {
        self.u32(u32::from(truth))
    }

    /// A string of at most [`STRING_MAX`] bytes.
    #[must_use]
    pub fn string(mut self, text: &str) -> Self {
        let length = text.len();
        match u32::try_from(length) {
            Ok(units) if length <= STRING_MAX => self.u32(units).fixed(text.as_bytes()),
            _ => {
                let fault = XdrError::TooLong { what: "string", length, limit: STRING_MAX };
                self.fault.get_or_insert(fault);
                self
            }
        }
    }

    /// Bytes whose number both sides know: a UUID.
    #[must_use]
    pub fn fixed(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len() + padding(bytes.len()), 0);
        self
    }

    /// A value that may be absent.
    #[must_use]
    pub fn optional<T: ?Sized>(
        self,
        value: Option<&T>,
        write: impl FnOnce(Self, &T) -> Self,
    ) -> Self {
        match value {
            Some(value) => write(self.bool(true), value),
            None => self.bool(false),
        }
    }

    /// A list, its length first.
    #[must_use]
    pub fn array<T>(mut self, elements: &[T], write: impl Fn(Self, &T) -> Self) -> Self {
        let Ok(count) = u32::try_from(elements.len()) else {
            let fault =
                XdrError::TooLong { what: "list", length: elements.len(), limit: STRING_MAX };
            self.fault.get_or_insert(fault);
            return self;
        };
        elements.iter().fold(self.u32(count), write)
    }

    /// The bytes.
    ///
    /// # Errors
    /// With the first value that did not fit.
    pub fn into_bytes(self) -> Result<Vec<u8>, XdrError> {
        self.fault.map_or(Ok(self.bytes), Err)
    }
}

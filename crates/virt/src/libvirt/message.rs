//! Messages on the wire: a length, a header, and what the procedure says.
//!
//! All of it is `src/rpc/virnetprotocol.x`.

use crate::xdr::{Decoder, Encoder, XdrError};

use super::procedure::Procedure;

/// `VIR_NET_MESSAGE_MAX`: the longest message either side takes, in bytes.
pub const MESSAGE_MAX: usize = 32 << 20;
/// `VIR_NET_MESSAGE_LEN_MAX`: the length in front of the header.
const LENGTH_BYTES: usize = 4;
/// `VIR_NET_MESSAGE_HEADER_MAX`.
const HEADER_BYTES: usize = 24;
/// `REMOTE_PROGRAM` (src/remote/remote_protocol.x).
pub(super) const REMOTE_PROGRAM: u32 = 0x2000_8086;
/// `REMOTE_PROTOCOL_VERSION`.
const REMOTE_VERSION: u32 = 1;

/// `virNetMessageType`, as far as it comes to a client that sends no files and opens no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `VIR_NET_CALL`: from us alone.
    Call,
    /// `VIR_NET_REPLY`: the answer to the call of the same serial number.
    Reply,
    /// `VIR_NET_MESSAGE`: an event.
    Event,
    /// Any other.
    Other(i32),
}

/// `virNetMessageStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// `VIR_NET_OK`.
    Ok,
    /// `VIR_NET_ERROR`: an error follows instead of the answer.
    Error,
    /// Any other.
    Other(i32),
}

/// `struct virNetMessageHeader`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which program of the daemon; libvirt's drivers are one.
    pub program: u32,
    /// Which procedure, or which event.
    pub procedure: i32,
    /// What it is.
    pub kind: Kind,
    /// The call that a reply is for.
    pub serial: u32,
    /// Whether an answer or an error follows.
    pub status: Status,
}

impl Header {
    /// Reads a message without its length; what follows the header stays in `decoder`.
    ///
    /// # Errors
    /// When the bytes end before.
    pub fn read(decoder: &mut Decoder<'_>) -> Result<Self, XdrError> {
        let program = decoder.u32("program")?;
        let _version = decoder.u32("version")?;
        Ok(Self {
            program,
            procedure: decoder.i32("procedure")?,
            kind: match decoder.i32("type")? {
                0 => Kind::Call,
                1 => Kind::Reply,
                2 => Kind::Event,
                other => Kind::Other(other),
            },
            serial: decoder.u32("serial")?,
            status: match decoder.i32("status")? {
                0 => Status::Ok,
                1 => Status::Error,
                other => Status::Other(other),
            },
        })
    }
}

/// The length of the first message in `bytes`, length field included; `None` while it is not all
/// there.
///
/// # Errors
/// When the length is none that a message can have.
pub fn split(bytes: &[u8]) -> Result<Option<usize>, XdrError> {
    let Some((length, _)) = bytes.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = u32::from_be_bytes(*length);
    let limit = MESSAGE_MAX + LENGTH_BYTES;
    match usize::try_from(length) {
        Ok(whole) if whole < LENGTH_BYTES + HEADER_BYTES => {
            Err(XdrError::Unknown { what: "message length", number: i64::from(length) })
        }
        Ok(whole) if whole <= limit => Ok((bytes.len() >= whole).then_some(whole)),
        _ => Err(XdrError::TooLong { what: "message", length: length as usize, limit }),
    }
}

/// A call, ready to send.
///
/// # Errors
/// When an argument does not fit.
pub(super) fn call(
    procedure: Procedure,
    serial: u32,
    arguments: Encoder,
) -> Result<Vec<u8>, XdrError> {
    message(Kind::Call, procedure.number(), serial, Status::Ok, arguments)
}

/// Any message of libvirt's own program.
pub(super) fn message(
    kind: Kind,
    procedure: i32,
    serial: u32,
    status: Status,
    body: Encoder,
) -> Result<Vec<u8>, XdrError> {
    let kind = match kind {
        Kind::Call => 0,
        Kind::Reply => 1,
        Kind::Event => 2,
        Kind::Other(number) => number,
    };
    let status = match status {
        Status::Ok => 0,
        Status::Error => 1,
        Status::Other(number) => number,
    };
    let body = body.into_bytes()?;
    let whole = LENGTH_BYTES + HEADER_BYTES + body.len();
    let limit = MESSAGE_MAX + LENGTH_BYTES;
    let too_long = XdrError::TooLong { what: "message", length: whole, limit };
    let length = u32::try_from(whole).ok().filter(|_| whole <= limit).ok_or(too_long)?;
    Encoder::default()
        .u32(length)
        .u32(REMOTE_PROGRAM)
        .u32(REMOTE_VERSION)
        .i32(procedure)
        .i32(kind)
        .u32(serial)
        .i32(status)
        .fixed(&body)
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_the_bytes_that_libvirt_expects() {
        let bytes = call(Procedure::AuthList, 1, Encoder::default()).unwrap();
        #[rustfmt::skip]
        assert_eq!(bytes, [
            0, 0, 0, 28,  0x20, 0, 0x80, 0x86,  0, 0, 0, 1,  0, 0, 0, 66,
            0, 0, 0, 0,   0, 0, 0, 1,  0, 0, 0, 0,
        ]);
        assert_eq!(split(&bytes), Ok(Some(28)));
        assert_eq!(split(&bytes[..27]), Ok(None));
        let header = Header::read(&mut Decoder::of(&bytes[4..])).unwrap();
        let expected = Header {
            program: REMOTE_PROGRAM,
            procedure: 66,
            kind: Kind::Call,
            serial: 1,
            status: Status::Ok,
        };
        assert_eq!(header, expected);
    }

    #[test]
    fn lengths_that_no_message_has_are_refused() {
        for length in [0u32, 3, 27, (32 << 20) + 5, u32::MAX] {
            assert!(split(&length.to_be_bytes()).is_err(), "{length}");
        }
        assert_eq!(split(&(32u32 << 20).to_be_bytes()), Ok(None));
        assert_eq!(split(&[0, 0]), Ok(None));
    }
}

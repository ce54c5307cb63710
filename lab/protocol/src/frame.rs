//! The bytes of one message.

use std::io::{self, Read, Write};

use crate::JobId;

/// The longest body that either side sends or accepts, in bytes.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// Length (4 bytes), job (4 bytes), kind (1 byte); numbers are little-endian.
const HEADER_BYTES: usize = 9;

/// One message as it travels: a little-endian `u32` body length, a little-endian `u32` job, one
/// byte that says the kind, and the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The job that this message is about.
    pub job: JobId,
    /// What the body means; each direction has its own kinds.
    pub kind: u8,
    /// JSON or plain bytes, as the kind says.
    pub body: Vec<u8>,
}

/// Why a frame could not be sent, received or understood.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The port failed or was closed in the middle of a frame.
    #[error("the lab's port: {0}")]
    Port(#[from] io::Error),
    /// The other side announced more than [`MAX_BODY_BYTES`].
    #[error("the lab's port: a body of {bytes} bytes, more than {MAX_BODY_BYTES}")]
    TooLong {
        /// The announced length, in bytes.
        bytes: usize,
    },
    /// The kind is not one that this direction knows.
    #[error("the lab's port: unknown message kind {kind}")]
    UnknownKind {
        /// The kind byte.
        kind: u8,
    },
    /// The body is not the JSON that its kind calls for.
    #[error("the lab's port: a message's body is not what its kind says: {0}")]
    Body(#[from] serde_json::Error),
}

impl Frame {
    /// Reads the next frame; `None` when the port was closed between two frames.
    ///
    /// # Errors
    /// When the port fails, closes inside a frame, or announces an overlong body.
    pub fn read_from(port: &mut impl Read) -> Result<Option<Self>, FrameError> {
        let mut header = [0; HEADER_BYTES];
        if port.read(&mut header[..1])? == 0 {
            return Ok(None);
        }
        port.read_exact(&mut header[1..])?;
        let [l0, l1, l2, l3, j0, j1, j2, j3, kind] = header;
        let bytes = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
        if bytes > MAX_BODY_BYTES {
            return Err(FrameError::TooLong { bytes });
        }
        let mut body = vec![0; bytes];
        port.read_exact(&mut body)?;
        Ok(Some(Self { job: JobId(u32::from_le_bytes([j0, j1, j2, j3])), kind, body }))
    }

    /// Writes the frame as one write, so that frames of several threads do not mix under a lock.
    ///
    /// # Errors
    /// When the port fails, or the body is longer than [`MAX_BODY_BYTES`].
    pub fn write_to(&self, port: &mut impl Write) -> Result<(), FrameError> {
        let bytes = self.body.len();
        let length = u32::try_from(bytes).map_err(|_| FrameError::TooLong { bytes })?;
        if bytes > MAX_BODY_BYTES {
            return Err(FrameError::TooLong { bytes });
        }
        let mut wire = Vec::with_capacity(HEADER_BYTES + bytes);
        wire.extend_from_slice(&length.to_le_bytes());
        wire.extend_from_slice(&self.job.0.to_le_bytes());
        wire.push(self.kind);
        wire.extend_from_slice(&self.body);
        port.write_all(&wire)?;
        Ok(port.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(body: &[u8]) -> Frame {
        Frame { job: JobId(7), kind: 3, body: body.to_vec() }
    }

    #[test]
    fn frames_come_back_in_order() {
        let mut wire = Vec::new();
        frame(b"one").write_to(&mut wire).unwrap();
        frame(b"").write_to(&mut wire).unwrap();
        let mut port = wire.as_slice();
        assert_eq!(Frame::read_from(&mut port).unwrap(), Some(frame(b"one")));
        assert_eq!(Frame::read_from(&mut port).unwrap(), Some(frame(b"")));
        assert_eq!(Frame::read_from(&mut port).unwrap(), None);
    }

    #[test]
    fn an_overlong_announcement_is_refused_before_memory_is_taken() {
        let wire = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0];
        let refusal = Frame::read_from(&mut wire.as_slice()).unwrap_err();
        assert!(matches!(refusal, FrameError::TooLong { .. }), "{refusal}");
    }

    #[test]
    fn a_frame_cut_anywhere_is_an_error() {
        let mut wire = Vec::new();
        frame(b"whole").write_to(&mut wire).unwrap();
        for cut in 1..wire.len() {
            assert!(Frame::read_from(&mut &wire[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn an_overlong_body_is_not_sent() {
        let mut wire = Vec::new();
        assert!(frame(&vec![0; MAX_BODY_BYTES + 1]).write_to(&mut wire).is_err());
        assert!(wire.is_empty());
    }
}

//! One rtnetlink socket: a request, and every part of its answer.

use std::time::{Duration, Instant};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_REQUEST, NetlinkBuffer, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
    NlasIterator,
};
use netlink_sys::protocols::{NETLINK_GENERIC, NETLINK_ROUTE};
use netlink_sys::{Socket, SocketAddr};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::Message;

/// The kernel answers at once unless something sits on its RTNL lock.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// `NLMSGERR_ATTR_MSG` (include/uapi/linux/netlink.h): the kernel's own words for an error.
const NLMSGERR_ATTR_MSG: u16 = 1;
/// `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;
/// `NLMSG_ERROR`: a refusal, or the acknowledgement.
const NLMSG_ERROR: u16 = 2;
/// `NLMSG_DONE`: a list's end.
const NLMSG_DONE: u16 = 3;
/// `NLMSG_MIN_TYPE`: below are netlink's own messages.
const FIRST_OF_FAMILIES: u16 = 16;
/// `NLM_F_ACK_TLVS`: attributes follow the error.
const NLM_F_ACK_TLVS: u16 = 0x200;
/// `NLM_F_DUMP_INTR`: the list changed while it was made.
const NLM_F_DUMP_INTR: u16 = 0x10;

/// Why an exchange over netlink failed.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The socket itself.
    #[error("netlink: {doing}")]
    Socket {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The kernel refused; its own words follow where it gave any.
    #[error("{}{}", std::io::Error::from_raw_os_error(*errno), quoted(text.as_deref()))]
    Refused {
        /// The error's number.
        errno: i32,
        /// The extended acknowledgement's text.
        text: Option<String>,
    },
    /// No answer within the limit.
    #[error("the kernel gave no answer for {} s: its network configuration lock is held", ANSWER_LIMIT.as_secs())]
    TimedOut,
    /// An answer that cannot be understood.
    #[error("netlink: an answer that cannot be understood: {0}")]
    Malformed(String),
}

fn quoted(text: Option<&str>) -> String {
    text.map(|text| format!(" (kernel: \"{text}\")")).unwrap_or_default()
}

impl NetlinkError {
    /// The error's number, if the kernel refused.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused { errno, .. } => Some(Errno::from_raw_os_error(*errno)),
            _ => None,
        }
    }
}

/// One message of an answer.
#[derive(Debug)]
pub struct Answer {
    /// What it says.
    pub message: Message,
    /// Its bytes, header included.
    pub bytes: Vec<u8>,
}

/// An rtnetlink socket in this thread's network namespace.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// Opens it, and asks the kernel for its words with every refusal.
    ///
    /// # Errors
    /// When the kernel has no rtnetlink for this process.
    pub fn open() -> Result<Self, NetlinkError> {
        Self::over(NETLINK_ROUTE)
    }

    /// The same for generic netlink, whose messages are bytes to this file.
    pub(super) fn open_generic() -> Result<Self, NetlinkError> {
        Self::over(NETLINK_GENERIC)
    }

    fn over(protocol: isize) -> Result<Self, NetlinkError> {
        let failed = |doing| move |source| NetlinkError::Socket { doing, source };
        let mut socket = Socket::new(protocol).map_err(failed("open"))?;
        socket.bind_auto().map_err(failed("bind"))?;
        socket.connect(&SocketAddr::new(0, 0)).map_err(failed("connect"))?;
        // Kernels before 4.12 know neither option and do without.
        let _ = socket.set_ext_ack(true);
        let _ = socket.set_cap_ack(true);
        Ok(Self { socket, sequence: 0 })
    }

    /// Sends one message and gathers every message of the answer.
    ///
    /// # Errors
    /// When the kernel refuses, is silent, or cannot be understood.
    pub fn request(&mut self, message: Message, flags: u16) -> Result<Vec<Answer>, NetlinkError> {
        let mut payload = vec![0; message.buffer_len()];
        message.serialize(&mut payload);
        let answers = self.exchange(message.message_type(), flags, &payload)?;
        let mut understood = Vec::new();
        for bytes in answers {
            let message = NetlinkMessage::<Message>::deserialize(&bytes).map_err(malformed)?;
            if let NetlinkPayload::InnerMessage(message) = message.payload {
                understood.push(Answer { message, bytes });
            }
        }
        Ok(understood)
    }

    /// Sends one message of any protocol and gathers the answer's messages, headers included.
    pub(super) fn exchange(
        &mut self,
        kind: u16,
        flags: u16,
        payload: &[u8],
    ) -> Result<Vec<Vec<u8>>, NetlinkError> {
        self.sequence += 1;
        let length = u32::try_from(HEADER_BYTES + payload.len())
            .map_err(|_| malformed("a request longer than any message"))?;
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
        bytes.extend(self.sequence.to_ne_bytes());
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend(payload);
        let sent = self.socket.send(&bytes, 0);
        sent.map_err(|source| NetlinkError::Socket { doing: "send", source })?;
        self.gather()
    }

    fn gather(&mut self) -> Result<Vec<Vec<u8>>, NetlinkError> {
        let deadline = Instant::now() + ANSWER_LIMIT;
        let mut answers = Vec::new();
        loop {
            self.wait(deadline)?;
            // Asks for the datagram's size before it reads it: no list is ever cut here.
            let received = self.socket.recv_from_full();
            let (datagram, _) =
                received.map_err(|source| NetlinkError::Socket { doing: "receive", source })?;
            if self.take(&datagram, &mut answers)? {
                return Ok(answers);
            }
        }
    }

    /// Reads one datagram; true when it ends the answer.
    fn take(&self, datagram: &[u8], answers: &mut Vec<Vec<u8>>) -> Result<bool, NetlinkError> {
        let mut rest = datagram;
        while rest.len() >= 16 {
            let buffer = NetlinkBuffer::new_checked(&rest).map_err(malformed)?;
            let length = buffer.length() as usize;
            let ours = buffer.sequence_number() == self.sequence;
            if ours && buffer.flags() & NLM_F_DUMP_INTR != 0 {
                return Err(NetlinkError::Refused {
                    errno: Errno::INTR.raw_os_error(),
                    text: None,
                });
            }
            let this = rest
                .get(..length)
                .ok_or_else(|| malformed("a message longer than its datagram"))?;
            if ours && take_message(this, answers)? {
                return Ok(true);
            }
            let padded = length.div_ceil(4) * 4;
            rest = rest.get(padded.max(16)..).unwrap_or_default();
        }
        Ok(false)
    }

    fn wait(&self, deadline: Instant) -> Result<(), NetlinkError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
        match poll(&mut fds, Some(&limit)) {
            Ok(0) => Err(NetlinkError::TimedOut),
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(NetlinkError::Socket { doing: "poll", source: errno.into() }),
        }
    }
}

/// Keeps one message of the answer; true when it ends it.
fn take_message(bytes: &[u8], answers: &mut Vec<Vec<u8>>) -> Result<bool, NetlinkError> {
    let kind = bytes.get(4..6).and_then(|kind| kind.try_into().ok()).map(u16::from_ne_bytes);
    let code = || bytes.get(16..20).and_then(|code| code.try_into().ok()).map(i32::from_ne_bytes);
    match kind {
        // A list that could not be made to its end says so in its last message.
        Some(NLMSG_DONE | NLMSG_ERROR) => match code() {
            Some(code) if code < 0 => {
                Err(NetlinkError::Refused { errno: code.saturating_abs(), text: ext_ack(bytes) })
            }
            _ => Ok(true),
        },
        Some(FIRST_OF_FAMILIES..) => {
            answers.push(bytes.to_vec());
            Ok(false)
        }
        _ => Ok(false),
    }
}

fn malformed(why: impl ToString) -> NetlinkError {
    NetlinkError::Malformed(why.to_string())
}

/// The text of an extended acknowledgement. With `NETLINK_CAP_ACK` the attributes follow the
/// error's number and the 16-byte header of the refused message.
fn ext_ack(message: &[u8]) -> Option<String> {
    const ATTRIBUTES: usize = 16 + 4 + 16;
    let flags = u16::from_ne_bytes([*message.get(6)?, *message.get(7)?]);
    if flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    let mut attributes = NlasIterator::new(message.get(ATTRIBUTES..)?);
    let text = attributes.find_map(|nla| nla.ok().filter(|nla| nla.kind() == NLMSGERR_ATTR_MSG))?;
    let text = text.value().split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(text).into_owned())
}

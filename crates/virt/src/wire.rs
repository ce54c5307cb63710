//! A UNIX socket on which every wait has a limit.

use std::io::{ErrorKind, Read as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with,
};

use crate::deadline::Deadline;

/// What is read from the socket at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// Why nothing more came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The limit has passed. The connection is still whole.
    TimedOut,
    /// The other side has ended the connection, or it can no longer be used.
    Ended,
}

/// A connected socket, with the bytes that have come and were not taken.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: UnixStream,
    arrived: Vec<u8>,
    ended: bool,
}

impl Wire {
    /// Takes over a connected socket.
    ///
    /// # Errors
    /// When it cannot be made to return instead of wait.
    pub(crate) fn over(stream: UnixStream) -> std::io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, arrived: Vec::new(), ended: false })
    }

    /// The process at the other end, as the kernel noted it when it began to listen.
    pub(crate) fn peer(&self) -> Option<u32> {
        let peer = rustix::net::sockopt::socket_peercred(&self.stream).ok()?;
        u32::try_from(peer.pid.as_raw_nonzero().get()).ok()
    }

    /// The bytes that have come and were not taken.
    pub(crate) fn arrived(&self) -> &[u8] {
        &self.arrived
    }

    /// Takes the first `count` of them; fewer where fewer are there.
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.arrived.split_off(count.min(self.arrived.len()));
        std::mem::replace(&mut self.arrived, rest)
    }

    /// Gives up the connection: what comes next would not be understood.
    pub(crate) fn abandon(&mut self) {
        self.ended = true;
    }

    /// Waits until at least one more byte has come.
    pub(crate) fn receive(&mut self, deadline: Deadline) -> Result<(), Broken> {
        let mut chunk = [0; CHUNK];
        loop {
            if self.ended {
                return Err(Broken::Ended);
            }
            // Asked each time: a peer that sends without end must not be listened to without end.
            deadline.left().ok_or(Broken::TimedOut)?;
            match self.stream.read(&mut chunk) {
                Ok(count @ 1..) => {
                    self.arrived.extend_from_slice(&chunk[..count]);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(PollFlags::IN, deadline)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => self.ended = true,
            }
        }
    }

    /// Sends all of `bytes`. A message cut short by the limit ends the connection: the other side
    /// would read the next one as its rest.
    pub(crate) fn send(&mut self, mut bytes: &[u8], deadline: Deadline) -> Result<(), Broken> {
        let whole = bytes.len();
        while !bytes.is_empty() {
            if self.ended {
                return Err(Broken::Ended);
            }
            match send(&self.stream, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::AGAIN) => {
                    if let Err(broken) = self.wait(PollFlags::OUT, deadline) {
                        self.ended |= bytes.len() < whole;
                        return Err(broken);
                    }
                }
                Err(Errno::INTR) => {}
                Err(_) => self.ended = true,
            }
        }
        Ok(())
    }

    fn wait(&self, event: PollFlags, deadline: Deadline) -> Result<(), Broken> {
        loop {
            let left = deadline.left().ok_or(Broken::TimedOut)?;
            let limit = Timespec::try_from(left).ok();
            let mut sockets = [PollFd::new(&self.stream, event)];
            match poll(&mut sockets, limit.as_ref()) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(_) => return Err(Broken::Ended),
            }
        }
    }
}

/// Connects to the socket at `path`. `EAGAIN` says that the limit has passed with its queue full.
///
/// The limit is one on sending: connect(2) to a UNIX socket waits in the listener's queue as long
/// as a write would (net/unix/af_unix.c, `unix_stream_connect`).
///
/// # Errors
/// With the kernel's number.
pub(crate) fn connect_to(path: &Path, limit: Duration) -> Result<UnixStream, Errno> {
    let address = SocketAddrUnix::new(path)?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // Nothing at all would mean no limit.
    set_socket_timeout(&socket, Timeout::Send, Some(limit.max(Duration::from_millis(1))))?;
    rustix::io::retry_on_intr(|| connect(&socket, &address))?;
    Ok(UnixStream::from(socket))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixListener;

    use super::*;

    const SHORT: Duration = Duration::from_millis(30);

    #[test]
    fn bytes_are_kept_until_they_are_taken() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut wire = Wire::over(ours).unwrap();
        theirs.write_all(b"abc").unwrap();
        wire.receive(Deadline::after(Duration::from_secs(5))).unwrap();
        assert_eq!(wire.take(2), b"ab");
        assert_eq!(wire.arrived(), b"c");
        assert_eq!(wire.take(9), b"c");
    }

    #[test]
    fn silence_ends_at_the_limit_and_an_end_is_told_from_it() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut wire = Wire::over(ours).unwrap();
        assert_eq!(wire.receive(Deadline::after(SHORT)), Err(Broken::TimedOut));
        drop(theirs);
        assert_eq!(wire.receive(Deadline::after(SHORT)), Err(Broken::Ended));
        assert_eq!(wire.send(b"x", Deadline::after(SHORT)), Err(Broken::Ended));
    }

    #[test]
    fn a_message_cut_short_ends_the_connection() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut wire = Wire::over(ours).unwrap();
        let more_than_the_kernel_buffers = vec![0; 8 << 20];
        let sent = wire.send(&more_than_the_kernel_buffers, Deadline::after(SHORT));
        assert_eq!(sent, Err(Broken::TimedOut));
        assert_eq!(wire.send(b"x", Deadline::after(SHORT)), Err(Broken::Ended));
    }

    #[test]
    fn a_full_queue_is_waited_for_no_longer_than_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _listener = UnixListener::bind(&path).unwrap();
        // The queue's length is the system's (net.core.somaxconn): fill it, whatever it is.
        let mut waiting = Vec::new();
        let errno = loop {
            match connect_to(&path, SHORT) {
                Ok(stream) => waiting.push(stream),
                Err(errno) => break errno,
            }
        };
        // A process may also run out of descriptors before the queue is full.
        assert!(matches!(errno, Errno::AGAIN | Errno::MFILE), "{errno}");
    }
}

//! One connection: opened, called over, closed.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;

use crate::deadline::Deadline;
use crate::error::{Tried, VirtError};
use crate::wire::{Broken, Wire, connect_to};
use crate::xdr::{Decoder, Encoder, XdrError};

use super::codes::{ErrorCode, ErrorDomain};
use super::events::Events;
use super::message::{self, Header, Kind, REMOTE_PROGRAM, Status};
use super::procedure::Procedure;
use super::replies::{self, Fault};
use super::types::Version;
use super::uri::Uri;

/// `REMOTE_AUTH_NONE` (src/remote/remote_protocol.x): what root is asked for.
const AUTH_NONE: i32 = 0;
/// `REMOTE_AUTH_POLKIT`.
const AUTH_POLKIT: i32 = 2;

/// A connection to libvirt's daemon.
///
/// Dropped, it just ends, and the daemon forgets it; [`Libvirt::close`] says so before. A call that
/// ran out of time leaves it usable: the answer that comes too late is thrown away. What the call
/// asked for may still happen.
#[derive(Debug)]
pub struct Libvirt {
    wire: Wire,
    /// What errors call the daemon: its socket.
    daemon: String,
    limit: Duration,
    serial: u32,
    pub(super) events: Events,
}

/// What a call is for, in the words of an error.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    pub(super) object: &'a str,
    pub(super) operation: &'static str,
}

impl Libvirt {
    /// Connects to the first of the URI's sockets that answers. No call over the connection takes
    /// longer than `limit`; a live detach alone makes libvirt wait five seconds for the guest.
    ///
    /// # Errors
    /// When no daemon is there, it does not let this user in, or it says what is not understood.
    pub fn open(uri: &Uri, limit: Duration) -> Result<Self, VirtError> {
        let mut tried = Vec::new();
        for path in uri.sockets(&runtime_folder()) {
            match connect_to(&path, limit) {
                Ok(stream) => return Self::greet(stream, path.display().to_string(), uri, limit),
                Err(Errno::ACCESS | Errno::PERM) => return Err(no_permission(path, PEER_IS_ROOT)),
                Err(Errno::AGAIN) => {
                    let object = path.display().to_string();
                    let about = About { object: &object, operation: "connect" };
                    return Err(timed_out(about, limit));
                }
                Err(errno) => tried.push(Tried { path, why: errno.into() }),
            }
        }
        Err(VirtError::NotRunning { uri: uri.to_string(), tried })
    }

    /// The same over a socket that is already connected.
    ///
    /// # Errors
    /// As [`Libvirt::open`].
    pub fn over(stream: UnixStream, uri: &Uri, limit: Duration) -> Result<Self, VirtError> {
        Self::greet(stream, uri.to_string(), uri, limit)
    }

    fn greet(
        stream: UnixStream,
        daemon: String,
        uri: &Uri,
        limit: Duration,
    ) -> Result<Self, VirtError> {
        let wire = Wire::over(stream)
            .map_err(|source| VirtError::Socket { path: daemon.clone().into(), source })?;
        let mut libvirt = Self { wire, daemon, limit, serial: 0, events: Events::default() };
        libvirt.authenticate()?;
        let about = About { object: uri.name(), operation: "open" };
        let arguments =
            Encoder::default().optional(Some(uri.name()), |e, name| e.string(name)).u32(0);
        libvirt.call(Procedure::ConnectOpen, arguments, about)?;
        Ok(libvirt)
    }

    /// The first call of a connection. libvirt asks root for nothing.
    fn authenticate(&mut self) -> Result<(), VirtError> {
        let object = self.daemon.clone();
        let about = About { object: &object, operation: "ask how to authenticate" };
        let kinds =
            self.ask(Procedure::AuthList, Encoder::default(), about, replies::auth_types)?;
        if kinds.is_empty() || kinds.contains(&AUTH_NONE) {
            return Ok(());
        }
        let why = if kinds.contains(&AUTH_POLKIT) { WANTS_POLKIT } else { WANTS_MORE };
        Err(no_permission(self.daemon.clone().into(), why))
    }

    /// Which version of libvirt the daemon is.
    ///
    /// # Errors
    /// When the call fails.
    pub fn version(&mut self) -> Result<Version, VirtError> {
        let about = About { object: "libvirt", operation: "ask for its version" };
        let arguments = Encoder::default();
        self.ask(Procedure::ConnectGetLibVersion, arguments, about, replies::hyper).map(Version)
    }

    /// Which version of QEMU it starts domains with.
    ///
    /// # Errors
    /// When the call fails.
    pub fn hypervisor_version(&mut self) -> Result<Version, VirtError> {
        let about = About { object: "QEMU", operation: "ask libvirt for its version" };
        let arguments = Encoder::default();
        self.ask(Procedure::ConnectGetVersion, arguments, about, replies::hyper).map(Version)
    }

    /// Ends the connection as agreed.
    ///
    /// # Errors
    /// When the daemon does not answer; the connection is gone all the same.
    pub fn close(mut self) -> Result<(), VirtError> {
        let object = self.daemon.clone();
        let about = About { object: &object, operation: "close the connection" };
        self.call(Procedure::ConnectClose, Encoder::default(), about).map(drop)
    }

    /// Calls a procedure and reads its answer.
    pub(super) fn ask<T>(
        &mut self,
        procedure: Procedure,
        arguments: Encoder,
        about: About<'_>,
        read: impl FnOnce(&[u8]) -> Result<T, XdrError>,
    ) -> Result<T, VirtError> {
        let answer = self.call(procedure, arguments, about)?;
        read(&answer).map_err(|fault| self.not_understood(&fault))
    }

    /// Calls a procedure; the answer is what follows its header.
    pub(super) fn call(
        &mut self,
        procedure: Procedure,
        arguments: Encoder,
        about: About<'_>,
    ) -> Result<Vec<u8>, VirtError> {
        let deadline = Deadline::after(self.limit);
        self.serial = self.serial.wrapping_add(1);
        let call = message::call(procedure, self.serial, arguments)
            .map_err(|fault| VirtError::Unsendable { object: about.object.into(), fault })?;
        self.wire.send(&call, deadline).map_err(|broken| broke(broken, about, deadline))?;
        loop {
            let (header, body) = self.next_message(about, deadline)?;
            if header.kind == Kind::Reply && header.serial == self.serial {
                return self.answer(header, body, about);
            }
            self.aside(header, &body)?;
        }
    }

    /// Waits for one message that is no answer, and keeps it if it is an event.
    pub(super) fn listen(&mut self, about: About<'_>, deadline: Deadline) -> Result<(), VirtError> {
        let (header, body) = self.next_message(about, deadline)?;
        self.aside(header, &body)
    }

    fn answer(
        &mut self,
        header: Header,
        body: Vec<u8>,
        about: About<'_>,
    ) -> Result<Vec<u8>, VirtError> {
        match header.status {
            Status::Ok => Ok(body),
            Status::Error => match replies::fault(&body) {
                Ok(fault) => Err(refused(fault, about)),
                Err(fault) => Err(self.not_understood(&fault)),
            },
            Status::Other(_) => Err(self.nonsense(format!("a reply that says {header:?}"))),
        }
    }

    /// A message that is not the awaited answer.
    fn aside(&mut self, header: Header, body: &[u8]) -> Result<(), VirtError> {
        match header.kind {
            Kind::Event if header.program == REMOTE_PROGRAM => self
                .events
                .note(header.procedure, body)
                .map_err(|fault| self.not_understood(&fault)),
            // Another program's: keepalive, which is only sent to who asked for it.
            Kind::Event => Ok(()),
            // The answer to a call that ran out of time.
            Kind::Reply if self.serial.wrapping_sub(header.serial) < u32::MAX / 2 => Ok(()),
            _ => Err(self.nonsense(format!("a message that nothing asked for: {header:?}"))),
        }
    }

    fn next_message(
        &mut self,
        about: About<'_>,
        deadline: Deadline,
    ) -> Result<(Header, Vec<u8>), VirtError> {
        loop {
            match message::split(self.wire.arrived()) {
                Ok(Some(length)) => return self.take_message(length),
                Ok(None) => {}
                Err(fault) => return Err(self.not_understood(&fault)),
            }
            self.wire.receive(deadline).map_err(|broken| broke(broken, about, deadline))?;
        }
    }

    fn take_message(&mut self, length: usize) -> Result<(Header, Vec<u8>), VirtError> {
        let bytes = self.wire.take(length);
        let mut decoder = Decoder::of(&bytes);
        let header = decoder.u32("length").and_then(|_| Header::read(&mut decoder));
        match header {
            Ok(header) => Ok((header, decoder.rest().to_vec())),
            Err(fault) => Err(self.not_understood(&fault)),
        }
    }

    fn not_understood(&mut self, fault: &XdrError) -> VirtError {
        self.nonsense(fault.to_string())
    }

    /// What follows cannot be trusted to be what it looks like: the connection is given up.
    fn nonsense(&mut self, what: String) -> VirtError {
        self.wire.abandon();
        VirtError::Protocol { peer: self.daemon.clone(), what }
    }
}

const PEER_IS_ROOT: &str = "the socket is open to root and, on some systems, the group libvirt";
const WANTS_POLKIT: &str = "libvirt asks users other than root to authenticate through polkit";
const WANTS_MORE: &str = "libvirt asks for a user and a password";

fn no_permission(path: PathBuf, why: &'static str) -> VirtError {
    VirtError::Permission { path, why }
}

fn refused(fault: Fault, about: About<'_>) -> VirtError {
    VirtError::Refused {
        object: about.object.into(),
        operation: about.operation,
        code: ErrorCode::from(fault.code),
        domain: ErrorDomain(fault.domain),
        message: fault.message,
    }
}

fn broke(broken: Broken, about: About<'_>, deadline: Deadline) -> VirtError {
    match broken {
        Broken::TimedOut => timed_out(about, deadline.limit()),
        Broken::Ended => VirtError::Torn {
            object: about.object.into(),
            operation: about.operation.into(),
            peer: "libvirt",
        },
    }
}

fn timed_out(about: About<'_>, limit: Duration) -> VirtError {
    VirtError::TimedOut {
        object: about.object.into(),
        operation: about.operation.into(),
        limit,
        why: "libvirt gave no answer",
    }
}

/// `$XDG_RUNTIME_DIR`, or the cache folder that GLib (`g_get_user_runtime_dir`) takes without it.
fn runtime_folder() -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    variable("XDG_RUNTIME_DIR")
        .or_else(|| variable("XDG_CACHE_HOME"))
        .or_else(|| variable("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(|| Path::new("/").into())
}

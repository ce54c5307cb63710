//! What can go wrong, by what a caller can do about it.

use std::path::PathBuf;
use std::time::Duration;

use crate::explain::explain;
use crate::libvirt::{ErrorCode, ErrorDomain};
use crate::xdr::XdrError;

/// A socket that did not answer.
#[derive(Debug)]
pub struct Tried {
    /// Where it would be.
    pub path: PathBuf,
    /// What the kernel said.
    pub why: std::io::Error,
}

/// Why libvirt or QEMU did not do what was asked. Shown as `OBJECT: WHAT FAILED: WHY`; the words
/// after "libvirt:" or "QEMU:" are their own.
#[derive(Debug, thiserror::Error)]
pub enum VirtError {
    /// No daemon listens at any of the sockets.
    #[error("{uri}: libvirt is not running: {}", tried_list(tried))]
    NotRunning {
        /// What was to be opened.
        uri: String,
        /// Where, and what the kernel said.
        tried: Vec<Tried>,
    },
    /// No QEMU listens at this socket.
    #[error("{}: no QEMU listens there: {source}", path.display())]
    NoMonitor {
        /// The socket.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The daemon is there and does not let this user in.
    #[error("{}: no permission: {why}", path.display())]
    Permission {
        /// Its socket.
        path: PathBuf,
        /// What it asks for.
        why: &'static str,
    },
    /// The socket itself failed.
    #[error("{}: {source}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// libvirt has no such domain.
    #[error("{name}: libvirt has no domain of this name")]
    NoSuchDomain {
        /// What was asked for.
        name: String,
        /// What it has, the most alike first.
        nearest: Vec<String>,
    },
    /// libvirt, or QEMU through it, refused.
    #[error("{object}: {operation}: libvirt: {message}")]
    Refused {
        /// The domain, device or network.
        object: String,
        /// What was tried.
        operation: &'static str,
        /// libvirt's number for it.
        code: ErrorCode,
        /// The part of libvirt that refused.
        domain: ErrorDomain,
        /// libvirt's own words, in the daemon's language.
        message: String,
    },
    /// QEMU refused.
    #[error("{object}: {command}: QEMU: {message}")]
    QemuRefused {
        /// Its socket.
        object: String,
        /// The command.
        command: String,
        /// `GenericError`, `DeviceNotFound`, `CommandNotFound`.
        class: String,
        /// QEMU's own words.
        message: String,
    },
    /// The guest was asked and said no.
    #[error("{guest}: it did not let go of {device}: the guest refused")]
    GuestRefused {
        /// Whose guest.
        guest: String,
        /// What it keeps.
        device: String,
    },
    /// It took longer than it may.
    #[error("{object}: {operation}: not done after {}: {why}", seconds(*limit))]
    TimedOut {
        /// What it was about.
        object: String,
        /// What was tried. It may still happen.
        operation: String,
        /// How long it was waited for.
        limit: Duration,
        /// Who did not answer.
        why: &'static str,
    },
    /// The other side ended the connection in the middle: it died, or was restarted.
    #[error("{object}: {operation}: {peer} ended the connection: it was stopped, or it crashed")]
    Torn {
        /// What it was about.
        object: String,
        /// What was tried. Whether it was done is not known.
        operation: String,
        /// Who it was.
        peer: &'static str,
    },
    /// The other side said what is not understood.
    #[error("{peer}: not understood: {what}")]
    Protocol {
        /// Its socket.
        peer: String,
        /// What it said.
        what: String,
    },
    /// What was to be sent is more than the other side takes.
    #[error("{object}: too much to send: {fault}")]
    Unsendable {
        /// What it was about.
        object: String,
        /// What is too long.
        fault: XdrError,
    },
    /// The URI is of a daemon on another host.
    #[error(
        "{uri}: the daemon of another host: it has no use for a device of this one; run virtfn there"
    )]
    RemoteUri {
        /// The URI.
        uri: String,
    },
    /// The URI is none that is known here.
    #[error("{uri}: {why}")]
    BadUri {
        /// The URI.
        uri: String,
        /// What is wrong.
        why: String,
    },
}

impl VirtError {
    /// What was refused, in a sentence, where the refusal's words are known ones.
    #[must_use]
    pub fn explanation(&self) -> Option<String> {
        explain(self.refusal()?).map(|explained| explained.why)
    }

    /// What to type or do next, the best first.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::NotRunning { .. } => {
                vec![
                    "systemctl start libvirtd.socket".into(),
                    "systemctl start virtqemud.socket (where libvirt has a daemon for each driver)"
                        .into(),
                ]
            }
            Self::Permission { .. } => vec!["run this as root".into()],
            Self::NoSuchDomain { nearest, .. } if nearest.is_empty() => {
                vec!["virsh list --all".into()]
            }
            Self::NoSuchDomain { nearest, .. } => {
                vec![format!("libvirt has {}", nearest.join(", "))]
            }
            Self::Torn { peer: "libvirt", .. } => {
                vec!["systemctl status libvirtd virtqemud".into(), "then run this again".into()]
            }
            Self::BadUri { .. } | Self::RemoteUri { .. } => vec!["--connect qemu:///system".into()],
            _ => self
                .refusal()
                .and_then(explain)
                .map(|explained| explained.hints)
                .unwrap_or_default(),
        }
    }

    /// libvirt's or QEMU's own words.
    fn refusal(&self) -> Option<&str> {
        match self {
            Self::Refused { message, .. } | Self::QemuRefused { message, .. } => Some(message),
            _ => None,
        }
    }
}

fn tried_list(tried: &[Tried]) -> String {
    let each = tried.iter().map(|tried| format!("{}: {}", tried.path.display(), tried.why));
    each.collect::<Vec<_>>().join("; ")
}

fn seconds(limit: Duration) -> String {
    if limit.subsec_millis() == 0 {
        format!("{} s", limit.as_secs())
    } else {
        format!("{} ms", limit.as_millis())
    }
}

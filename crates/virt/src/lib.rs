//! Speaks to the programs that run virtual machines: libvirt's daemon, and QEMU's own monitor.
//!
//! [`Libvirt`] is a client of libvirt's RPC protocol over its local socket, [`Qmp`] one of QEMU's
//! monitor protocol. Both are synchronous, both keep events that arrive between the answers, and no
//! call of either goes on past its time limit. XML is text here: what it means is the business of
//! `virtfn-formats`.
//!
//! # Why a client of our own
//!
//! Calling `virsh` would be less code. But libvirt's refusals arrive here as numbers
//! ([`ErrorCode`]), not as text in the user's language; a call has a time limit; one connection
//! does for all the calls of an attach, where `virsh` is a process for each; and that a guest has
//! let go of a device is an event of the connection ([`Libvirt::await_removal`]). Linking libvirt's
//! C library would end the one static binary. Remote URIs are refused: the device is in this host,
//! and so is the daemon that can hand it over.
//!
//! The protocol is private to libvirt by its own words, yet older clients must work with newer
//! daemons, so that procedures and structures have only ever been added. The numbers and limits
//! here are those of `src/remote/remote_protocol.x` and `src/rpc/virnetprotocol.x`.

mod deadline;
mod error;
mod explain;
pub mod handover;
pub mod libvirt;
pub mod qmp;
mod wire;
pub mod xdr;

pub use error::{Tried, VirtError};
pub use explain::{Explained, explain};
pub use libvirt::{
    Affect, Definition, Domain, DomainState, ErrorCode, ErrorDomain, Libvirt, Network, Removal,
    RemovalWatch, Uri, Uuid, Version,
};
pub use qmp::{PciDevice, Peripheral, Qmp, RunState, Unplug, VfioDevice};

//! What the lab's runner and its guest say to each other, over one virtio-serial port.
//!
//! The host asks, the guest does. Every message belongs to a *job*, a number that the host picks,
//! so that several processes run at once over the one port: a writer that hangs in the kernel does
//! not keep the next command from its answer.
//!
//! ```text
//! host                                   guest
//!   ◄──────────────────── Ready { kernel }   (job 0, once, when the guest can serve)
//!   Spawn { argv, … } ────────────────►
//!   ◄──────────────────── Started { pid }
//!   Stdin(bytes) … CloseStdin ────────►
//!   ◄──────────── Stdout(bytes), Stderr(bytes) …
//!   Signal(number) ───────────────────►
//!   ◄──────────────────── Ended { code | signal }   (last word of a job; or Refused { why })
//! ```
//!
//! On the wire a message is a length, a job, a kind and a body: see [`Frame`].

mod frame;
mod message;

pub use frame::{Frame, FrameError, MAX_BODY_BYTES};
pub use message::{Ending, FromGuest, JobId, Spawn, Terminal, ToGuest};

/// The name of the virtio-serial port, as it appears below `/sys/class/virtio-ports/*/name`.
pub const PORT_NAME: &str = "virtfn.lab";

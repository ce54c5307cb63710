//! The doors to the kernel: files below a [`SysRoot`], rtnetlink, the log, `/proc`; recordings.
//!
//! One tour: [`SysRoot`] reads a machine's files, live or recorded; whatever is no file on a live
//! machine goes through [`SysRoot::fact`], so that a recording can answer it too. A taped root keeps
//! all that was read, and its [`Tape`] is a recording. [`Door`] writes, and only `apply` opens it.
//!
//! Nothing here judges. Paths are relative to the root; nothing waits without a limit.

mod archive;
mod door;
pub mod locked;
mod log;
pub mod namespaces;
pub mod netlink;
pub mod path;
pub mod processes;
mod root;
mod tape;
mod tree;

pub use archive::ArchiveError;
pub use door::{Door, Watch, Write, WriteError};
pub use log::LogTail;
pub use root::{MAX_FILE_BYTES, SysRoot};
pub use tape::Tape;

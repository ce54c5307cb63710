//! PCI addresses, and config space as values.
//!
//! Bytes in, values out: nothing here does I/O, and nothing panics, whatever the bytes.
//!
//! ```
//! use virtfn_pci::{ConfigSpace, Looked};
//!
//! // 64 bytes are all that a reader without privilege gets …
//! let mut bytes = vec![0; 64];
//! bytes[0x06] = 0x10; // there is a capability list
//! bytes[0x34] = 0x40; // which starts right behind them
//! let config = ConfigSpace::new(bytes);
//!
//! // … so that SR-IOV is not absent: it could not be seen.
//! assert!(matches!(config.capabilities().sriov(), Looked::NotVisible(_)));
//! ```
//!
//! - [`Address`]: a function's place, in every form people and tools write it.
//! - [`ConfigSpace`]: the bytes; [`ConfigSpace::header`] gives the [`Header`], and
//!   [`ConfigSpace::capabilities`] a [`Walk`] along both capability lists.
//! - [`capability`]: what each capability says, in types of its own.

mod address;
mod bar;
mod bits;
mod bridge;
pub mod capability;
mod config;
mod found;
mod header;
mod walk;

pub use address::{Address, BadAddress};
pub use bar::{Bar, Place, Width};
pub use bridge::{Bridge, BridgeControl, SecondaryStatus, Window};
pub use capability::{
    Acs, AcsFlags, AcsLayout, Capability, CapabilityId, Express, PortType, SerialNumber, Sriov,
    SriovCapabilities, SriovControl,
};
pub use config::{ConfigSpace, EXTENDED_LEN, HEADER_LEN, STANDARD_LEN};
pub use found::{Cut, Found, Looked, Oddity, Walk};
pub use header::{Command, Header, Layout, Status, Subsystem};

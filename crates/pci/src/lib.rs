//! PCI addresses, and config space as values.
//!
//! Bytes in, values out: nothing here does I/O, and nothing panics, whatever the bytes.

mod address;

pub use address::{Address, BadAddress};

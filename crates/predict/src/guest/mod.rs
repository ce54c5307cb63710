//! What a guest sees of a function that it has through VFIO, and what it reaches.
//!
//! [`guest_view`] lays the kernel's own table of permissions (`drivers/vfio/pci/vfio_pci_config.c`)
//! over the bytes of one function's config space: for each bit, who answers a read, and where a
//! write lands. [`regions`] does the same for its BARs (`drivers/vfio/pci/vfio_pci_core.c`).
//!
//! The VFIO file is the boundary. A VMM may hide more from its guest, and QEMU does, but a guest that
//! broke out into its VMM has that file, and nothing less than what is said here.

mod bars;
mod byte;
mod capabilities;
mod extended;
mod header;
mod lengths;
mod map;
mod region;
mod register;
mod rule;
mod rules;
mod view;

pub use byte::{Bits, Byte};
pub use region::{Access, Holds, Region, Table, regions};
pub use register::{Place, Reach, Register};
pub use rules::Rules;
pub use view::{Hidden, NoView, View, guest_view};

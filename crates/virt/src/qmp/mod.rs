//! QEMU's own monitor (QMP), for machines that libvirt does not run.

mod connection;
mod devices;
mod message;
mod qom;

pub use connection::{Qmp, RunState};
pub use devices::{PciDevice, Unplug};
pub use qom::{Peripheral, VfioDevice};

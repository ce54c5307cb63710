//! How a device is written and read in the words of virtual machine managers.
//!
//! - libvirt: [`Passed`] is a device that a guest is given, as XML out ([`Passed::xml`]) and in
//!   ([`read_device`], with faults at their line and what to write); [`Domain`] is a guest as far as
//!   such a device needs it; [`nodedev_xml`] and [`Pool`] are libvirt's other views of a device.
//! - QEMU: [`qemu_args`] and back, [`read_qemu_args`], which knows the retired forms.
//! - [`cloud_hypervisor_arg`], and Proxmox VE in [`proxmox`].
//!
//! XML is written by [`Element`], with libvirt's quotes and indentation, so that it can be compared
//! with libvirt's own byte by byte. It is read by a parser that knows namespaces and entities, and
//! loads nothing from outside. Only single devices are ever written: of a domain, every byte that is
//! not understood stays libvirt's.

mod broken;
mod document;
mod domain;
mod element;
mod known;
mod memory;
mod network;
mod nodedev;
mod others;
mod passed;
mod ports;
pub mod proxmox;
mod qemu;
mod read;

pub(crate) use document::number;
pub use domain::{Domain, Nic};
pub use element::Element;
pub use memory::Lockable;
pub use network::{Pool, PoolOf};
pub use nodedev::nodedev_xml;
pub use others::cloud_hypervisor_arg;
pub use passed::{Driver, GuestAddress, Interface, Passed, Rom, Source, Teaming, Way};
pub use ports::{Room, free_port};
pub use qemu::{QemuDevice, Retired, VfioArg, qemu_args, read_qemu_args};
pub use read::read_device;

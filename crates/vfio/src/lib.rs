//! VFIO: how user space takes a PCI function for itself.
//!
//! A function that is bound to `vfio-pci` is reached through its IOMMU group. The way in has three
//! steps, and each is a type here, so that they cannot be taken out of order:
//!
//! 1. [`Container::open`]: an empty IOMMU context;
//! 2. [`Group::open`], [`Group::join`]: the group, claimed for this process and put into the
//!    container, which then gets its IOMMU;
//! 3. [`Group::device`]: the function itself, a [`Device`]; [`Device::config`] is its config space as
//!    VFIO shows it to a virtual machine.
//!
//! While any of these is open the kernel counts the function as in use: opening the group a second
//! time fails with [`VfioError::GroupInUse`], and the driver cannot be unbound. What it does *not*
//! do is keep the physical function from removing its VFs; that is virtfn's own job.
//!
//! *Invariant*: all `unsafe` of this crate is in `ioctl.rs`, one call of the kernel a function.
#![allow(unsafe_code)] // ioctl(2) has no safe form; the blocks are in one file, each with its note.

mod config;
mod container;
mod device;
mod error;
mod group;
mod ioctl;

pub use config::Config;
pub use container::Container;
pub use device::{Device, DeviceInfo};
pub use error::VfioError;
pub use group::{Group, GroupId};

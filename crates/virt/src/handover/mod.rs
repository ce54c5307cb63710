//! A device into a virtual machine, and out of it again.
//!
//! 1. [`OnHost`] says what the device shall be on the host while the guest has it, and fills in what
//!    nobody said: the address and the VLAN that the VF has.
//! 2. [`obstacles()`] says what stands in the way, before anything is touched.
//! 3. [`Attach`], [`Detach`], [`Plug`] and [`Unplug`] are the hands that [`virtfn_apply::hand_over`] and
//!    [`virtfn_apply::take_back`] are given: libvirt's and QEMU's own calls.

mod libvirt;
mod monitor;
mod obstacles;
mod on_host;
mod place;

pub use libvirt::{Attach, Detach};
pub use monitor::{Plug, Unplug, plug_id};
pub use obstacles::{Goes, Named, Obstacle, Scene, cannot_lock, obstacles};
pub use on_host::{Drivers, OnHost};
pub use place::{Asked, Place, place};

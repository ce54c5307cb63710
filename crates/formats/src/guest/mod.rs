//! What the records of virtual machines say of the functions that they have, or are given.
//!
//! libvirt's domains ([`domain()`]) and networks ([`network()`]), Proxmox VE's guests ([`config()`]),
//! mappings ([`mappings()`]) and reservations ([`reservations()`]), the command lines of VMMs
//! ([`vmm()`]), and what libvirt keeps to put back on VFs ([`saved()`]). All that is neither a name nor
//! a device is left behind: passwords stand in the same files.

mod libvirt;
mod network;
mod place;
mod proxmox;
mod saved;
mod vmm;

pub use libvirt::{Domain, domain};
pub use network::{Network, network};
pub use place::Place;
pub use proxmox::{Given, HostPci, Reservation, Until, config, mappings, reservations};
pub use saved::saved;
pub use vmm::{is_vmm, vmm};

pub(crate) use libvirt::{Device, read as read_domain};

/// No record names more devices than this.
const MAX_DEVICES: usize = crate::MAX_CLAIMS;
/// No name is longer: libvirt's are names of files.
const MAX_NAME_CHARS: usize = 256;

/// A name that somebody outside chose, cut to what a line can hold.
fn name(text: &str) -> String {
    text.chars().take(MAX_NAME_CHARS).collect()
}

//! Reads a [`Host`] through the kernel's doors: what a [`Look`] names, and nothing else.
//!
//! [`host`] reads a machine, live or recorded; nothing after it can tell which. Every attribute is
//! read at most once in a look. What could not be read says so in its place.

mod claims;
mod details;
mod devlink;
mod functions;
mod guests;
mod holders;
mod look;
mod modules;
mod network;
mod platform;
mod process;
mod system;
mod texts;
mod upkeep;

use virtfn_host::{Host, Names, Seen, Unreadable};
use virtfn_kernel::SysRoot;
use virtfn_kernel::processes::OpenNodes;

pub use claims::files as configuration;
pub use look::{Facet, Look};
pub use platform::memlock;

/// Why a machine could not be looked at at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The list of PCI functions is not to be had.
    #[error("the PCI functions of this host cannot be listed: {0}")]
    Unreadable(Unreadable),
}

/// Looks at a machine.
///
/// # Errors
/// When not even its PCI functions can be listed.
pub fn host(root: &SysRoot, look: &Look) -> Result<Host, Error> {
    let (functions, paths) = functions::read(root, look)?;
    let mut host = Host {
        functions,
        groups: std::collections::BTreeMap::new(),
        netdevs: Seen::not_asked("virtfn/links"),
        kernel: system::unasked_kernel(),
        firmware: system::unasked_firmware(),
        claims: Seen::not_asked(claims::FACT),
        guests: Seen::not_asked(guests::FACT),
        platform: virtfn_host::Platform::unasked(),
        names: Names::default(),
    };
    host.groups = system::read_groups(root, &host, look.wants(Facet::Groups));
    if look.wants(Facet::Kernel) {
        host.kernel = system::read_kernel(root);
    }
    if look.wants(Facet::Firmware) {
        host.firmware = system::read_firmware(root);
    }
    if look.wants(Facet::Platform) {
        host.platform = platform::read(root, &host);
    }
    details::read(root, &mut host, &paths, look);
    if look.wants(Facet::Around) && look.devices.is_some() {
        details::read_around(root, &mut host, &paths, look);
    }
    if look.wants(Facet::Locked) || look.wants(Facet::Locks) {
        details::read_locked(root, &mut host, &paths, look);
    }
    if look.wants(Facet::Netdevs) {
        network::read_netdevs(root, &mut host, &paths);
    }
    // Which nodes and interfaces these are is known by now.
    if look.wants(Facet::Platform) {
        host.platform.upkeep = upkeep::read(root, &host, &paths);
    }
    if look.wants(Facet::Admin) {
        network::read_admin(root, &mut host, look);
    }
    if look.wants(Facet::Devlink) {
        devlink::read(root, &mut host, look);
    }
    let mut texts = texts::Texts::default();
    read_users(root, &mut host, &paths, look, &mut texts);
    if look.wants(Facet::Modules) {
        modules::read(root, &mut host, &paths, look);
    }
    if look.wants(Facet::Claims) {
        host.claims = claims::read(root, &mut texts);
    }
    if look.wants(Facet::Names) {
        host.names = system::read_names(root, &host);
    }
    Ok(host)
}

/// Who uses what. The guests are read for their own sake, and where a process may be one.
fn read_users(
    root: &SysRoot,
    host: &mut Host,
    paths: &functions::Paths,
    look: &Look,
    texts: &mut texts::Texts,
) {
    let given_away = host.functions.values().any(virtfn_host::Function::is_passed_through);
    let holders = look.wants(Facet::Holders);
    let nodes =
        if holders && given_away { holders::nodes(root) } else { Seen::Known(OpenNodes::none()) };
    if look.wants(Facet::Guests) || (holders && given_away) {
        let open = nodes.known().map_or(&[][..], |nodes| nodes.nodes.as_slice());
        host.guests = guests::read(root, host, open, texts);
    }
    if holders {
        holders::read(root, host, paths, nodes);
    }
}

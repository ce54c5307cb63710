//! A device into a guest and out of it: what `attach` and `detach` share.

pub mod domain;
pub mod monitor;
pub mod vmm;

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use virtfn_apply::{ApplyError, Given, InUse, OnFailure, Options, Progress, Taker};
use virtfn_formats::vm::{Driver, Interface, Passed, Source, Teaming, Way};
use virtfn_host::{Function, Host, VfId, VlanId};
use virtfn_kernel::SysRoot;
use virtfn_observe::{Facet, Look};
use virtfn_pci::Address;
use virtfn_plan::Subject;
use virtfn_virt::handover::Obstacle;

use crate::args::MacChoice;
use crate::change::{STATE, derived_mac};
use crate::error::Error;

/// No call to libvirt or QEMU takes longer, but for what a guest takes to let go of a device.
pub const CALL_LIMIT: Duration = Duration::from_secs(60);

/// What it takes to tell whether a device can go to a guest.
const FACETS: [Facet; 8] = [
    Facet::Netdevs,
    Facet::Admin,
    Facet::Holders,
    Facet::Details,
    Facet::Locked,
    Facet::Modules,
    Facet::Groups,
    Facet::Platform,
];

/// What a person wants of a VF in a guest.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Its address.
    pub mac: Option<MacChoice>,
    /// Its VLAN.
    pub vlan: Option<VlanId>,
    /// The profile of its switch (802.1Qbh).
    pub profile: Option<String>,
    /// The virtio interface that stays while it is away for a migration, by its alias.
    pub failover: Option<String>,
    /// The VFIO driver that libvirt shall use.
    pub driver: Option<String>,
}

/// This machine, as far as handing over a device depends on it.
///
/// # Errors
/// When it cannot be looked at.
pub fn look(root: &SysRoot) -> Result<Host, Error> {
    Ok(virtfn_observe::host(root, &Look::at(&FACETS))?)
}

impl Wanted {
    /// The device as a guest is given it: a VF of a network card as an interface, so that libvirt sets its
    /// address and VLAN; anything else as it is.
    ///
    /// # Errors
    /// When an address or a VLAN is wanted of what has none, or an address cannot be derived.
    pub fn of(&self, host: &Host, address: Address) -> Result<Passed, Error> {
        let function = host.function(address)?;
        let settings = self.mac.is_some() || self.vlan.is_some() || self.profile.is_some();
        let vf = function.vf().filter(|vf| is_network(function) && has_netdev(host, *vf));
        let mut passed = match vf {
            Some(vf) => {
                let mac = match self.mac {
                    Some(MacChoice::Auto) => Some(derived_mac(host, vf)?),
                    Some(MacChoice::Given(mac)) => Some(mac),
                    None => None,
                };
                let (vlan, profile) = (self.vlan, self.profile.clone());
                let source = Source::Vf(address);
                Passed::new(Way::Interface(Interface { source, mac, vlan, profile }))
            }
            None if settings => return Err(Error::NoSettings(address)),
            None => Passed::hostdev(address),
        };
        let teaming = |persistent: &String| Teaming::Transient { persistent: persistent.clone() };
        passed.teaming = self.failover.as_ref().map(teaming);
        passed.driver = self.driver.as_ref().map(|model| Driver { model: Some(model.clone()) });
        Ok(passed)
    }
}

const fn is_network(function: &Function) -> bool {
    function.ids.class >> 16 == 2
}

fn has_netdev(host: &Host, vf: VfId) -> bool {
    host.netdevs_of(vf.pf).next().is_some()
}

/// This host's address in the session that runs the command, if it came in over SSH: the third word of
/// `SSH_CONNECTION` (sshd(8)).
#[must_use]
pub fn session() -> Option<IpAddr> {
    let words = std::env::var("SSH_CONNECTION").ok()?;
    words.split_whitespace().nth(2)?.parse().ok()
}

/// Ends the command where something stands in the way.
///
/// # Errors
/// With all of it: as a refusal that `--force` overcomes, if nothing else is left.
pub fn mind(obstacles: Vec<Obstacle>, force: bool) -> Result<(), Error> {
    let left: Vec<Obstacle> =
        obstacles.into_iter().filter(|one| !(one.protects && force)).collect();
    if left.is_empty() { Ok(()) } else { Err(Error::Obstacles(left)) }
}

/// Who gets a function, and what is locked meanwhile.
#[must_use]
pub fn about(function: Address, vf: Option<VfId>) -> Subject {
    vf.map_or(function, |vf| vf.pf).into()
}

/// How a device is handed over, and who hears of it.
pub fn options<'a>(force: bool, progress: &'a mut dyn FnMut(Progress<'_>)) -> Options<'a> {
    let in_use = if force { InUse::Cut } else { InUse::Refuse };
    Options { state: STATE.into(), in_use, on_failure: OnFailure::RollBack, progress }
}

/// What went wrong with a device, said of it.
pub fn failed(taker: &Taker<'_>, stays: &str, error: ApplyError) -> Error {
    Error::Apply { object: taker.function.short(), stays: stays.to_owned(), error }
}

/// What a device was before this guest got it, where an earlier run wrote it down.
#[must_use]
pub fn given(function: Address, name: &str) -> Option<Given> {
    Given::read(Path::new(STATE), function).filter(|given| given.to == name)
}

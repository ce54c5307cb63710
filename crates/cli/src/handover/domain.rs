//! Through libvirt.

use std::time::Duration;

use virtfn_apply::{Hands as _, Live, Steps, Taker, hand_over, take_back};
use virtfn_formats::vm::{self, Passed};
use virtfn_host::{Host, Policy};
use virtfn_kernel::SysRoot;
use virtfn_pci::Address;
use virtfn_render::handover::{Handed, Held};
use virtfn_virt::handover::{
    Asked, Attach, Detach, Drivers, Goes, Named, OnHost, Scene, obstacles, place,
};
use virtfn_virt::{Affect, Definition, Domain, Libvirt, Uri, Version, VirtError};

use super::{CALL_LIMIT, about, failed, given, look, mind, options, session};
use crate::change::Teller;
use crate::context::Context;
use crate::error::Error;

/// From this version on libvirt picks the VFIO driver made for a device by itself.
const PICKS_DRIVERS: Version = Version(10_000_000);

/// A guest of libvirt's, and how it is to be treated.
pub struct Guest {
    libvirt: Libvirt,
    uri: Uri,
    domain: Domain,
    /// As it runs; `None`: it does not.
    live: Option<vm::Domain>,
    /// As it will be; `None`: nothing keeps that.
    config: Option<vm::Domain>,
    affect: Affect,
    /// What the command may do.
    pub how: How,
}

/// What the command may do.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Where the change shall go.
    pub asked: Asked,
    /// May somebody lose something?
    pub force: bool,
    /// How long the guest may take to let go of a device.
    pub wait: Duration,
}

impl Guest {
    /// The domain of this name, as it is now.
    ///
    /// # Errors
    /// When libvirt does not answer, knows no such domain, or has not what was asked for.
    pub fn open(uri: &Uri, name: &str, how: How) -> Result<Self, Error> {
        let mut libvirt = Libvirt::open(uri, CALL_LIMIT)?;
        let domain = libvirt.domain(name)?;
        let state = libvirt.state(&domain)?;
        let persistent = libvirt.is_persistent(&domain)?;
        let affect = place(how.asked, state, persistent)
            .map_err(|why| Error::NoPlace { vm: domain.name.clone(), why })?;
        let live = state.has_devices().then(|| libvirt.definition(&domain, Definition::Live));
        let live = live.transpose()?;
        let config = persistent.then(|| libvirt.definition(&domain, Definition::Inactive));
        let config = config.transpose()?;
        Ok(Self { libvirt, uri: uri.clone(), domain, live, config, affect, how })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.domain.name
    }

    /// As it runs, else as it will be.
    #[must_use]
    pub fn definition(&self) -> Option<&vm::Domain> {
        self.live.as_ref().or(self.config.as_ref())
    }

    fn to(&self) -> String {
        format!("VM {}", self.domain.name)
    }

    fn held(&self, address: Address, changed: bool) -> Held {
        let has = |one: &vm::Domain| one.device(address).is_some();
        let config = self.config.as_ref().map(has);
        Held { live: self.live.as_ref().is_some_and(has), config, changed }
    }

    /// Reads both definitions again.
    fn refresh(&mut self) -> Result<(), Error> {
        let domain = self.libvirt.domain_by_uuid(self.domain.uuid)?;
        self.live = match domain.id {
            Some(_) => Some(self.libvirt.definition(&domain, Definition::Live)?),
            None => None,
        };
        if self.config.is_some() {
            self.config = Some(self.libvirt.definition(&domain, Definition::Inactive)?);
        }
        Ok(())
    }

    /// What of the change is still to be done: what one of the two has already, an earlier run did.
    fn missing(&self, address: Address) -> Option<Affect> {
        let lacks = |one: &Option<vm::Domain>| {
            one.as_ref().is_some_and(|one| one.device(address).is_none())
        };
        let (live, config) = wanted(self.affect);
        join(live && lacks(&self.live), config && lacks(&self.config))
    }

    fn present(&self, address: Address) -> Option<Affect> {
        let has = |one: &Option<vm::Domain>| {
            one.as_ref().is_some_and(|one| one.device(address).is_some())
        };
        let (live, config) = match self.how.asked {
            Asked::Nothing => (true, true),
            _ => wanted(self.affect),
        };
        join(live && has(&self.live), config && has(&self.config))
    }

    /// The other guests that have a device, or are given it.
    fn others(&mut self, address: Address) -> Result<Vec<Named>, Error> {
        let mut named = Vec::new();
        for other in self.libvirt.domains()? {
            if other.uuid == self.domain.uuid {
                continue;
            }
            let mut has = |which| match self.libvirt.definition(&other, which) {
                Ok(other) => Ok(other.device(address).is_some()),
                // It went away meanwhile.
                Err(VirtError::NoSuchDomain { .. }) => Ok(false),
                Err(error) => Err(error),
            };
            let runs = other.id.is_some() && has(Definition::Live)?;
            if runs || has(Definition::Inactive)? {
                named.push(Named { name: other.name, runs });
            }
        }
        Ok(named)
    }

    /// Gives the guest a device, as much of it as it does not have yet.
    ///
    /// # Errors
    /// When something stands in the way, or it failed.
    pub fn attach(
        &mut self,
        root: &SysRoot,
        passed: &Passed,
        context: &mut Context<'_>,
    ) -> Result<Handed, Error> {
        let host = look(root)?;
        let drivers = self.drivers()?;
        let (on_host, passed) =
            OnHost::of(&host, passed, drivers).map_err(|obstacle| Error::obstacle(*obstacle))?;
        let address = on_host.function;
        self.agrees(address, &passed)?;
        let Some(affect) = self.missing(address) else {
            return Ok(Handed::of(&host, address, self.held(address, false)));
        };
        let others = self.others(address)?;
        self.mind_obstacles(&host, &passed, affect, &others)?;
        for other in &others {
            let has = if other.runs { "has it now" } else { "is given it too when it starts" };
            crate::change::note(&format!(
                "{}: VM {} {has}: {} cannot run with it at the same time",
                address.short(),
                other.name,
                self.domain.name
            ));
        }
        if affect == Affect::Config {
            self.hands(&passed, affect).call().map_err(|error| Error::hands(address, error))?;
        } else {
            self.hand_over(root, &on_host, &passed, affect, context)?;
        }
        self.refresh()?;
        Ok(Handed::of(&look(root)?, address, self.held(address, true)))
    }

    fn drivers(&mut self) -> Result<Drivers, Error> {
        let picks = self.libvirt.version()? >= PICKS_DRIVERS;
        Ok(if picks { Drivers::Best } else { Drivers::Plain })
    }

    /// The XML of a device as it would be attached, after all that could stand in the way was looked at.
    ///
    /// # Errors
    /// As [`Guest::attach`], before anything is changed.
    pub fn preview(&mut self, root: &SysRoot, passed: &Passed) -> Result<Preview, Error> {
        let host = look(root)?;
        let drivers = self.drivers()?;
        let (on_host, passed) =
            OnHost::of(&host, passed, drivers).map_err(|obstacle| Error::obstacle(*obstacle))?;
        self.agrees(on_host.function, &passed)?;
        let affect = self.missing(on_host.function);
        if let Some(affect) = affect {
            let others = self.others(on_host.function)?;
            self.mind_obstacles(&host, &passed, affect, &others)?;
        }
        Ok(Preview { xml: passed.xml(), affect })
    }

    fn mind_obstacles(
        &self,
        host: &Host,
        passed: &Passed,
        affect: Affect,
        others: &[Named],
    ) -> Result<(), Error> {
        let running = self.live.as_ref().filter(|_| affect != Affect::Config);
        if let (Some(_), Some(address)) = (running, passed.host_address()) {
            self.not_in_limbo(host, address)?;
        }
        let goes = running.map_or(Goes::Later, Goes::Into);
        let scene = Scene { host, goes, others, session: session() };
        mind(obstacles(&scene, passed), self.how.force)
    }

    /// QEMU may have a device of which libvirt does not know, where its daemon was stopped in between:
    /// libvirt would take it for a free one, and cut the guest off from it.
    fn not_in_limbo(&self, host: &Host, address: Address) -> Result<(), Error> {
        let function = host.function(address)?;
        let mut holders = function.holders.known().into_iter().flatten();
        let own =
            holders.find(|holder| holder.vm.as_ref().is_some_and(|vm| vm.name == self.domain.name));
        match own {
            Some(holder) => Err(Error::Limbo {
                device: address,
                vm: self.domain.name.clone(),
                holder: holder.name.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Has it the device already, as something else?
    fn agrees(&self, address: Address, passed: &Passed) -> Result<(), Error> {
        let Some(wanted) = passed.as_interface() else { return Ok(()) };
        for has in [&self.live, &self.config].into_iter().flatten() {
            let Some(has) = has.device(address).and_then(Passed::as_interface) else { continue };
            if has.mac != wanted.mac && wanted.mac.is_some() || has.vlan != wanted.vlan {
                let say = |mac: Option<_>, vlan: Option<virtfn_host::VlanId>| {
                    let mac = mac.map_or("no MAC".into(), |mac| format!("MAC {mac}"));
                    let vlan = vlan.map_or("no VLAN".into(), |vlan| format!("VLAN {vlan}"));
                    format!("{mac}, {vlan}")
                };
                return Err(Error::HasOther {
                    device: address,
                    vm: self.domain.name.clone(),
                    has: say(has.mac, has.vlan),
                });
            }
        }
        Ok(())
    }

    fn hands<'a>(&'a mut self, passed: &'a Passed, affect: Affect) -> Attach<'a> {
        Attach {
            libvirt: &mut self.libvirt,
            uri: &self.uri,
            domain: &self.domain,
            passed,
            affect,
            limit: self.how.wait,
        }
    }

    fn hand_over(
        &mut self,
        root: &SysRoot,
        on_host: &OnHost,
        passed: &Passed,
        affect: Affect,
        context: &mut Context<'_>,
    ) -> Result<(), Error> {
        let name = self.to();
        // libvirt binds what it manages; what it does not, it wants bound.
        let steps = if passed.managed { Steps::Theirs } else { Steps::Ours };
        let function = on_host.function;
        let taker = Taker { function, about: about(function, on_host.vf), name: &name, steps };
        let wish =
            |_: &Host, policy: Policy| Ok::<_, virtfn_apply::ApplyError>(on_host.policy(policy));
        let mut teller = Teller::start();
        let mut progress = |progress: virtfn_apply::Progress<'_>| teller.tell(&progress);
        let mut options = options(self.how.force, &mut progress);
        let mut machine = Live::new(root, &mut *context.watch);
        let mut hands = self.hands(passed, affect);
        let done = hand_over(&mut machine, &taker, wish, &mut hands, &mut options);
        teller.clear();
        done.map(drop).map_err(|error| failed(&taker, "it stays where it is", error))
    }

    /// Takes a device from the guest, and makes it what it was before.
    ///
    /// # Errors
    /// When the guest does not let go of it, or it failed.
    pub fn detach(
        &mut self,
        root: &SysRoot,
        address: Address,
        context: &mut Context<'_>,
    ) -> Result<Handed, Error> {
        let present = self.present(address);
        let name = self.to();
        let owed = given(address, &name).is_some();
        // What an earlier run did not come to do is done now.
        if present.is_none() && (!owed || self.held(address, false).live) {
            return Ok(Handed::of(&look(root)?, address, self.held(address, false)));
        }
        if present == Some(Affect::Config) && !owed {
            let mut hands = Detach {
                libvirt: &mut self.libvirt,
                domain: &self.domain,
                address,
                affect: Affect::Config,
                limit: self.how.wait,
            };
            hands.call().map_err(|error| Error::hands(address, error))?;
        } else {
            self.take_back(root, address, present.unwrap_or(Affect::Live), &name, context)?;
        }
        self.refresh()?;
        Ok(Handed::of(&look(root)?, address, self.held(address, true)))
    }

    fn take_back(
        &mut self,
        root: &SysRoot,
        address: Address,
        affect: Affect,
        name: &str,
        context: &mut Context<'_>,
    ) -> Result<(), Error> {
        let host = look(root)?;
        let vf = host.function(address)?.vf();
        let taker =
            Taker { function: address, about: about(address, vf), name, steps: Steps::Theirs };
        let mut teller = Teller::start();
        let mut progress = |progress: virtfn_apply::Progress<'_>| teller.tell(&progress);
        let mut options = options(self.how.force, &mut progress);
        let mut machine = Live::new(root, &mut *context.watch);
        let mut hands = Detach {
            libvirt: &mut self.libvirt,
            domain: &self.domain,
            address,
            affect,
            limit: self.how.wait,
        };
        let done = take_back(&mut machine, &taker, &mut hands, &mut options);
        teller.clear();
        done.map(drop).map_err(|error| failed(&taker, "it stays in the guest", error))
    }
}

/// What `attach --dry-run` shows.
pub struct Preview {
    /// The device as libvirt would be given it.
    pub xml: String,
    /// Where it would go; `None`: it is there already.
    pub affect: Option<Affect>,
}

const fn wanted(affect: Affect) -> (bool, bool) {
    match affect {
        Affect::Live => (true, false),
        Affect::Config => (false, true),
        Affect::Both => (true, true),
    }
}

const fn join(live: bool, config: bool) -> Option<Affect> {
    match (live, config) {
        (true, true) => Some(Affect::Both),
        (true, false) => Some(Affect::Live),
        (false, true) => Some(Affect::Config),
        (false, false) => None,
    }
}

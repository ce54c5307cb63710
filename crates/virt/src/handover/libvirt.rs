//! libvirt's hands: what is attached and detached by its calls.

use std::time::{Duration, Instant};

use virtfn_apply::{Hands, HandsError};
use virtfn_formats::vm::{self, Passed};
use virtfn_pci::Address;

use crate::{Affect, Definition, Domain, Libvirt, Removal, Uri, VirtError};

/// A daemon that crashed is there again within this time, where something starts it anew.
const BACK_LIMIT: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(200);

/// Gives a device to a domain.
pub struct Attach<'a> {
    /// The connection.
    pub libvirt: &'a mut Libvirt,
    /// Where it goes, if it breaks.
    pub uri: &'a Uri,
    /// To whom.
    pub domain: &'a Domain,
    /// What.
    pub passed: &'a Passed,
    /// Into what of it.
    pub affect: Affect,
    /// How long a guest may take to let go of it, where it has to be taken back.
    pub limit: Duration,
}

/// Takes a device from a domain.
pub struct Detach<'a> {
    /// The connection.
    pub libvirt: &'a mut Libvirt,
    /// From whom.
    pub domain: &'a Domain,
    /// What.
    pub address: Address,
    /// Out of what of it.
    pub affect: Affect,
    /// How long the guest may take to let go of it.
    pub limit: Duration,
}

impl Hands for Attach<'_> {
    fn call(&mut self) -> Result<(), HandsError> {
        self.libvirt.attach(self.domain, &self.passed.xml(), self.affect)?;
        let address = self.passed.host_address();
        for which in definitions(self.affect) {
            let now = definition(self.libvirt, self.domain, which)?;
            if address.is_some_and(|address| now.device(address).is_none()) {
                return Err(Box::new(NotThere { domain: self.domain.name.clone(), which }));
            }
        }
        Ok(())
    }

    /// As much of it as is there goes again, from a daemon that may just have been started anew.
    fn undo(&mut self) -> Result<(), HandsError> {
        let Some(address) = self.passed.host_address() else { return Ok(()) };
        let deadline = Instant::now() + BACK_LIMIT;
        loop {
            let undone = take(self.libvirt, self.domain, address, self.affect, self.limit);
            let lost = match undone {
                Ok(()) => return Ok(()),
                Err(error @ (VirtError::Torn { .. } | VirtError::NotRunning { .. })) => error,
                Err(other) => return Err(other.into()),
            };
            if Instant::now() > deadline {
                return Err(lost.into());
            }
            std::thread::sleep(PAUSE);
            if let Ok(again) = Libvirt::open(self.uri, self.limit) {
                *self.libvirt = again;
            }
        }
    }
}

impl Hands for Detach<'_> {
    fn call(&mut self) -> Result<(), HandsError> {
        Ok(take(self.libvirt, self.domain, self.address, self.affect, self.limit)?)
    }

    fn undo(&mut self) -> Result<(), HandsError> {
        Ok(())
    }
}

/// Takes a device out of what it is in; what does not have it is left alone.
fn take(
    libvirt: &mut Libvirt,
    domain: &Domain,
    address: Address,
    affect: Affect,
    limit: Duration,
) -> Result<(), VirtError> {
    for which in definitions(affect) {
        let now = definition(libvirt, domain, which)?;
        // A domain that stopped shows its definition where its machine would be.
        if which == Definition::Live && now.id.is_none() {
            continue;
        }
        if let Some(passed) = now.device(address) {
            match which {
                Definition::Live => take_live(libvirt, domain, passed, limit)?,
                Definition::Inactive => libvirt.detach(domain, &passed.xml(), Affect::Config)?,
            }
        }
    }
    Ok(())
}

fn take_live(
    libvirt: &mut Libvirt,
    domain: &Domain,
    passed: &Passed,
    limit: Duration,
) -> Result<(), VirtError> {
    let watch = libvirt.watch_removals(domain)?;
    libvirt.detach(domain, &passed.xml(), Affect::Live)?;
    let alias = passed.alias.clone().unwrap_or_default();
    let address = passed.host_address();
    let ended = libvirt.await_removal(&watch, &alias, limit);
    let ended = match ended {
        // The event may have gone to the connection that a crash ended.
        Err(VirtError::TimedOut { .. })
            if address.is_some_and(|at| !has(libvirt, domain, at).unwrap_or(true)) =>
        {
            Removal::Removed
        }
        other => other?,
    };
    libvirt.end_watch(watch)?;
    match ended {
        Removal::Removed | Removal::Stopped => Ok(()),
        Removal::Refused => Err(VirtError::GuestRefused {
            guest: domain.name.clone(),
            device: address.map(Address::short).unwrap_or(alias),
        }),
    }
}

fn has(libvirt: &mut Libvirt, domain: &Domain, address: Address) -> Result<bool, VirtError> {
    Ok(definition(libvirt, domain, Definition::Live)?.device(address).is_some())
}

/// The definitions that a change is about, the running machine first.
fn definitions(affect: Affect) -> impl Iterator<Item = Definition> {
    let live = matches!(affect, Affect::Live | Affect::Both).then_some(Definition::Live);
    let config = matches!(affect, Affect::Config | Affect::Both).then_some(Definition::Inactive);
    live.into_iter().chain(config)
}

impl Libvirt {
    /// A domain as libvirt has it, understood as far as its devices go.
    ///
    /// # Errors
    /// When the call fails, or the answer is no domain.
    pub fn definition(
        &mut self,
        domain: &Domain,
        which: Definition,
    ) -> Result<vm::Domain, VirtError> {
        definition(self, domain, which)
    }
}

fn definition(
    libvirt: &mut Libvirt,
    domain: &Domain,
    which: Definition,
) -> Result<vm::Domain, VirtError> {
    let text = libvirt.xml(domain, which)?;
    vm::Domain::read(&text).map_err(|fault| VirtError::Protocol {
        peer: domain.name.clone(),
        what: fault.show("its XML", &text),
    })
}

#[derive(Debug, thiserror::Error)]
#[error("{domain}: libvirt took the device and does not have it in its {}", name(*which))]
struct NotThere {
    domain: String,
    which: Definition,
}

const fn name(which: Definition) -> &'static str {
    match which {
        Definition::Live => "running machine",
        Definition::Inactive => "saved definition",
    }
}

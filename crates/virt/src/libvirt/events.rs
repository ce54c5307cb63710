//! Events: whether a guest has let go of a device.

use std::collections::VecDeque;
use std::time::Duration;

use crate::VirtError;
use crate::deadline::Deadline;
use crate::xdr::{Encoder, XdrError};

use super::connection::{About, Libvirt};
use super::domains::write_domain;
use super::procedure::{EventId, Procedure};
use super::replies::{self, Event, Happened};
use super::types::Domain;

/// More events than this are not kept: the oldest go.
const KEPT: usize = 1024;
/// `VIR_DOMAIN_EVENT_STOPPED` (include/libvirt/libvirt-domain.h).
const STOPPED: i32 = 5;

/// How a live detach ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The device is out of the machine.
    Removed,
    /// The guest refused to let go of it: it is still in.
    Refused,
    /// The machine stopped meanwhile, and its devices with it.
    Stopped,
}

/// A registration for what becomes of a domain's devices: see [`Libvirt::watch_removals`].
#[derive(Debug)]
pub struct RemovalWatch {
    domain: Domain,
    callbacks: Vec<i32>,
}

/// Events that came and were not asked for yet.
#[derive(Debug, Default)]
pub(super) struct Events {
    kept: VecDeque<Event>,
}

impl Libvirt {
    /// Asks libvirt to tell what becomes of a domain's devices. Do so before the detach: the event
    /// may come before its answer, and is kept.
    ///
    /// # Errors
    /// When the call fails.
    pub fn watch_removals(&mut self, domain: &Domain) -> Result<RemovalWatch, VirtError> {
        let mut watch = RemovalWatch { domain: domain.clone(), callbacks: Vec::new() };
        for event in [EventId::DeviceRemoved, EventId::DeviceRemovalFailed, EventId::Lifecycle] {
            watch.callbacks.push(self.register(domain, event)?);
        }
        Ok(watch)
    }

    /// Waits until the device of this alias is out of the domain, the guest has refused, or the
    /// machine has stopped: for `limit` at most, whatever the connection's own limit is.
    ///
    /// # Errors
    /// [`VirtError::TimedOut`] when the guest does neither: the device is then still in.
    pub fn await_removal(
        &mut self,
        watch: &RemovalWatch,
        alias: &str,
        limit: Duration,
    ) -> Result<Removal, VirtError> {
        let deadline = Deadline::after(limit);
        let about = About { object: &watch.domain.name, operation: "wait for the guest to let go" };
        loop {
            if let Some(removal) = self.events.removal(watch, alias) {
                return Ok(removal);
            }
            self.listen(about, deadline).map_err(|error| match error {
                VirtError::TimedOut { .. } => unanswered(watch, alias, limit),
                other => other,
            })?;
        }
    }

    /// Ends the registration.
    ///
    /// # Errors
    /// When a call fails.
    pub fn end_watch(&mut self, watch: RemovalWatch) -> Result<(), VirtError> {
        let about = About { object: &watch.domain.name, operation: "end its events" };
        for callback in &watch.callbacks {
            let arguments = Encoder::default().i32(*callback);
            self.call(Procedure::ConnectDomainEventCallbackDeregisterAny, arguments, about)?;
        }
        self.events.kept.retain(|event| !watch.callbacks.contains(&event.callback));
        Ok(())
    }

    fn register(&mut self, domain: &Domain, event: EventId) -> Result<i32, VirtError> {
        let about = About { object: &domain.name, operation: "register for its events" };
        let procedure = Procedure::ConnectDomainEventCallbackRegisterAny;
        let arguments = Encoder::default().i32(event as i32).optional(Some(domain), write_domain);
        self.ask(procedure, arguments, about, replies::number)
    }
}

impl Events {
    /// Keeps a message that came unasked, if it is one of those that are registered for.
    pub(super) fn note(&mut self, procedure: i32, body: &[u8]) -> Result<(), XdrError> {
        let event = match procedure {
            number if number == Procedure::DomainEventCallbackDeviceRemoved.number() => {
                replies::device_event(body, Happened::DeviceRemoved)?
            }
            number if number == Procedure::DomainEventCallbackDeviceRemovalFailed.number() => {
                replies::device_event(body, Happened::DeviceRemovalFailed)?
            }
            number if number == Procedure::DomainEventCallbackLifecycle.number() => {
                replies::lifecycle_event(body)?
            }
            _ => return Ok(()),
        };
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(event);
        Ok(())
    }

    /// Takes the event that says what became of the device of this alias.
    fn removal(&mut self, watch: &RemovalWatch, alias: &str) -> Option<Removal> {
        let verdict = |event: &Event| match &event.what {
            _ if !watch.callbacks.contains(&event.callback) => None,
            _ if event.domain.uuid != watch.domain.uuid => None,
            Happened::DeviceRemoved(of) if of == alias => Some(Removal::Removed),
            Happened::DeviceRemovalFailed(of) if of == alias => Some(Removal::Refused),
            Happened::Lifecycle(STOPPED) => Some(Removal::Stopped),
            _ => None,
        };
        let (at, removal) =
            self.kept.iter().enumerate().find_map(|(at, event)| Some((at, verdict(event)?)))?;
        self.kept.remove(at);
        Some(removal)
    }
}

fn unanswered(watch: &RemovalWatch, alias: &str, limit: Duration) -> VirtError {
    VirtError::TimedOut {
        object: watch.domain.name.clone(),
        operation: format!("wait for the guest to let go of {alias}"),
        limit,
        why: "the guest did not answer, and still has the device",
    }
}

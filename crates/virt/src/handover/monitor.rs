//! QEMU's own hands: what is plugged and unplugged through its monitor.

use std::time::Duration;

use serde_json::{Map, Value};
use virtfn_apply::{Hands, HandsError};
use virtfn_pci::Address;

use crate::qmp;
use crate::{Qmp, VirtError};

/// Plugs a device into a machine.
pub struct Plug<'a> {
    /// The machine's monitor.
    pub monitor: &'a mut Qmp,
    /// The device.
    pub address: Address,
    /// The port of the machine; `None`: one that is free.
    pub bus: Option<String>,
    /// The virtio interface that stays while this one is away for a migration.
    pub failover_pair: Option<String>,
    /// How long the guest may take to let go of it, where it has to be taken back.
    pub limit: Duration,
}

/// Unplugs a device from a machine.
pub struct Unplug<'a> {
    /// The machine's monitor.
    pub monitor: &'a mut Qmp,
    /// The device.
    pub address: Address,
    /// How long the guest may take to let go of it.
    pub limit: Duration,
}

/// The name in QEMU of a device that virtfn plugged in.
#[must_use]
pub fn plug_id(address: Address) -> String {
    format!("virtfn-{}", address.to_string().replace(':', "-"))
}

impl Hands for Plug<'_> {
    fn call(&mut self) -> Result<(), HandsError> {
        let bus = match &self.bus {
            Some(bus) => Some(bus.clone()),
            None => self.monitor.free_ports()?.into_iter().next(),
        };
        let host = self.address.to_string();
        let id = plug_id(self.address);
        let texts = [
            ("driver", Some("vfio-pci".to_owned())),
            ("host", Some(host)),
            ("id", Some(id)),
            ("bus", bus),
            ("failover_pair_id", self.failover_pair.clone()),
        ];
        let given = texts.into_iter().filter_map(|(key, value)| Some((key, value?)));
        let arguments: Map<String, Value> =
            given.map(|(key, value)| (key.to_owned(), value.into())).collect();
        self.monitor.device_add(arguments)?;
        match find(self.monitor, self.address)? {
            Some(_) => Ok(()),
            None => Err("QEMU took the device and does not have it".into()),
        }
    }

    fn undo(&mut self) -> Result<(), HandsError> {
        Ok(take(self.monitor, self.address, self.limit)?)
    }
}

impl Hands for Unplug<'_> {
    fn call(&mut self) -> Result<(), HandsError> {
        Ok(take(self.monitor, self.address, self.limit)?)
    }

    fn undo(&mut self) -> Result<(), HandsError> {
        Ok(())
    }
}

/// Takes a device out of the machine; one that is not in it is left alone.
fn take(monitor: &mut Qmp, address: Address, limit: Duration) -> Result<(), VirtError> {
    let Some(id) = find(monitor, address)? else { return Ok(()) };
    // An earlier request may still stand: then the answer to it is waited for.
    match monitor.device_del(&id) {
        Err(VirtError::QemuRefused { message, .. })
            if message.contains("already in the process") => {}
        asked => asked?,
    }
    match monitor.await_unplug(&id, limit)? {
        qmp::Unplug::Removed => Ok(()),
        qmp::Unplug::Refused => Err(VirtError::GuestRefused {
            guest: monitor.socket().to_owned(),
            device: address.short(),
        }),
    }
}

/// What QEMU calls a device of the host that it has.
fn find(monitor: &mut Qmp, address: Address) -> Result<Option<String>, VirtError> {
    let mut all = monitor.vfio_devices()?.into_iter();
    Ok(all.find(|device| device.host == Some(address)).map(|device| device.id))
}

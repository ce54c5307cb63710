//! Devices: plugged, unplugged, listed.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::VirtError;
use crate::deadline::Deadline;

use super::connection::Qmp;
use super::message::Event;

/// How an unplug ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unplug {
    /// `DEVICE_DELETED`: the device is out of the machine.
    Removed,
    /// `DEVICE_UNPLUG_GUEST_ERROR`: the guest refused to let go of it, and still has it.
    Refused,
}

/// A function that the guest sees: `query-pci`, as far as it is asked for here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PciDevice {
    /// Its bus number in the guest.
    pub bus: u8,
    /// Its device number.
    pub slot: u8,
    /// Its function number.
    pub function: u8,
    /// The `id=` it was given; empty without one.
    pub id: String,
    /// Its vendor and device ID.
    pub model: (u16, u16),
}

impl Qmp {
    /// Plugs a device in: `driver`, `id`, `host`, `bus` and whatever else that driver takes.
    ///
    /// # Errors
    /// When QEMU refuses.
    pub fn device_add(&mut self, arguments: Map<String, Value>) -> Result<(), VirtError> {
        self.execute("device_add", arguments).map(drop)
    }

    /// Asks the guest to let go of the device with this `id`. [`Qmp::await_unplug`] says whether it
    /// did.
    ///
    /// # Errors
    /// When QEMU refuses: no such device, or it was asked already.
    pub fn device_del(&mut self, id: &str) -> Result<(), VirtError> {
        let arguments = Map::from_iter([("id".to_owned(), id.into())]);
        self.execute("device_del", arguments).map(drop)
    }

    /// Waits until the device with this `id` is out of the machine, or the guest has refused: for
    /// `limit` at most, whatever the connection's own limit is.
    ///
    /// # Errors
    /// [`VirtError::TimedOut`] when the guest does neither: the device is then still in.
    pub fn await_unplug(&mut self, id: &str, limit: Duration) -> Result<Unplug, VirtError> {
        let operation = format!("wait for the guest to let go of {id}");
        let verdict = |event: &Event| match event.name.as_str() {
            _ if !["device", "path"].iter().any(|key| event.text(key) == Some(id)) => None,
            "DEVICE_DELETED" => Some(Unplug::Removed),
            "DEVICE_UNPLUG_GUEST_ERROR" => Some(Unplug::Refused),
            _ => None,
        };
        let ended = self.await_event(&operation, Deadline::after(limit), verdict)?;
        ended.ok_or_else(|| VirtError::TimedOut {
            object: self.socket().to_owned(),
            operation,
            limit,
            why: "the guest did not answer, and still has the device",
        })
    }

    /// Every function that the guest sees, bridges before what is behind them.
    ///
    /// # Errors
    /// When the command fails.
    pub fn pci(&mut self) -> Result<Vec<PciDevice>, VirtError> {
        let buses: Vec<Bus> = self.query("query-pci", Map::new())?;
        let mut devices = Vec::new();
        buses.into_iter().for_each(|bus| flatten(bus.devices, &mut devices));
        Ok(devices)
    }
}

/// `PciInfo` (qapi/pci.json).
#[derive(Deserialize)]
struct Bus {
    devices: Vec<Device>,
}

/// `PciDeviceInfo`.
#[derive(Deserialize)]
struct Device {
    bus: u8,
    slot: u8,
    function: u8,
    id: Model,
    qdev_id: String,
    pci_bridge: Option<Bridge>,
}

/// `PciDeviceId`.
#[derive(Deserialize)]
struct Model {
    vendor: u16,
    device: u16,
}

/// `PciBridgeInfo`. What is behind a bridge without a bus number is not told.
#[derive(Deserialize)]
struct Bridge {
    #[serde(default)]
    devices: Vec<Device>,
}

/// JSON from QEMU is at most 128 levels deep (serde_json's own limit), and so is this.
fn flatten(devices: Vec<Device>, into: &mut Vec<PciDevice>) {
    for device in devices {
        into.push(PciDevice {
            bus: device.bus,
            slot: device.slot,
            function: device.function,
            id: device.qdev_id,
            model: (device.id.vendor, device.id.device),
        });
        flatten(device.pci_bridge.map(|bridge| bridge.devices).unwrap_or_default(), into);
    }
}

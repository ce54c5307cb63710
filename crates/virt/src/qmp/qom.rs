//! QEMU's tree of objects: which devices are passed through, which ports are free.

use serde::Deserialize;
use serde_json::{Map, Value};
use virtfn_pci::Address;

use crate::VirtError;

use super::connection::Qmp;

/// Where devices with an `id` are, and where those without one.
const FOLDERS: [&str; 2] = ["/machine/peripheral", "/machine/peripheral-anon"];
/// Ports into which one PCIe device can be plugged while the machine runs.
const PORTS: [&str; 3] = ["pcie-root-port", "ioh3420", "xio3130-downstream"];

/// A device that was given on the command line or plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peripheral {
    /// Its `id`, if it was given one: `device_del` needs it.
    pub id: Option<String>,
    /// Its place in the tree.
    pub path: String,
    /// Its driver: `vfio-pci`, `pcie-root-port`…
    pub driver: String,
}

/// A device of the host in the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VfioDevice {
    /// What `device_del` takes for it: its `id`, or its place in the tree if it was given none.
    pub id: String,
    /// The host's function, where QEMU says which.
    pub host: Option<Address>,
}

/// One entry of `qom-list`.
#[derive(Deserialize)]
struct Property {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

impl Property {
    /// The type of the object, if this property holds one.
    fn child(&self) -> Option<&str> {
        self.kind.strip_prefix("child<")?.strip_suffix('>')
    }
}

impl Qmp {
    /// Every device that was given on the command line or plugged in.
    ///
    /// # Errors
    /// When a command fails.
    pub fn peripherals(&mut self) -> Result<Vec<Peripheral>, VirtError> {
        let mut found = Vec::new();
        for folder in FOLDERS {
            let properties = self.qom_list(folder)?;
            found.extend(properties.iter().filter_map(|property| peripheral(folder, property)));
        }
        Ok(found)
    }

    /// The devices of the host that this machine holds.
    ///
    /// # Errors
    /// When a command fails.
    pub fn vfio_devices(&mut self) -> Result<Vec<VfioDevice>, VirtError> {
        let mut found = Vec::new();
        for peripheral in self.peripherals()? {
            if peripheral.driver.starts_with("vfio-pci") {
                let host = self.host_function(&peripheral.path)?;
                let id = peripheral.id.unwrap_or(peripheral.path);
                found.push(VfioDevice { id, host });
            }
        }
        Ok(found)
    }

    /// The `id`s of the PCIe ports that take a device now and are empty: what `bus=` may name.
    ///
    /// # Errors
    /// When a command fails.
    pub fn free_ports(&mut self) -> Result<Vec<String>, VirtError> {
        let mut free = Vec::new();
        for port in self.peripherals()? {
            let Some(id) = port.id.filter(|_| PORTS.contains(&port.driver.as_str())) else {
                continue;
            };
            if self.takes_devices(&port.path)? && self.is_empty(&port.path, &id)? {
                free.push(id);
            }
        }
        Ok(free)
    }

    /// A property of an object.
    ///
    /// # Errors
    /// When the command fails.
    pub fn qom_get(&mut self, path: &str, property: &str) -> Result<Value, VirtError> {
        let arguments = [("path", path), ("property", property)];
        self.execute("qom-get", texts(&arguments))
    }

    fn qom_list(&mut self, path: &str) -> Result<Vec<Property>, VirtError> {
        self.query("qom-list", texts(&[("path", path)]))
    }

    /// Whether a port's `hotplug` is on. It is where it cannot be asked.
    fn takes_devices(&mut self, path: &str) -> Result<bool, VirtError> {
        match self.qom_get(path, "hotplug") {
            Ok(answer) => Ok(answer != Value::Bool(false)),
            Err(VirtError::QemuRefused { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Whether nothing is on the bus behind a port, which has the port's name. `query-pci` does not
    /// say it before the guest has numbered the bus.
    fn is_empty(&mut self, path: &str, id: &str) -> Result<bool, VirtError> {
        let properties = self.qom_list(&format!("{path}/{id}"))?;
        Ok(!properties.iter().any(|property| property.name.starts_with("child[")))
    }

    /// `host=` as it was given, or the last part of `sysfsdev=`.
    fn host_function(&mut self, path: &str) -> Result<Option<Address>, VirtError> {
        for property in ["host", "sysfsdev"] {
            match self.qom_get(path, property) {
                Ok(answer) => {
                    let text = answer.as_str().unwrap_or_default();
                    let last = text.rsplit('/').next().unwrap_or_default();
                    if let Ok(address) = last.parse() {
                        return Ok(Some(address));
                    }
                }
                Err(VirtError::QemuRefused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

fn peripheral(folder: &str, property: &Property) -> Option<Peripheral> {
    let driver = property.child()?.to_owned();
    // Without an `id`, QEMU names them device[0] and so on.
    let id = (folder == FOLDERS[0]).then(|| property.name.clone());
    Some(Peripheral { id, path: format!("{folder}/{}", property.name), driver })
}

fn texts(arguments: &[(&str, &str)]) -> Map<String, Value> {
    arguments.iter().map(|(name, text)| ((*name).to_owned(), Value::from(*text))).collect()
}

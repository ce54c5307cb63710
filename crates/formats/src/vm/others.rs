//! Cloud Hypervisor's words.

use virtfn_pci::Address;

/// The arguments that give a function to a guest of Cloud Hypervisor: `--device path=…`. It has to be
/// VFIO's before (docs/vfio.md there).
#[must_use]
pub fn cloud_hypervisor_arg(devices: &[Address]) -> Vec<String> {
    let value = |device: &Address| format!("path=/sys/bus/pci/devices/{device}/");
    let values = devices.iter().map(value);
    // One option, and a value for each device.
    std::iter::once("--device".to_owned()).chain(values).collect()
}

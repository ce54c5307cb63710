//! Where a step's function is: VFs get their places when they are made.

use virtfn_host::{Host, VfId};
use virtfn_pci::Address;
use virtfn_plan::Target;

/// By what was seen before the steps ran.
pub(crate) fn of(host: &Host, target: Target) -> Option<Address> {
    match target {
        Target::Function(address) => Some(address),
        Target::Vf(VfId { pf, index }) => host.functions.get(&pf)?.pf()?.vfs.get(&index).copied(),
    }
}

/// The path of a function's attribute.
pub(crate) fn attribute(function: Address, name: &str) -> String {
    format!("sys/bus/pci/devices/{function}/{name}")
}

//! Where a step's function is: VFs get their places when they are made.

use virtfn_host::{Host, VfId};
use virtfn_kernel::{SysRoot, path};
use virtfn_pci::Address;
use virtfn_plan::Target;

/// By what was seen before the steps ran.
pub(crate) fn of(host: &Host, target: Target) -> Option<Address> {
    match target {
        Target::Function(address) => Some(address),
        Target::Vf(VfId { pf, index }) => host.functions.get(&pf)?.pf()?.vfs.get(&index).copied(),
    }
}

/// By what is there now.
pub(crate) fn now(root: &SysRoot, target: Target) -> Option<Address> {
    match target {
        Target::Function(address) => Some(address),
        Target::Vf(VfId { pf, index }) => {
            let link = root.link(&attribute(pf, &format!("virtfn{index}")));
            path::last(link.known()?).parse().ok()
        }
    }
}

/// The path of a function's attribute.
pub(crate) fn attribute(function: Address, name: &str) -> String {
    format!("sys/bus/pci/devices/{function}/{name}")
}

//! What devlink changes, read back; and what of a PF moves when it does.

use virtfn_host::{EswitchMode, Host};
use virtfn_kernel::SysRoot;
use virtfn_kernel::netlink::devlink::Devlink;
use virtfn_pci::Address;

use crate::error::Cause;
use crate::place::attribute;

/// Does the switch work as it shall?
pub(crate) fn read_back_eswitch(pf: Address, wanted: EswitchMode) -> Result<(), Cause> {
    let now = Devlink::open().and_then(|mut devlink| devlink.eswitch(&pf.into()));
    match now {
        Ok(now) if now == wanted => Ok(()),
        Ok(now) => Err(Cause::ReadBack(format!("the kernel took the write, and it is {now}"))),
        Err(error) => Err(Cause::ReadBack(format!("its mode cannot be read back: {error}"))),
    }
}

/// The number of a PF's own interface as it is now: some drivers make it anew with another mode, and
/// the VFs' representors stand beside it.
pub(crate) fn ifindex(root: &SysRoot, host: &Host, pf: Address) -> Option<u32> {
    let number = |name: &str| {
        let path = attribute(pf, &format!("net/{name}/ifindex"));
        root.parse(&path, |text| text.parse().ok()).known().copied()
    };
    let own = host.netdevs_of(pf).find(|netdev| !is_representor(root, pf, &netdev.name));
    let kept = own.filter(|netdev| number(&netdev.name) == Some(netdev.ifindex));
    if let Some(netdev) = kept {
        return Some(netdev.ifindex);
    }
    let names = root.names(&attribute(pf, "net"), |_| true);
    let own = names.known()?.iter().find(|name| !is_representor(root, pf, name));
    own.and_then(|name| number(name))
}

/// A VF's or a subfunction's interface on the host has a port name such as `pf0vf3` or `pf0sf88`.
fn is_representor(root: &SysRoot, pf: Address, netdev: &str) -> bool {
    let port = root.text(&attribute(pf, &format!("net/{netdev}/phys_port_name")));
    port.known().is_some_and(|name| name.contains("vf") || name.contains("sf"))
}

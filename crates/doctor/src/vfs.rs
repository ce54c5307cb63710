//! What a PF's driver, and the host's own interfaces, say of a VF.

use std::collections::BTreeMap;

use virtfn_host::{Function, Host, MacAddress, Netdev, Seen, VfAdmin};
use virtfn_pci::Address;

use crate::opinion::Opinion;

/// libvirt gives this where it wants to give none, and a driver takes no zeros.
const LIBVIRT_NONE: MacAddress = MacAddress::new([2, 0, 0, 0, 0, 0]);

/// The settings of a VF on its PF's side. Absent: the driver says nothing of this one.
pub(crate) fn admin<'h>(host: &'h Host, vf: &Function) -> Seen<&'h VfAdmin> {
    let Some(id) = vf.vf() else { return Seen::Absent };
    let pf = host.functions.get(&id.pf).and_then(Function::pf);
    pf.map_or(Seen::Absent, |pf| match &pf.admin {
        Seen::Known(all) => all.get(&id.index).map_or(Seen::Absent, Seen::Known),
        Seen::Absent => Seen::Absent,
        Seen::Unreadable(unreadable) => Seen::Unreadable(unreadable.clone()),
    })
}

/// Where its settings were read: `netlink eth0 vf 3`.
pub(crate) fn place(host: &Host, vf: &Function) -> String {
    let Some(id) = vf.vf() else {
        return format!("netlink {}", vf.netdevs.first().map_or("?", String::as_str));
    };
    let name = host.functions.get(&id.pf).and_then(|pf| pf.netdevs.first());
    format!("netlink {} vf {}", name.map_or("?", String::as_str), id.index)
}

/// How `ip link` names it.
pub(crate) fn ip_link(host: &Host, vf: &Function) -> String {
    let Some(id) = vf.vf() else { return "ip link show".into() };
    let name = host.functions.get(&id.pf).and_then(|pf| pf.netdevs.first());
    format!("ip link set {} vf {}", name.map_or("PF", String::as_str), id.index)
}

/// The address that it was given, if it was given one.
pub(crate) fn given_mac(admin: &VfAdmin) -> Option<MacAddress> {
    admin.mac.filter(|mac| !mac.is_zero() && *mac != LIBVIRT_NONE)
}

/// Is it a network function? Others have no address and no link.
pub(crate) const fn is_network(function: &Function) -> bool {
    function.is_network()
}

/// The host's interfaces by the function that each belongs to, looked up many times.
pub(crate) struct Interfaces<'h>(BTreeMap<Address, &'h Netdev>);

impl<'h> Interfaces<'h> {
    /// Those of a host.
    pub(crate) fn of(host: &'h Host) -> Self {
        let all = host.netdevs.known().map_or(&[][..], Vec::as_slice);
        Self(all.iter().rev().filter_map(|netdev| Some((netdev.function?, netdev))).collect())
    }

    /// The first interface of a function, if it has one here.
    pub(crate) fn at(&self, address: Address) -> Option<&'h Netdev> {
        self.0.get(&address).copied()
    }
}

/// No settings were to be seen of it.
pub(crate) fn unseen(host: &Host, vf: &Function, admin: &Seen<&VfAdmin>, what: &str) -> Opinion {
    let opinion = Opinion::unknown(format!("{what} could not be seen"));
    match admin {
        // Nobody said so: that is no evidence of anything.
        Seen::Absent | Seen::Known(_) => opinion.saw(place(host, vf), "not reported"),
        Seen::Unreadable(unreadable) => opinion.could_not_see(unreadable),
    }
}

/// The addresses by which a function is known, and the bond or bridge that it belongs to.
pub(crate) struct Addresses<'h> {
    macs: [Option<MacAddress>; 2],
    pub(crate) master: Option<&'h str>,
}

impl<'h> Addresses<'h> {
    /// Those of a function.
    pub(crate) fn of(host: &'h Host, interfaces: &Interfaces<'h>, function: &Function) -> Self {
        let own = interfaces.at(function.address);
        let given = admin(host, function).known().and_then(|admin| given_mac(admin));
        Self {
            macs: [given, own.and_then(|netdev| netdev.mac).filter(|mac| !mac.is_zero())],
            master: own.and_then(|netdev| netdev.master.as_deref()),
        }
    }

    /// Each that there is.
    pub(crate) fn all(&self) -> impl Iterator<Item = MacAddress> {
        self.macs.into_iter().flatten()
    }
}

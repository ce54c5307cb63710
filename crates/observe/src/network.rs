//! Network interfaces of PCI functions, and their VFs' settings.

use std::collections::{BTreeMap, BTreeSet};

use virtfn_host::{Function, Host, Netdev, Reason, Role, Seen, Unreadable};
use virtfn_kernel::SysRoot;
use virtfn_kernel::netlink::{Netlink, NetlinkError, VfList, links, vf_list};
use virtfn_pci::Address;

use crate::functions::Paths;
use crate::look::Look;

const IFF_UP: u32 = 1;
/// `NET_ADDR_RANDOM` (include/linux/netdevice.h).
const RANDOM_ADDRESS: u32 = 1;

/// Reads the interfaces: over netlink, or from sysfs where a recording has no answer of netlink's.
pub(crate) fn read_netdevs(root: &SysRoot, host: &mut Host, paths: &Paths) {
    let owners = owners(host, paths);
    let told = root.fact("links", || ask(links).map(|all| only_owned(all, &owners)));
    host.netdevs = match told {
        Seen::Absent => {
            Seen::Known(owners.iter().filter_map(|owner| from_sysfs(root, owner)).collect())
        }
        told => told.map(|netdevs| finish(root, netdevs, &owners)),
    };
    own_first(host);
}

/// A PF's own interface is its first, before the representors of its VFs.
fn own_first(host: &mut Host) {
    let Seen::Known(netdevs) = &mut host.netdevs else { return };
    netdevs.sort_by_key(Netdev::is_representor);
    let representors = netdevs.iter().filter(|netdev| netdev.is_representor());
    let representors: BTreeSet<&str> = representors.map(|netdev| netdev.name.as_str()).collect();
    if representors.is_empty() {
        return;
    }
    for function in host.functions.values_mut() {
        function.netdevs.sort_by_key(|name| representors.contains(name.as_str()));
    }
}

/// Reads what each PF's driver says of its VFs.
pub(crate) fn read_admin(root: &SysRoot, host: &mut Host, look: &Look) {
    let netdevs = host.netdevs.known().into_iter().flatten();
    let ifindexes: BTreeMap<Address, u32> = netdevs
        .filter(|netdev| !netdev.is_representor())
        .filter_map(|netdev| Some((netdev.function?, netdev.ifindex)))
        .collect();
    let wanted = |function: &&mut Function| look.covers_settings(function);
    for function in host.functions.values_mut().filter(wanted) {
        let Role::Pf(pf) = &mut function.role else {
            continue;
        };
        if pf.vfs.is_empty() {
            pf.admin = Seen::Known(BTreeMap::new());
            continue;
        }
        pf.admin = match ifindexes.get(&function.address) {
            Some(ifindex) => read_vfs(root, function.address, *ifindex),
            None => Seen::Absent,
        };
    }
}

fn read_vfs(
    root: &SysRoot,
    pf: Address,
    ifindex: u32,
) -> Seen<BTreeMap<virtfn_host::VfIndex, virtfn_host::VfAdmin>> {
    let told = root.fact(&format!("vfs-{pf}"), || ask(|netlink| vf_list(netlink, ifindex)));
    told.map(|list: VfList| list.vfs)
}

fn ask<T>(question: impl FnOnce(&mut Netlink) -> Result<T, NetlinkError>) -> Seen<T> {
    let answer = Netlink::open().and_then(|mut netlink| question(&mut netlink));
    let why = match answer {
        Ok(value) => return Seen::Known(value),
        Err(NetlinkError::TimedOut) => Reason::TimedOut,
        Err(error) => match error.errno() {
            Some(rustix_errno) if is_permission(rustix_errno.raw_os_error()) => {
                Reason::NotPermitted
            }
            _ => Reason::Failed(error.to_string()),
        },
    };
    Seen::Unreadable(Unreadable { path: String::new(), why })
}

const fn is_permission(errno: i32) -> bool {
    const EPERM: i32 = 1;
    const EACCES: i32 = 13;
    matches!(errno, EPERM | EACCES)
}

/// An interface of a function, and where its attributes are.
struct Owner {
    function: Address,
    netdev: String,
    path: String,
}

fn owners(host: &Host, paths: &Paths) -> Vec<Owner> {
    let of = |function: &virtfn_host::Function| {
        let path = paths.get(&function.address)?;
        let owner = |netdev: &String| Owner {
            function: function.address,
            netdev: netdev.clone(),
            path: format!("{path}/net/{netdev}"),
        };
        Some(function.netdevs.iter().map(owner).collect::<Vec<_>>())
    };
    host.functions.values().filter_map(of).flatten().collect()
}

fn by_name(owners: &[Owner]) -> BTreeMap<&str, &Owner> {
    owners.iter().map(|owner| (owner.netdev.as_str(), owner)).collect()
}

fn only_owned(mut all: Vec<Netdev>, owners: &[Owner]) -> Vec<Netdev> {
    let owners = by_name(owners);
    all.retain(|netdev| owners.contains_key(netdev.name.as_str()));
    all
}

/// Adds what netlink did not tell: the function on older kernels, speed, how the address came.
fn finish(root: &SysRoot, netdevs: Vec<Netdev>, owners: &[Owner]) -> Vec<Netdev> {
    let owners = by_name(owners);
    let complete = |mut netdev: Netdev| {
        let owner = owners.get(netdev.name.as_str())?;
        netdev.function = Some(owner.function);
        add_from_sysfs(root, owner, &mut netdev);
        Some(netdev)
    };
    netdevs.into_iter().filter_map(complete).collect()
}

fn add_from_sysfs(root: &SysRoot, owner: &Owner, netdev: &mut Netdev) {
    let number =
        |name: &str| root.parse(&format!("{}/{name}", owner.path), |text| text.parse::<u32>().ok());
    netdev.random_mac = number("addr_assign_type").known().map(|kind| *kind == RANDOM_ADDRESS);
    if netdev.carrier == Some(true) {
        // -1 and 0 are "unknown".
        netdev.speed_mbps = number("speed").known().copied().filter(|speed| *speed > 0);
    }
}

/// An interface as sysfs alone shows it: without its IP addresses and its permanent MAC.
fn from_sysfs(root: &SysRoot, owner: &Owner) -> Option<Netdev> {
    let text = |name: &str| root.text(&format!("{}/{name}", owner.path)).known().cloned();
    let up = crate::functions::parse_hex(&text("flags")?)? & IFF_UP != 0;
    let mut netdev = Netdev {
        name: owner.netdev.clone(),
        ifindex: text("ifindex").and_then(|text| text.parse().ok()).unwrap_or(0),
        function: Some(owner.function),
        port: text("phys_port_name").filter(|name| !name.is_empty()),
        mac: text("address").and_then(|text| text.parse().ok()),
        permanent_mac: None,
        random_mac: None,
        up,
        carrier: if up { text("carrier").map(|text| text == "1") } else { None },
        speed_mbps: None,
        mtu: text("mtu").and_then(|text| text.parse().ok()),
        master: root.link_name(&format!("{}/master", owner.path)).known().cloned(),
        addresses: Vec::new(),
    };
    add_from_sysfs(root, owner, &mut netdev);
    Some(netdev)
}

//! Who uses what: processes behind VFIO and UIO, interfaces in use, interfaces moved away.

use std::collections::{BTreeMap, BTreeSet};

use virtfn_host::{
    Function, Guest, Guests, Holder, HolderKind, Host, Netdev, Reason, Seen, Unreadable,
};
use virtfn_kernel::SysRoot;
use virtfn_kernel::namespaces::{self, Elsewhere};
use virtfn_kernel::processes::{OpenNode, OpenNodes, open_nodes};
use virtfn_pci::Address;

use crate::functions::Paths;

/// What tells of users, gathered once for all functions.
struct Signs {
    nodes: Seen<OpenNodes>,
    elsewhere: BTreeMap<Address, Elsewhere>,
    netdevs: Seen<BTreeMap<Address, Vec<Netdev>>>,
}

/// The nodes that hand functions to user space, and who has them open.
pub(crate) fn nodes(root: &SysRoot) -> Seen<OpenNodes> {
    root.fact("open-nodes", open_nodes)
}

/// Reads who uses each function; the guests are known by now.
pub(crate) fn read(root: &SysRoot, host: &mut Host, paths: &Paths, nodes: Seen<OpenNodes>) {
    let signs = Signs {
        nodes,
        elsewhere: read_elsewhere(root, host),
        netdevs: host.netdevs.as_ref().map(|netdevs| by_function(netdevs)),
    };
    for function in host.functions.values_mut() {
        let path = paths.get(&function.address).map_or("", String::as_str);
        function.holders = of_function(root, function, path, &signs);
    }
    if let Seen::Known(guests) = &mut host.guests {
        name_guests(&mut host.functions, guests);
    }
}

/// Puts guests and holders together: a process that is a guest is called so, and has what it holds;
/// a guest that has a function by its record uses it, also where its process may not be looked at.
fn name_guests(functions: &mut BTreeMap<Address, Function>, guests: &mut Guests) {
    let by_process: BTreeMap<u32, usize> =
        (0..).zip(&guests.found).filter_map(|(at, one)| Some((one.state.pid()?, at))).collect();
    for function in functions.values_mut() {
        let Seen::Known(holders) = &mut function.holders else { continue };
        for holder in holders.iter_mut().filter(|holder| holder.kind == HolderKind::Process) {
            let at = holder.pid.and_then(|pid| by_process.get(&pid));
            if let Some(guest) = at.and_then(|at| guests.found.get_mut(*at)) {
                holder.vm = Some(guest.vm());
                guest.devices.insert(function.address);
            }
        }
    }
    for guest in guests.found.iter().filter(|guest| guest.state.is_live()) {
        for device in &guest.devices {
            if let Some(function) = functions.get_mut(device) {
                hold_by_record(function, guest);
            }
        }
    }
}

fn hold_by_record(function: &mut Function, guest: &Guest) {
    let holder = Holder {
        kind: HolderKind::Unseen,
        name: match guest.state.pid() {
            Some(_) => "a process".into(),
            None => "a process to come".into(),
        },
        pid: guest.state.pid(),
        through: format!("{}'s record", guest.managed_by),
        vm: Some(guest.vm()),
    };
    match &mut function.holders {
        Seen::Known(holders) if holders.iter().any(|one| one.vm == holder.vm) => {}
        Seen::Known(holders) => holders.push(holder),
        unseen => *unseen = Seen::Known(vec![holder]),
    }
}

fn by_function(netdevs: &[Netdev]) -> BTreeMap<Address, Vec<Netdev>> {
    let mut all: BTreeMap<Address, Vec<Netdev>> = BTreeMap::new();
    for netdev in netdevs {
        if let Some(function) = netdev.function {
            all.entry(function).or_default().push(netdev.clone());
        }
    }
    all
}

fn of_function(
    root: &SysRoot,
    function: &Function,
    path: &str,
    signs: &Signs,
) -> Seen<Vec<Holder>> {
    if function.is_passed_through() {
        let names = device_names(root, path);
        return signs.nodes.as_ref().and_then(|nodes| processes(function, &names, nodes));
    }
    if is_moved_away(function) {
        return moved(function, signs.elsewhere.get(&function.address));
    }
    if function.netdevs.is_empty() {
        return Seen::Known(Vec::new());
    }
    signs.netdevs.as_ref().map(|netdevs| {
        let own = netdevs.get(&function.address).into_iter().flatten();
        own.filter_map(|netdev| in_use(root, path, netdev)).collect()
    })
}

/// The nodes below /dev that belong to this function alone.
fn device_names(root: &SysRoot, path: &str) -> BTreeSet<String> {
    let names = |folder: &str, prefix: &str| {
        let names = root.names(&format!("{path}/{folder}"), |_| true);
        names
            .known()
            .into_iter()
            .flatten()
            .map(|name| format!("{prefix}{name}"))
            .collect::<Vec<_>>()
    };
    let cdevs = names("vfio-dev", "/dev/vfio/devices/");
    cdevs.into_iter().chain(names("uio", "/dev/")).collect()
}

fn processes(
    function: &Function,
    names: &BTreeSet<String>,
    nodes: &OpenNodes,
) -> Seen<Vec<Holder>> {
    let group = function.iommu_group;
    let groups: Vec<String> = group
        .map(|id| vec![format!("/dev/vfio/{id}"), format!("/dev/vfio/noiommu-{id}")])
        .unwrap_or_default();
    let is_its = |node: &&OpenNode| {
        node.function == Some(function.address)
            || names.contains(&node.target)
            || groups.contains(&node.target)
    };
    let mut holders: Vec<Holder> = nodes.nodes.iter().filter(is_its).map(holder).collect();
    holders.sort();
    holders.dedup_by_key(|holder| holder.pid);
    if !holders.is_empty() {
        return Seen::Known(holders);
    }
    let why = match nodes.nameless().first() {
        Some(node) => Reason::Failed(format!(
            "{} (pid {}) holds a VFIO device, and this kernel does not say which",
            node.name, node.pid
        )),
        None if !nodes.complete => Reason::NotPermitted,
        None => return Seen::Known(Vec::new()),
    };
    Seen::Unreadable(Unreadable { path: "proc/*/fd".into(), why })
}

fn holder(node: &OpenNode) -> Holder {
    Holder {
        kind: HolderKind::Process,
        name: node.name.clone(),
        pid: Some(node.pid),
        through: node.target.clone(),
        vm: None,
    }
}

/// A network function whose driver made an interface that is not in this namespace.
fn is_moved_away(function: &Function) -> bool {
    function.is_network()
        && function.driver.is_some()
        && function.netdevs.is_empty()
        && !function.is_passed_through()
}

fn read_elsewhere(root: &SysRoot, host: &Host) -> BTreeMap<Address, Elsewhere> {
    let away: Vec<Address> = host
        .functions
        .values()
        .filter(|function| is_moved_away(function))
        .map(|function| function.address)
        .collect();
    if away.is_empty() {
        return BTreeMap::new();
    }
    let found = root.fact("elsewhere", || Seen::Known(namespaces::find(&away)));
    found.known().cloned().unwrap_or_default()
}

fn moved(function: &Function, place: Option<&Elsewhere>) -> Seen<Vec<Holder>> {
    match place {
        Some(place) => Seen::Known(vec![Holder {
            kind: HolderKind::Netns,
            name: place.namespace.clone(),
            pid: place.pid,
            through: format!("as {}", place.netdev),
            vm: None,
        }]),
        // Not every driver makes an interface of a whole function; of a VF it does.
        None if function.vf().is_none() => Seen::Known(Vec::new()),
        None => Seen::Unreadable(Unreadable {
            path: "proc/*/ns/net".into(),
            why: Reason::Failed(
                "its network interface is in no network namespace that can be seen".into(),
            ),
        }),
    }
}

/// An interface that is up with addresses, enslaved, or carries others.
fn in_use(root: &SysRoot, path: &str, netdev: &Netdev) -> Option<Holder> {
    let uppers =
        root.names(&format!("{path}/net/{}", netdev.name), |name| name.starts_with("upper_"));
    let uppers =
        uppers.known().into_iter().flatten().filter_map(|name| name.strip_prefix("upper_"));
    let uppers: Vec<&str> = uppers.filter(|name| Some(*name) != netdev.master.as_deref()).collect();
    let addresses: Vec<String> = netdev.addresses.iter().map(ToString::to_string).collect();
    let through = match &netdev.master {
        Some(master) => format!("port of {master}"),
        None if !uppers.is_empty() => format!("below {}", uppers.join(", ")),
        None if netdev.up && !addresses.is_empty() => format!("up, {}", addresses.join(", ")),
        None => return None,
    };
    let (kind, name) = (HolderKind::Netdev, netdev.name.clone());
    Some(Holder { kind, name, pid: None, through, vm: None })
}

//! Who looks after interfaces and nodes: udev's database, network managers, libvirt, `/dev/vfio`.
//!
//! One fact holds what is no file of the kernel's own, so that a recording can tell "nobody" from
//! "not recorded".

use std::collections::{BTreeMap, BTreeSet};

use virtfn_host::{
    Function, Host, MasterKind, Netdev, Role, SavedVf, Seen, Upkeep, is_vfio_driver,
};
use virtfn_kernel::SysRoot;

use crate::functions::Paths;

const NETWORK_MANAGER: &str = "run/NetworkManager/devices";
const NETWORKD: &str = "run/systemd/netif/links";
const VLANS: &str = "proc/net/vlan/config";
const HOSTDEVS: &str = "run/libvirt/hostdevmgr";
/// These files hold a few lines each.
const MAX_STATE_BYTES: usize = 64 << 10;
/// As many of libvirt's files are kept.
const MAX_HOSTDEVS: usize = 4096;
/// An InfiniBand controller.
const INFINIBAND: u32 = 0x0207;

pub(crate) fn read(root: &SysRoot, host: &Host, paths: &Paths) -> Upkeep {
    let mut upkeep = match root.fact("upkeep", || Seen::Known(ask(root, host))) {
        Seen::Known(upkeep) => upkeep,
        Seen::Absent => Upkeep::unrecorded(),
        Seen::Unreadable(unreadable) => Upkeep::all(&Seen::Unreadable(unreadable)),
    };
    upkeep.masters = masters(root, host);
    let pfs = host.pfs().filter(|(function, _)| function.driver.as_deref() == Some("mlx5_core"));
    let state = |function: &Function| {
        let address = function.address;
        (address, root.text(&format!("sys/kernel/debug/mlx5/{address}/lag/state")))
    };
    upkeep.lag_states = pfs.map(|(function, _)| state(function)).collect();
    upkeep.node_guids = node_guids(root, host, paths);
    upkeep
}

fn ask(root: &SysRoot, host: &Host) -> Upkeep {
    let netdevs = host.netdevs.known().map_or(&[][..], Vec::as_slice);
    let of = |is: fn(&Function) -> bool| {
        let owner = move |netdev: &&Netdev| {
            let function = netdev.function.and_then(|address| host.functions.get(&address));
            function.is_some_and(is)
        };
        netdevs.iter().filter(owner)
    };
    let hostdevs = or_none(root.peek_names(HOSTDEVS, |_| true))
        .map(|names: Vec<String>| names.into_iter().take(MAX_HOSTDEVS).collect());
    Upkeep {
        link_files: link_files(root, of(|function| function.pf().is_some())),
        managers: managers(root, of(|function| function.vf().is_some())),
        vlans: vlans(root),
        saved: saved(root, &hostdevs),
        hostdevs,
        vfio_nodes: vfio_nodes(root, host),
        ..Upkeep::unrecorded()
    }
}

/// Live, what is not there is known not to be there.
fn or_none<T: Default>(seen: Seen<T>) -> Seen<T> {
    match seen {
        Seen::Absent => Seen::Known(T::default()),
        other => other,
    }
}

/// What libvirt would put back, of the files that can be read.
fn saved(root: &SysRoot, files: &Seen<BTreeSet<String>>) -> BTreeMap<String, SavedVf> {
    let saved = |name: &String| {
        let text = root.peek(&format!("{HOSTDEVS}/{name}"), MAX_STATE_BYTES);
        Some((name.clone(), virtfn_formats::guest::saved(text.known()?)?))
    };
    files.known().into_iter().flatten().filter_map(saved).collect()
}

fn link_files<'h>(
    root: &SysRoot,
    netdevs: impl Iterator<Item = &'h Netdev>,
) -> Seen<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for netdev in netdevs {
        let path = format!("run/udev/data/n{}", netdev.ifindex);
        match root.peek(&path, MAX_STATE_BYTES) {
            Seen::Known(text) => {
                let file = value(&text, "E:ID_NET_LINK_FILE=").unwrap_or_default();
                files.insert(netdev.name.clone(), file.trim_start_matches('/').to_owned());
            }
            Seen::Absent => {}
            Seen::Unreadable(unreadable) => return Seen::Unreadable(unreadable),
        }
    }
    Seen::Known(files)
}

/// Interfaces that a network manager looks after. The folders are listed once: on most hosts few
/// VFs are in them.
fn managers<'h>(
    root: &SysRoot,
    netdevs: impl Iterator<Item = &'h Netdev>,
) -> Seen<BTreeMap<String, String>> {
    let numbered = |folder: &str| {
        or_none(root.peek_names(folder, |name| name.parse::<u32>().is_ok()))
            .map(|names: Vec<String>| names.into_iter().collect::<BTreeSet<String>>())
    };
    let (nm, networkd) = match (numbered(NETWORK_MANAGER), numbered(NETWORKD)) {
        (Seen::Known(nm), Seen::Known(networkd)) => (nm, networkd),
        (Seen::Unreadable(unreadable), _) | (_, Seen::Unreadable(unreadable)) => {
            return Seen::Unreadable(unreadable);
        }
        _ => return Seen::Absent,
    };
    let mut managers = BTreeMap::new();
    for netdev in netdevs {
        let number = netdev.ifindex.to_string();
        let state = |folder: &str, known: &BTreeSet<String>| {
            let path = format!("{folder}/{number}");
            known.contains(&number).then(|| root.peek(&path, MAX_STATE_BYTES))
        };
        let told = [
            state(NETWORK_MANAGER, &nm).map(|text| text.map(|text| by_network_manager(&text))),
            state(NETWORKD, &networkd).map(|text| text.map(|text| by_networkd(&text))),
        ];
        for one in told.into_iter().flatten() {
            match one {
                Seen::Known(Some(manager)) => drop(managers.insert(netdev.name.clone(), manager)),
                Seen::Known(None) | Seen::Absent => {}
                Seen::Unreadable(unreadable) => return Seen::Unreadable(unreadable),
            }
        }
    }
    Seen::Known(managers)
}

/// A device's state file, `NetworkManager(8)`: `managed=true` once it looks after it.
fn by_network_manager(text: &str) -> Option<String> {
    (value(text, "managed=")? == "true").then(|| "NetworkManager".to_owned())
}

/// A link's state file, `sd-network`: what is not `unmanaged` follows a `.network` file.
fn by_networkd(text: &str) -> Option<String> {
    let file = value(text, "NETWORK_FILE=")?;
    let state = value(text, "ADMIN_STATE=")?;
    matches!(state, "configuring" | "configured").then(|| format!("systemd-networkd by {file}"))
}

fn value<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim)
}

fn vlans(root: &SysRoot) -> Seen<BTreeMap<String, BTreeSet<String>>> {
    let text = match root.peek(VLANS, MAX_STATE_BYTES * 16) {
        Seen::Known(text) => text,
        // Without its module, or before its first VLAN, there is none.
        Seen::Absent => return Seen::Known(BTreeMap::new()),
        Seen::Unreadable(unreadable) => return Seen::Unreadable(unreadable),
    };
    Seen::Known(parse_vlans(&text))
}

/// `eth0.5         | 5  | eth0`, after two lines of heading.
fn parse_vlans(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().skip(2) {
        let mut parts = line.split('|').map(str::trim);
        if let (Some(name), Some(_), Some(lower)) = (parts.next(), parts.next(), parts.next()) {
            all.entry(lower.to_owned()).or_default().insert(name.to_owned());
        }
    }
    all
}

/// The nodes of functions that a VFIO driver has, and the container. None is opened.
fn vfio_nodes(root: &SysRoot, host: &Host) -> Seen<BTreeMap<String, bool>> {
    let on_vfio = |function: &&Function| function.driver.as_deref().is_some_and(is_vfio_driver);
    let groups: BTreeSet<u32> =
        host.functions.values().filter(on_vfio).filter_map(|one| one.iommu_group).collect();
    let container = (!groups.is_empty()).then(|| "dev/vfio/vfio".to_owned());
    let paths = groups.iter().map(|group| format!("dev/vfio/{group}")).chain(container);
    let mut nodes = BTreeMap::new();
    for path in paths {
        match root.may_use(&path) {
            Seen::Known(may) => drop(nodes.insert(path, may)),
            Seen::Absent => {}
            Seen::Unreadable(unreadable) => return Seen::Unreadable(unreadable),
        }
    }
    Seen::Known(nodes)
}

fn masters(root: &SysRoot, host: &Host) -> BTreeMap<String, MasterKind> {
    let netdevs = host.netdevs.known().into_iter().flatten();
    let names: BTreeSet<&String> = netdevs.filter_map(|netdev| netdev.master.as_ref()).collect();
    let kind = |name: &String| {
        let text = root.text(&format!("sys/devices/virtual/net/{name}/uevent"));
        let kind = match value(text.known()?, "DEVTYPE=") {
            Some("bridge") => MasterKind::Bridge,
            Some("bond") => MasterKind::Bond,
            _ => MasterKind::Other,
        };
        Some((name.clone(), kind))
    };
    names.into_iter().filter_map(kind).collect()
}

fn node_guids(
    root: &SysRoot,
    host: &Host,
    paths: &Paths,
) -> BTreeMap<virtfn_pci::Address, Seen<String>> {
    let is_vf = |function: &&Function| {
        matches!(function.role, Role::Vf(_)) && function.ids.class >> 8 == INFINIBAND
    };
    let guid = |function: &Function| {
        let folder = format!("{}/infiniband", paths.get(&function.address)?);
        let guid = root.names(&folder, |_| true).and_then(|names| match names.first() {
            Some(name) => root.text(&format!("{folder}/{name}/node_guid")),
            None => Seen::Absent,
        });
        Some((function.address, guid))
    };
    host.functions.values().filter(is_vf).filter_map(guid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_network_managers_are_read() {
        let managed = "# This is private data. Do not parse.\n[device]\nmanaged=true\n";
        assert_eq!(by_network_manager(managed).as_deref(), Some("NetworkManager"));
        assert_eq!(by_network_manager("[device]\nmanaged=false\n"), None);
        assert_eq!(by_network_manager(""), None);
        let configured = "ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/all.network\n";
        let said = "systemd-networkd by /etc/systemd/network/all.network";
        assert_eq!(by_networkd(configured).as_deref(), Some(said));
        assert_eq!(by_networkd("ADMIN_STATE=unmanaged\n"), None);
    }

    #[test]
    fn vlans_are_read_by_what_they_stand_on() {
        let text = "VLAN Dev name    | VLAN ID\nName-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD\n\
                    eth1.5         | 5  | eth1\neth1.6         | 6  | eth1\nbroken\n";
        let all = parse_vlans(text);
        assert_eq!(all.len(), 1);
        assert_eq!(all["eth1"].iter().collect::<Vec<_>>(), ["eth1.5", "eth1.6"]);
        assert!(parse_vlans("").is_empty());
    }
}

//! Bridges, bonds, names, network managers, and what the log says of making VFs.

use std::collections::{BTreeMap, BTreeSet};

use virtfn_doctor::Verdict::{NotApplicable, Pass, Unknown, Warn};
use virtfn_host::{
    Function, Host, MasterKind, Mbps, Netdev, Reason, Seen, Unreadable, Upkeep, VfAdmin, VfIndex,
    VlanId,
};

use super::{Case, at, case, edit_config, extended, for_vfs, forbidden, pf, runs};

const PF: &str = "01:00.0";
const VF: &str = "01:10.0";

pub(crate) const CASES: &[Case] = &[
    case("making-vfs-refused", Warn, "no room", |host| {
        say(host, "igb 0000:01:00.0: not enough MMIO resources for SR-IOV");
    }),
    case("making-vfs-refused", Warn, "past the bus", |host| {
        say(host, "pci 0000:01:00.0: can't enable 7 VFs (bus 02 out of range of [bus 01])");
    }),
    case("making-vfs-refused", Pass, "another card's", |host| {
        say(host, "igb 0000:02:00.0: not enough MMIO resources for SR-IOV");
    }),
    case("making-vfs-refused", Unknown, "a log without its beginning", |host| {
        log(host).drain(..100);
    }),
    case("vf-driver-without-pf", Warn, "of two origins", |host| {
        say(host, "iavf 0000:01:10.0: PF returned error -5 (IAVF_ERR_PARAM) to our request 3");
    }),
    case("eswitch-change-refused", Warn, "ice with VFs", |host| {
        let said = "Changing eswitch mode is allowed only if there is no VFs created";
        say(host, &format!("ice 0000:01:00.0: {said}"));
    }),
    case("legacy-setting-in-switchdev", Warn, "trust", |host| {
        say(host, "ice 0000:01:00.0: Trusted VF is forbidden in switchdev mode");
    }),
    case("vf-refused-by-pf", Warn, "too much promised", |host| {
        say(
            host,
            "ice 0000:01:00.0: min_tx_rate of 9000 Mbps on VF 1 would cause oversubscription",
        );
    }),
    case("vf-lag-not-active", Warn, "a bond that the card knows nothing of", |host| {
        enslave(host, PF, "bond0", MasterKind::Bond);
    }),
    case("vf-lag-not-active", Warn, "a LAG that is off", |host| lag(host, "disabled")),
    case("vf-lag-not-active", Pass, "a LAG that is on", |host| lag(host, "active")),
    case("vf-lag-not-active", Unknown, "a master of unknown kind", |host| {
        enslave(host, PF, "bond0", MasterKind::Bond);
        host.platform.upkeep.masters.clear();
    }),
    case("vf-lag-not-active", Unknown, "a debugfs that root alone reads", |host| {
        lag(host, "active");
        let address = at(host, PF).address;
        host.platform.upkeep.lag_states.insert(address, forbidden());
    }),
    case("pf-on-bridge", Warn, "beside VFs", |host| {
        enslave(host, PF, "vmbr0", MasterKind::Bridge);
    }),
    case("pf-on-bridge", Pass, "of Open vSwitch", |host| {
        enslave(host, PF, "ovs-system", MasterKind::Other);
    }),
    case("pf-on-bridge", NotApplicable, "without VFs", |host| {
        enslave(host, PF, "vmbr0", MasterKind::Bridge);
        pf(host).vfs.clear();
    }),
    case("pf-on-bridge", Unknown, "a master of unknown kind", |host| {
        enslave(host, PF, "vmbr0", MasterKind::Bridge);
        host.platform.upkeep.masters.clear();
    }),
    case("vf-on-bridge", Warn, "a VF", |host| enslave(host, VF, "br0", MasterKind::Bridge)),
    case("vf-on-bridge", Pass, "in a bond", |host| enslave(host, VF, "bond0", MasterKind::Bond)),
    case("vf-name-not-kept", Warn, "eth4 beside ens1f0", |host| {
        rename(host, PF, "ens1f0");
        rename(host, VF, "eth4");
    }),
    case("vf-name-not-kept", Pass, "after its port", |host| {
        rename(host, PF, "ens1f0");
        for (address, name) in [(VF, "ens1f0v0"), ("01:10.2", "ens1f0v1"), ("01:10.4", "ens1f0v2")]
        {
            rename(host, address, name);
        }
    }),
    case("vf-name-not-kept", NotApplicable, "where nobody names", |host| {
        rename(host, PF, "eth0");
        rename(host, VF, "eth1");
    }),
    case("vf-back-from-namespace", Warn, "nameless", |host| {
        let index = netdev(host, VF).ifindex;
        rename(host, VF, &format!("dev{index}"));
    }),
    case("vf-back-from-namespace", Pass, "a name of somebody's", |host| {
        let index = netdev(host, VF).ifindex;
        rename(host, VF, &format!("dev{}", index + 1));
    }),
    case("host-manages-vf", Warn, "NetworkManager", |host| {
        let name = netdev(host, VF).name.clone();
        let managers = BTreeMap::from([(name, "NetworkManager".to_owned())]);
        host.platform.upkeep.managers = Seen::Known(managers);
    }),
    case("host-manages-vf", Unknown, "a recording that does not say", |host| {
        host.platform.upkeep.managers = Seen::Absent;
    }),
    case("libvirt-left-settings", Warn, "after a crash", |host| {
        left(host);
    }),
    case("libvirt-left-settings", Pass, "while a guest has it", |host| {
        left(host);
        on_vfio(at(host, VF));
        runs(host, "web", VF);
    }),
    case("libvirt-left-settings", Warn, "on vfio, and nobody has it", |host| {
        left(host);
        on_vfio(at(host, VF));
        at(host, VF).holders = Seen::Known(Vec::new());
    }),
    case("libvirt-left-settings", Unknown, "on vfio, and nobody can tell", |host| {
        left(host);
        on_vfio(at(host, VF));
        at(host, VF).holders = forbidden();
    }),
    case("link-file-not-effective", Warn, "the default came first", |host| {
        followed(host, "usr/lib/systemd/network/99-default.link");
    }),
    case("link-file-not-effective", Warn, "none", |host| followed(host, "")),
    case("link-file-not-effective", Unknown, "no database", |host| {
        host.platform.upkeep.link_files = Seen::Absent;
    }),
    case("many-vfs-probed", Warn, "64 that nobody uses", |host| {
        crowd(host, 64);
    }),
    case("many-vfs-probed", Pass, "64 without a driver", |host| {
        crowd(host, 64);
        for function in host.functions.values_mut().filter(|one| one.vf().is_some()) {
            function.driver = None;
        }
    }),
    case("rates-oversubscribed", Warn, "more than the link has", |host| {
        promise(host, 600);
        netdev(host, PF).speed_mbps = Some(1000);
    }),
    case("rates-oversubscribed", Pass, "no more than the link has", |host| {
        promise(host, 300);
        netdev(host, PF).speed_mbps = Some(1000);
    }),
    case("rates-oversubscribed", Unknown, "no link", |host| {
        promise(host, 300);
        netdev(host, PF).speed_mbps = None;
    }),
    case("vlan-tagged-twice", Warn, "a VLAN interface above", |host| {
        admin(host, 0).vlan = VlanId::new(42);
        let name = netdev(host, VF).name.clone();
        let above = BTreeMap::from([(name, BTreeSet::from(["inner".to_owned()]))]);
        host.platform.upkeep.vlans = Seen::Known(above);
    }),
    case("vlan-tagged-twice", Pass, "nobody tags besides", |host| {
        admin(host, 0).vlan = VlanId::new(42);
    }),
    case("vlan-tagged-twice", NotApplicable, "a guest's", |host| {
        admin(host, 0).vlan = VlanId::new(42);
        on_vfio(at(host, VF));
    }),
    case("ib-guid-missing", Warn, "zero", |host| guid(host, "0000:0000:0000:0000")),
    case("ib-guid-missing", Pass, "given", |host| guid(host, "0011:2233:4455:6677")),
    case("ib-guid-missing", Unknown, "not there", |host| {
        at(host, VF).ids.class = 0x02_0700;
    }),
    case("vf-few-vectors", Warn, "one", |host| {
        edit_config(host, VF, |bytes| {
            let at = standard(bytes, 0x11);
            bytes[at + 2] = 0;
        });
    }),
    case("vf-few-vectors", Unknown, "64 bytes of config space", |host| {
        edit_config(host, VF, |bytes| bytes.truncate(64));
    }),
    case("ats-past-iommu", Warn, "believed by the port", translate),
    case("ats-past-iommu", Pass, "stopped by the port", |host| {
        translate(host);
        edit_config(host, "00:01.0", |bytes| {
            let acs = extended(bytes, 0x0d);
            bytes[acs + 6] |= 2;
        });
    }),
    case("device-lock-held", Warn, "no answer", |host| {
        let path = "sys/bus/pci/devices/0000:01:10.0/driver_override".into();
        at(host, VF).driver_override = Seen::Unreadable(Unreadable { path, why: Reason::TimedOut });
    }),
    case("vfio-node-not-permitted", Warn, "root's alone", |host| node(host, false)),
    case("vfio-node-not-permitted", Pass, "whoever asks", |host| node(host, true)),
];

/// What no older recording has: nobody looks after the VFs but the .link file that makes them.
pub(crate) fn complete(host: &mut Host) {
    let name = at(host, PF).netdevs[0].clone();
    let file = "etc/systemd/network/10-pf.link".to_owned();
    host.platform.upkeep = Upkeep {
        link_files: Seen::Known(BTreeMap::from([(name, file)])),
        managers: Seen::Known(BTreeMap::new()),
        vlans: Seen::Known(BTreeMap::new()),
        hostdevs: Seen::Known(BTreeSet::new()),
        vfio_nodes: Seen::Known(BTreeMap::new()),
        ..Upkeep::unrecorded()
    };
    for index in 0..3 {
        admin(host, index).min_rate = Mbps::new(0);
    }
}

/// Takes away all that could be refused to somebody.
pub(crate) fn blind(host: &mut Host) {
    let Seen::Unreadable(unreadable) = forbidden::<()>() else { panic!("may be read") };
    let unseen = || Unreadable { ..unreadable.clone() };
    host.platform.upkeep = Upkeep {
        link_files: Seen::Unreadable(unseen()),
        managers: Seen::Unreadable(unseen()),
        vlans: Seen::Unreadable(unseen()),
        hostdevs: Seen::Unreadable(unseen()),
        vfio_nodes: Seen::Unreadable(unseen()),
        ..Upkeep::unrecorded()
    };
}

fn log(host: &mut Host) -> &mut Vec<String> {
    match &mut host.kernel.log {
        Seen::Known(lines) => lines,
        other => panic!("{other:?}"),
    }
}

fn say(host: &mut Host, line: &str) {
    log(host).push(line.into());
}

fn netdev<'h>(host: &'h mut Host, address: &str) -> &'h mut Netdev {
    let address = address.parse().unwrap();
    let Seen::Known(all) = &mut host.netdevs else { panic!("no interfaces") };
    all.iter_mut().find(|netdev| netdev.function == Some(address)).unwrap()
}

fn admin(host: &mut Host, index: u16) -> &mut VfAdmin {
    let Seen::Known(all) = &mut pf(host).admin else { panic!("no settings") };
    all.get_mut(&VfIndex(index)).unwrap()
}

fn rename(host: &mut Host, address: &str, name: &str) {
    name.clone_into(&mut netdev(host, address).name);
    at(host, address).netdevs = vec![name.to_owned()];
    if address == PF {
        let file = "etc/systemd/network/10-pf.link".to_owned();
        host.platform.upkeep.link_files = Seen::Known(BTreeMap::from([(name.to_owned(), file)]));
    }
}

fn enslave(host: &mut Host, address: &str, master: &str, kind: MasterKind) {
    netdev(host, address).master = Some(master.to_owned());
    host.platform.upkeep.masters.insert(master.to_owned(), kind);
}

fn lag(host: &mut Host, state: &str) {
    enslave(host, PF, "bond0", MasterKind::Bond);
    let address = at(host, PF).address;
    host.platform.upkeep.lag_states.insert(address, Seen::Known(state.to_owned()));
}

/// libvirt's file of the first VF.
fn left(host: &mut Host) {
    let name = at(host, PF).netdevs[0].clone();
    host.platform.upkeep.hostdevs = Seen::Known(BTreeSet::from([format!("{name}_vf0")]));
}

fn on_vfio(function: &mut Function) {
    function.driver = Some("vfio-pci".into());
    function.driver_override = Seen::Known("vfio-pci".into());
}

fn followed(host: &mut Host, file: &str) {
    let name = at(host, PF).netdevs[0].clone();
    host.platform.upkeep.link_files = Seen::Known(BTreeMap::from([(name, file.to_owned())]));
}

/// As many VFs, all like the first, and nobody uses any.
fn crowd(host: &mut Host, count: u16) {
    for_vfs(host, |vf| vf.holders = Seen::Known(Vec::new()));
    let first = at(host, VF).clone();
    for index in 3..count {
        let address: virtfn_pci::Address =
            format!("05:{:02x}.{}", index / 8, index % 8).parse().unwrap();
        pf(host).vfs.insert(VfIndex(index), address);
        let mut vf = first.clone();
        (vf.address, vf.netdevs) = (address, Vec::new());
        let own = pf_id(host);
        vf.role = virtfn_host::Role::Vf(virtfn_host::VfId { pf: own, index: VfIndex(index) });
        let mut group = host.groups[&first.iommu_group.unwrap()].clone();
        (group.id, group.members) = (1000 + u32::from(index), BTreeSet::from([address]));
        vf.iommu_group = Some(group.id);
        host.groups.insert(group.id, group);
        host.functions.insert(address, vf);
    }
}

fn pf_id(host: &mut Host) -> virtfn_pci::Address {
    at(host, PF).address
}

fn promise(host: &mut Host, each: u32) {
    for index in 0..3 {
        admin(host, index).min_rate = Mbps::new(each);
    }
}

fn guid(host: &mut Host, guid: &str) {
    let vf = at(host, VF);
    vf.ids.class = 0x02_0700;
    let address = vf.address;
    host.platform.upkeep.node_guids.insert(address, Seen::Known(guid.to_owned()));
}

/// Where a capability is.
fn standard(bytes: &[u8], id: u8) -> usize {
    let mut at = usize::from(bytes[0x34]);
    while bytes[at] != id {
        at = usize::from(bytes[at + 1]);
        assert!(at >= 0x40, "no capability {id:#x}");
    }
    at
}

/// Gives the VF an ATS capability that is on, in the place of the last it has.
fn translate(host: &mut Host) {
    edit_config(host, VF, |bytes| {
        let mut at = 0x100;
        loop {
            let next = usize::from(u16::from_le_bytes([bytes[at + 2], bytes[at + 3]]) >> 4);
            if next < 0x100 {
                break;
            }
            at = next;
        }
        // One more behind it: id 0x0f, version 1, the end of the list; Enable is bit 15 of control.
        let own = 0xf00;
        (bytes[at + 2], bytes[at + 3]) = (bytes[at + 2] & 0x0f, 0xf0);
        bytes[own..own + 8].copy_from_slice(&[0x0f, 0, 1, 0, 0, 0, 0, 0x80]);
    });
}

fn node(host: &mut Host, may: bool) {
    on_vfio(at(host, VF));
    let group = at(host, VF).iommu_group.unwrap();
    let nodes = BTreeMap::from([(format!("dev/vfio/{group}"), may)]);
    host.platform.upkeep.vfio_nodes = Seen::Known(nodes);
}

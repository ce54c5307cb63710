//! What stands in the way of a device and a guest, on a machine that is changed in one thing at a time.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that cannot unwrap has failed.
#![allow(dead_code)] // The model serves plan's tests, whole.

#[path = "../../plan/tests/model/mod.rs"]
mod model;

use std::collections::BTreeSet;
use std::net::IpAddr;

use virtfn_formats::vm::{Domain, Passed};
use virtfn_host::{Host, IommuGroup, IpNet, Seen};
use virtfn_pci::Address;
use virtfn_plan::Action;
use virtfn_virt::handover::{Goes, Named, Obstacle, Scene, obstacles};

const GUEST: &str = "<domain type='kvm'><name>web</name><memory unit='MiB'>256</memory>\
    <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os><devices>\
    <controller type='pci' index='0' model='pcie-root'/>\
    <controller type='pci' index='1' model='pcie-root-port'><address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0'/></controller>\
    DEVICE</devices></domain>";
const ON_THE_PORT: &str = "<memballoon model='virtio'>\
    <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></memballoon>";
const SESSION: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)));
const VF: &str = "0b:10.0";
const PORT: &str = "0b:00.1";

fn at(text: &str) -> Address {
    text.parse().unwrap()
}

/// Two VFs on the first port, every function in a group of its own and able to reset.
fn host() -> Host {
    let mut host = model::machine();
    model::obey(&mut host, &Action::SetNumVfs { pf: model::port(0), from: 0, to: 2 });
    for (id, function) in (1..).zip(host.functions.values_mut()) {
        function.iommu_group = Some(id);
        function.reset_methods = Seen::Known(vec!["flr".into()]);
        let group = IommuGroup {
            id,
            members: BTreeSet::from([function.address]),
            domain: Seen::Absent,
            name: Seen::Absent,
            reserved: Seen::Absent,
        };
        host.groups.insert(id, group);
    }
    host
}

fn found(host: &Host, passed: &Passed, guest: &str, others: &[Named]) -> Vec<Obstacle> {
    let running = Domain::read(guest).unwrap();
    obstacles(&Scene { host, goes: Goes::Into(&running), others, session: SESSION }, passed)
}

fn netdevs(host: &mut Host) -> &mut Vec<virtfn_host::Netdev> {
    match &mut host.netdevs {
        Seen::Known(netdevs) => netdevs,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_fault_is_told_alone_and_a_sound_machine_has_none() {
    type Fault = fn(&mut Host);
    let sound: Fault = |_| {};
    let cases: [(&str, &str, Fault, &str, Option<bool>); 9] = [
        ("sound, a VF", VF, sound, "", None),
        ("sound, a port", PORT, sound, "", None),
        ("no IOMMU", VF, |host| host.groups.clear(), "no IOMMU translates it", Some(false)),
        (
            "a shared group",
            VF,
            |host| {
                let id = host.functions[&at(VF)].iommu_group.unwrap();
                host.groups.get_mut(&id).unwrap().members.insert(at(PORT));
            },
            "0b:00.1 (igb)",
            Some(false),
        ),
        ("its port is down", VF, |host| netdevs(host)[0].up = false, "eth0 is down", Some(false)),
        ("a port with VFs", "0b:00.0", sound, "it has 2 VFs", Some(false)),
        (
            "the way out",
            PORT,
            |host| host.platform.default_routes = Seen::Known(["eth1".to_owned()].into()),
            "default route goes through eth1",
            Some(true),
        ),
        (
            "this session",
            PORT,
            |host| {
                let address = IpNet { address: IpAddr::from([192, 0, 2, 7]), prefix: 24 };
                netdevs(host)[1].addresses.push(address);
            },
            "session that runs this command",
            Some(true),
        ),
        (
            "no reset",
            PORT,
            |host| host.functions.get_mut(&at(PORT)).unwrap().reset_methods = Seen::Absent,
            "no way to reset it",
            Some(true),
        ),
    ];
    let guest = GUEST.replace("DEVICE", "");
    for (name, device, fault, says, protects) in cases {
        let mut host = host();
        fault(&mut host);
        let vf = host.functions[&at(device)].vf().is_some();
        let passed = if vf { Passed::interface(at(device)) } else { Passed::hostdev(at(device)) };
        let found = found(&host, &passed, &guest, &[]);
        let told: Vec<bool> = found.iter().map(|one| one.protects).collect();
        assert_eq!(told, protects.into_iter().collect::<Vec<_>>(), "{name}: {found:?}");
        assert!(
            found.iter().all(|one| one.what.contains(says) && !one.hints.is_empty()),
            "{found:?}"
        );
    }
}

#[test]
fn a_guest_without_a_free_port_is_told_what_to_add() {
    let guest = GUEST.replace("DEVICE", ON_THE_PORT);
    let found = found(&host(), &Passed::interface(at(VF)), &guest, &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].what.contains("no free port"), "{found:?}");
    assert!(found[0].hints[0].contains("pcie-root-port"), "{found:?}");
}

#[test]
fn another_guest_stands_in_the_way_while_it_runs() {
    let guest = GUEST.replace("DEVICE", "");
    let named = |runs| [Named { name: "db".into(), runs }];
    let passed = Passed::interface(at(VF));
    assert_eq!(found(&host(), &passed, &guest, &named(false)), []);
    let found = found(&host(), &passed, &guest, &named(true));
    assert_eq!(found[0].hints, ["virtfn detach db 0b:10.0"], "{found:?}");
}

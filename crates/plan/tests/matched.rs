//! Which devices a policy means on a machine, and what it makes of them.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that cannot unwrap has failed.
#![allow(dead_code)] // The model serves several test programs, whole in none.

mod model;

use std::collections::BTreeMap;

use virtfn_host::{
    Declared, DeclaredDevice, DeclaredPf, DeclaredVfs, DriverChoice, DriverWish, MacWish, Matching,
    Place, Policy, Seen, VfIndex, VfWish,
};
use virtfn_plan::{Action, Matched, Subject, diff, parts};

fn pf(line: u32, matching: Matching, vfs: u16) -> DeclaredPf {
    DeclaredPf {
        place: Place { path: "p".into(), line, column: 3 },
        matching,
        vfs,
        autoprobe: None,
        eswitch: None,
        firmware_vfs: None,
        groups: BTreeMap::new(),
        defaults: VfWish::default(),
        defaults_place: Place::default(),
        vf: Vec::new(),
    }
}

fn at(port: usize) -> Matching {
    Matching { pci: Some(model::port(port)), ..Matching::default() }
}

fn declared(pfs: Vec<DeclaredPf>) -> Declared {
    Declared { pfs, ..Declared::default() }
}

fn faults(pfs: Vec<DeclaredPf>) -> Vec<String> {
    let declared = declared(pfs);
    Matched::of(&model::machine(), &declared).faults.iter().map(ToString::to_string).collect()
}

#[test]
fn each_way_to_name_a_port_finds_it() {
    let host = model::machine();
    let found = |matching: Matching| {
        let declared = declared(vec![pf(3, matching, 1)]);
        Matched::of(&host, &declared).about().into_iter().collect::<Vec<_>>()
    };
    let one = vec![Subject::Device(model::port(1))];
    assert_eq!(found(at(1)), one);
    assert_eq!(found(Matching { netdev: Some("eth1".into()), ..Matching::default() }), one);
    let mac = "52:54:00:00:00:01".parse().ok();
    assert_eq!(found(Matching { mac, ..Matching::default() }), one);
    let both = [0, 1].map(model::port).map(Subject::Device).to_vec();
    assert_eq!(found(Matching { driver: Some("igb".into()), ..Matching::default() }), both);
    let ids = Matching { vendor: Some(0x8086), device: Some(0x10c9), ..Matching::default() };
    assert_eq!(found(ids), both);
    assert_eq!(found(Matching { driver: Some("ice".into()), ..at(1) }), []);
}

#[test]
fn a_vf_is_for_whom_its_range_says_else_for_whom_the_defaults_say() {
    let mut host = model::machine();
    model::obey(&mut host, &Action::SetNumVfs { pf: model::port(0), from: 0, to: 3 });
    let owner = |name: &str| VfWish { owner: Some(name.into()), ..VfWish::default() };
    let mut entry = pf(3, at(0), 3);
    entry.defaults = owner("everybody");
    let wish = owner("tenant ä");
    entry.vf =
        vec![DeclaredVfs { place: Place::default(), first: VfIndex(1), last: VfIndex(1), wish }];
    let declared = declared(vec![entry]);
    let owners = Matched::of(&host, &declared).owners(&host);
    let owners: Vec<&str> = owners.values().map(String::as_str).collect();
    assert_eq!(owners, ["everybody", "tenant ä", "everybody"]);
}

#[test]
fn an_entry_that_cannot_be_followed_says_why() {
    let nowhere = Matching { netdev: Some("eth9".into()), ..Matching::default() };
    assert_eq!(
        faults(vec![pf(3, nowhere, 1)]),
        ["p:3:3: no device here is netdev eth9 (PFs here: 0b:00.0 eth0, 0b:00.1 eth1)"]
    );
    let other = Matching { driver: Some("ice".into()), ..at(0) };
    assert_eq!(
        faults(vec![pf(3, other, 1)]),
        [
            "p:3:3: no device here is pci 0000:0b:00.0, driver ice (at 0b:00.0 is 8086:10c9, driver igb)"
        ]
    );
    assert_eq!(
        faults(vec![pf(3, at(0), 1), pf(7, at(0), 2)]),
        ["p:7:3: 0b:00.0: p:3:3 declares it already"]
    );
    let mut both = pf(3, Matching { driver: Some("igb".into()), ..Matching::default() }, 1);
    let mac = Some(MacWish::Given("52:54:00:6d:90:02".parse().unwrap()));
    let wish = VfWish { mac, ..VfWish::default() };
    both.vf =
        vec![DeclaredVfs { place: Place::default(), first: VfIndex(0), last: VfIndex(0), wish }];
    assert_eq!(
        faults(vec![both]),
        ["p:3:3: 2 devices are driver igb, and they cannot share the address of a VF"]
    );
}

#[test]
fn what_was_not_seen_is_not_taken_for_absent() {
    let mut host = model::machine();
    host.netdevs = Seen::not_asked("net");
    let mac = "52:54:00:00:00:09".parse().ok();
    let by_mac = declared(vec![pf(3, Matching { mac, ..Matching::default() }, 1)]);
    let told = Matched::of(&host, &by_mac).faults[0].to_string();
    assert!(told.contains("cannot tell whether a device is mac 52:54:00:00:00:09"), "{told}");
    let serial = declared(vec![pf(3, Matching { serial: Some(7), ..at(0) }, 1)]);
    let told = Matched::of(&model::machine(), &serial).faults[0].to_string();
    assert!(told.contains("cannot tell whether a device is pci 0000:0b:00.0, serial"), "{told}");
}

#[test]
fn defaults_hold_where_a_range_says_nothing_and_what_nobody_names_stays() {
    let mut host = model::machine();
    let mut port = pf(3, at(0), 3);
    port.defaults =
        VfWish { mac: Some(MacWish::Auto), driver: Some(DriverWish::Vfio), ..VfWish::default() };
    let wish = VfWish { driver: Some(DriverWish::Default), ..VfWish::default() };
    port.vf =
        vec![DeclaredVfs { place: Place::default(), first: VfIndex(1), last: VfIndex(2), wish }];
    let declared = declared(vec![port]);
    let wanted = Matched::of(&host, &declared).on(&host, &Policy::of(&host));
    assert_eq!(wanted.pfs.len(), 1, "the other port is nobody's business");
    let vf = &wanted.pfs[&model::port(0)].vf;
    assert_eq!(vf[&VfIndex(0)].driver, Some(DriverChoice::Named("vfio-pci".into())));
    assert_eq!(vf[&VfIndex(2)].driver, Some(DriverChoice::Default));
    assert!(vf.values().all(|vf| vf.admin.mac.is_some()));
    for step in diff(&host, &wanted).unwrap().steps {
        model::obey(&mut host, &step.action);
    }
    let again = Matched::of(&host, &declared).on(&host, &Policy::of(&host));
    assert_eq!(diff(&host, &again).unwrap().steps, []);
}

#[test]
fn the_vfio_driver_made_for_the_device_is_preferred() {
    let mut host = model::machine();
    let function = host.functions.get_mut(&model::port(1)).unwrap();
    function.variants = Seen::Known(vec!["special_vfio_pci".into()]);
    let devices =
        vec![DeclaredDevice { place: Place::default(), matching: at(1), driver: DriverWish::Vfio }];
    let declared = Declared { devices, ..Declared::default() };
    let wanted = Matched::of(&host, &declared).on(&host, &Policy::of(&host));
    let driver = wanted.devices[&model::port(1)].driver.clone();
    assert_eq!(driver, Some(DriverChoice::Named("special_vfio_pci".into())));
}

#[test]
fn one_device_that_cannot_keeps_no_other_and_a_module_is_loaded_once() {
    let host = model::machine();
    let with_vfio = |line, port, vfs| {
        let mut entry = pf(line, at(port), vfs);
        entry.defaults.driver = Some(DriverWish::Vfio);
        entry
    };
    let both = declared(vec![with_vfio(3, 0, 2), with_vfio(4, 1, 2)]);
    let wanted = Matched::of(&host, &both).on(&host, &Policy::of(&host));
    let steps = parts(&host, &wanted).into_iter().flat_map(|part| part.plan.unwrap().steps);
    assert_eq!(steps.filter(|step| step.action.name() == "load-module").count(), 1);

    let too_many = declared(vec![with_vfio(3, 0, 9), with_vfio(4, 1, 2)]);
    let wanted = Matched::of(&host, &too_many).on(&host, &Policy::of(&host));
    let plans: Vec<_> = parts(&host, &wanted).into_iter().map(|part| part.plan.is_ok()).collect();
    assert_eq!(plans, [false, true]);
}

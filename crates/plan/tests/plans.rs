//! Single plans: their steps, their order, whom they interrupt, and what cannot be planned.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that cannot unwrap has failed.
#![allow(dead_code)] // The model serves both test programs, whole in neither.

mod model;

use virtfn_host::{
    DriverChoice, Guest, GuestState, Guests, Holder, HolderKind, ManagedBy, Policy, Pool, Seen,
    Switch, VfAdmin, VfId, VfIndex, VfPolicy,
};
use virtfn_pci::Address;
use virtfn_plan::{PlanError, diff, verify};

fn actions(host: &virtfn_host::Host, policy: &Policy) -> Vec<String> {
    diff(host, policy).unwrap().steps.iter().map(|step| step.action.to_string()).collect()
}

fn with_vfs(vfs: u16) -> virtfn_host::Host {
    let mut host = model::machine();
    let policy = Policy::of(&host).with_vfs(model::port(0), vfs);
    for step in diff(&host, &policy).unwrap().steps {
        model::obey(&mut host, &step.action);
    }
    host
}

#[test]
fn plain_vfs_are_one_write() {
    let host = model::machine();
    let policy = Policy::of(&host).with_vfs(model::port(0), 7);
    assert_eq!(actions(&host, &policy), ["0b:00.0: make 7 VFs"]);
}

#[test]
fn settings_come_before_any_driver_and_the_mac_comes_first() {
    let host = model::machine();
    let vf = VfId { pf: model::port(0), index: VfIndex(0) };
    let wanted = VfPolicy {
        admin: VfAdmin {
            mac: "52:54:00:6d:90:02".parse().ok(),
            vlan: virtfn_host::VlanId::new(42),
            ..VfAdmin::default()
        },
        driver: Some(DriverChoice::Named("vfio-pci".into())),
        ..VfPolicy::default()
    };
    let policy = Policy::of(&host).with_vfs(model::port(0), 1).with_vf(vf, wanted);
    assert_eq!(
        actions(&host, &policy),
        [
            "0b:00.0: keep the kernel from looking for VF drivers",
            "0b:00.0: make 1 VFs",
            "0b:00.0/0: mac 00:00:00:00:00:00 → 52:54:00:6d:90:02",
            "0b:00.0/0: vlan 0 → 42",
            "load module vfio-pci",
            "0b:00.0/0: reserve for vfio-pci",
            "0b:00.0/0: give to vfio-pci",
            "0b:00.0: let the kernel look for VF drivers",
        ]
    );
}

#[test]
fn another_number_goes_through_zero_and_keeps_what_was_set() {
    let mut host = with_vfs(2);
    let vf = VfId { pf: model::port(0), index: VfIndex(1) };
    let mac = VfAdmin { mac: "02:00:00:00:00:07".parse().ok(), ..VfAdmin::default() };
    let policy = Policy::of(&host).with_vf(vf, VfPolicy { admin: mac, ..VfPolicy::default() });
    for step in diff(&host, &policy).unwrap().steps {
        model::obey(&mut host, &step.action);
    }
    let policy = Policy::of(&host).with_vfs(model::port(0), 4);
    let actions = actions(&host, &policy);
    assert_eq!(actions[0], "0b:00.0: remove its 2 VFs");
    assert!(
        actions.contains(&"0b:00.0/1: mac 00:00:00:00:00:00 → 02:00:00:00:00:07".to_owned()),
        "{actions:?}"
    );
}

#[test]
fn removing_vfs_names_who_holds_them_and_who_might() {
    let mut host = with_vfs(2);
    let vfs: Vec<_> = host.functions[&model::port(0)].pf().unwrap().vfs.values().copied().collect();
    let holder = Holder {
        kind: HolderKind::Process,
        name: "qemu-system-x86".into(),
        pid: Some(812),
        through: "/dev/vfio/16".into(),
        vm: None,
    };
    host.functions.get_mut(&vfs[0]).unwrap().holders = Seen::Known(vec![holder]);
    host.functions.get_mut(&vfs[1]).unwrap().holders = Seen::not_asked("proc");
    let plan = diff(&host, &Policy::of(&host).with_vfs(model::port(0), 0)).unwrap();
    let hit: Vec<_> = plan.steps[0].interrupts.iter().map(|hit| hit.function).collect();
    assert_eq!(hit, vfs);
}

#[test]
fn guests_that_do_not_run_stop_nothing_and_are_named() {
    let mut host = with_vfs(3);
    let pf = model::port(0);
    let vfs: Vec<_> = host.functions[&pf].pf().unwrap().vfs.values().copied().collect();
    let guest = |name: &str, devices: &[Address], pools: &[&str]| Guest {
        name: name.into(),
        managed_by: ManagedBy::Libvirt,
        state: GuestState::Defined,
        devices: devices.iter().copied().collect(),
        pools: pools.iter().map(|pool| (*pool).to_owned()).collect(),
    };
    let found = vec![
        guest("first", &vfs[..1], &[]),
        guest("last", &vfs[2..], &[]),
        guest("some", &[], &["vfs"]),
        guest("elsewhere", &[model::port(1)], &[]),
    ];
    let pool = Pool { name: "vfs".into(), managed_by: ManagedBy::Libvirt, at: [pf].into() };
    host.guests = Seen::Known(Guests { found, pools: vec![pool], ..Guests::default() });
    let given = |name: &str, vf: Address| {
        let vf = vf.short();
        format!("VM {name} is given {vf} when it starts; without that VF libvirt does not start it")
    };
    let pooled =
        "pool vfs gives a VF of 0b:00.0 to VM some when it starts: none is left".to_owned();
    for (count, notes) in [
        (0, vec![given("first", vfs[0]), given("last", vfs[2]), pooled]),
        (2, vec![given("last", vfs[2])]),
        (3, vec![]),
        (5, vec![]),
    ] {
        let plan = diff(&host, &Policy::of(&host).with_vfs(pf, count)).unwrap();
        let of_guests = |note: &&String| note.starts_with("VM ") || note.starts_with("pool ");
        let told: Vec<String> = plan.notes.iter().filter(of_guests).cloned().collect();
        assert_eq!(told, notes, "{count}");
        assert!(plan.steps.iter().all(|step| step.interrupts.is_empty()), "{count}");
    }
}

#[test]
fn a_driver_is_reserved_before_the_old_one_lets_go() {
    let host = with_vfs(1);
    let vf = VfId { pf: model::port(0), index: VfIndex(0) };
    let wanted = |driver| VfPolicy { driver: Some(driver), ..VfPolicy::default() };
    let policy = Policy::of(&host).with_vf(vf, wanted(DriverChoice::Named("vfio-pci".into())));
    assert_eq!(
        actions(&host, &policy),
        [
            "load module vfio-pci",
            "0b:00.0/0: reserve for vfio-pci",
            "0b:00.0/0: take from igbvf",
            "0b:00.0/0: give to vfio-pci",
        ]
    );
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_written() {
    let host = with_vfs(2);
    let base = || Policy::of(&host);
    let vf = |index| VfId { pf: model::port(0), index: VfIndex(index) };
    let too_many = diff(&host, &base().with_vfs(model::port(0), 8));
    assert!(matches!(too_many, Err(PlanError::TooManyVfs { asked: 8, total: 7, .. })));
    let beyond = diff(&host, &base().with_vf(vf(2), VfPolicy::default()));
    assert!(matches!(beyond, Err(PlanError::NoSuchVf { vfs: 2, .. })));
    let group = VfAdmin { mac: "01:00:5e:00:00:01".parse().ok(), ..VfAdmin::default() };
    let group =
        diff(&host, &base().with_vf(vf(0), VfPolicy { admin: group, ..VfPolicy::default() }));
    assert!(matches!(group, Err(PlanError::GroupMac { .. })));
    let pf =
        diff(&host, &base().with_device(model::port(0), DriverChoice::Named("vfio-pci".into())));
    assert!(matches!(pf, Err(PlanError::PfHasVfs { vfs: 2, .. })));
}

#[test]
fn a_reservation_that_cannot_be_read_is_not_taken_for_none() {
    let mut host = with_vfs(1);
    let address = *host.functions[&model::port(0)].pf().unwrap().vfs.values().next().unwrap();
    host.functions.get_mut(&address).unwrap().driver_override = Seen::not_asked("driver_override");
    let vf = VfId { pf: model::port(0), index: VfIndex(0) };
    let wanted =
        VfPolicy { driver: Some(DriverChoice::Named("vfio-pci".into())), ..VfPolicy::default() };
    let plan = diff(&host, &Policy::of(&host).with_vf(vf, wanted));
    assert!(matches!(plan, Err(PlanError::Unseen { .. })));
}

/// Seen on igb: bound to its own driver again, a VF that nobody gave an address made up another.
#[test]
fn an_address_that_a_vf_picked_meanwhile_is_no_failure() {
    let mut host = with_vfs(1);
    let vf = VfId { pf: model::port(0), index: VfIndex(0) };
    let mac = |text: &str| VfAdmin { mac: text.parse().ok(), ..VfAdmin::default() };
    let picks = |host: &mut virtfn_host::Host, text: &str| {
        let change = virtfn_host::VfChange::Mac(text.parse().unwrap());
        model::obey(host, &virtfn_plan::Action::SetVf { vf, from: None, to: change });
    };
    picks(&mut host, "02:00:00:00:00:01");
    let vfio =
        VfPolicy { driver: Some(DriverChoice::Named("vfio-pci".into())), ..VfPolicy::default() };
    let policy = Policy::of(&host).with_vf(vf, vfio);
    let plan = diff(&host, &policy).unwrap();
    for step in &plan.steps {
        model::obey(&mut host, &step.action);
    }
    picks(&mut host, "02:00:00:00:00:02");
    assert!(verify(&host, &policy, &plan).unwrap().is_empty());

    let asked = Policy::of(&host)
        .with_vf(vf, VfPolicy { admin: mac("02:00:00:00:00:03"), ..VfPolicy::default() });
    let plan = diff(&host, &asked).unwrap();
    assert_eq!(verify(&host, &asked, &plan).unwrap().len(), 1, "what was asked for does count");
}

#[test]
fn a_switch_that_cannot_be_read_is_not_taken_for_off() {
    let mut host = model::machine();
    let unread = virtfn_host::Seen::not_asked("sriov_drivers_autoprobe");
    let pf = host.functions.get_mut(&model::port(0)).unwrap();
    let virtfn_host::Role::Pf(state) = &mut pf.role else { unreachable!() };
    state.autoprobe = unread;
    let plan = diff(&host, &Policy::of(&host).with_vfs(model::port(0), 2));
    assert!(matches!(plan, Err(PlanError::Unseen { .. })));
}

/// A card whose VFs would lie past the last bus: certain, and so refused with the number that fits.
#[test]
fn what_the_kernel_would_refuse_is_refused() {
    let mut host = model::machine();
    let address = model::port(0);
    let pf = host.functions.get_mut(&address).unwrap();
    let virtfn_host::Role::Pf(state) = &mut pf.role else { unreachable!() };
    state.vf_offset = Seen::Known(0xfc);
    host.kernel.log = Seen::Known(vec!["pci_bus 0000:0b: root bus resource [bus 0b]".to_owned()]);
    let refused = diff(&host, &Policy::of(&host).with_vfs(address, 3)).unwrap_err();
    assert!(matches!(refused, PlanError::NoRoom { asked: 3, fits: 2, .. }), "{refused:?}");
    assert_eq!(
        refused.to_string(),
        "0b:00.0: cannot have 3 VFs: VF 2 would be on bus 0c, out of range of [bus 0b], all that \
         its root has (the kernel would answer: ENOMEM, can't enable 3 VFs (bus 0c out of range of [bus 0b]))"
    );
    assert!(diff(&host, &Policy::of(&host).with_vfs(address, 2)).is_ok());
    assert!(diff(&host, &Policy::of(&host).with_vfs(address, 0)).is_ok());
}

#[test]
fn what_is_not_certain_is_noted() {
    let mut host = model::machine();
    let plan = diff(&host, &Policy::of(&host).with_vfs(model::port(0), 2)).unwrap();
    let unseen =
        |note: &String| note.starts_with("0b:00.0: whether") && note.contains("not looked at");
    assert!(plan.notes.iter().any(unseen), "{:?}", plan.notes);
    assert!(plan.notes.iter().all(|note| !note.contains("down")), "{:?}", plan.notes);
    let Seen::Known(netdevs) = &mut host.netdevs else { unreachable!() };
    netdevs.iter_mut().for_each(|netdev| netdev.up = false);
    let plan = diff(&host, &Policy::of(&host).with_vfs(model::port(0), 2)).unwrap();
    assert!(plan.notes.iter().any(|note| note.starts_with("eth0 is down")), "{:?}", plan.notes);
    let none = diff(&host, &Policy::of(&host).with_vfs(model::port(0), 0)).unwrap();
    assert!(none.notes.is_empty(), "{:?}", none.notes);
}

/// The kernel's list of VFs may be short; what it leaves out is neither there nor not.
#[test]
fn settings_that_the_kernel_does_not_tell_are_noted() {
    let mut host = with_vfs(3);
    let Seen::Known(told) = &mut model::pf_mut(&mut host, model::port(0)).admin else { panic!() };
    told.retain(|index, _| index.0 == 0);
    let noted = |policy: &Policy| {
        let mut notes = diff(&host, policy).unwrap().notes;
        notes.retain(|note| note.contains("tells nothing"));
        notes
    };
    let now = Policy::of(&host);
    assert!(noted(&now).is_empty(), "nothing is written");
    let trust = VfAdmin { trust: Some(Switch::On), ..VfAdmin::default() };
    let trusted = |index| {
        let vf = VfId { pf: model::port(0), index: VfIndex(index) };
        now.clone().with_vf(vf, VfPolicy { admin: trust.clone(), ..VfPolicy::default() })
    };
    assert!(noted(&trusted(0)).is_empty(), "its own settings are told");
    assert!(noted(&trusted(2))[0].contains("of 1 of its 3 VFs: they are written again"));
    let more = now.clone().with_vfs(model::port(0), 5);
    assert!(noted(&more)[0].contains("of 2 of its 3 VFs: those that the policy does not name"));
    assert!(noted(&now.clone().with_vfs(model::port(0), 0)).is_empty(), "nothing of them is kept");
}

//! The mode of a card's switch in a plan: changed without VFs alone, and nobody cut off unsaid.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that cannot unwrap has failed.
#![allow(dead_code)] // The model serves several test programs, whole in none.

mod model;

use virtfn_host::{
    EswitchMode, Holder, HolderKind, Host, MacAddress, Policy, Reason, Role, Seen, Switch,
    Unreadable, VfAdmin, VfId, VfIndex, VfPolicy, VlanId,
};
use virtfn_plan::{PlanError, diff, verify};

fn wanted(host: &Host, mode: EswitchMode, vfs: u16) -> Policy {
    let mut policy = Policy::of(host).with_vfs(model::port(0), vfs);
    policy.pfs.get_mut(&model::port(0)).unwrap().eswitch = Some(mode);
    policy
}

fn actions(host: &Host, policy: &Policy) -> Vec<String> {
    diff(host, policy).unwrap().steps.iter().map(|step| step.action.to_string()).collect()
}

/// Runs it in the model, which refuses a mode while there are VFs.
fn applied(mut host: Host, policy: &Policy) -> Host {
    let plan = diff(&host, policy).unwrap();
    for step in &plan.steps {
        model::obey(&mut host, &step.action);
    }
    assert!(verify(&host, policy, &plan).unwrap().is_empty());
    assert!(diff(&host, policy).unwrap().steps.is_empty(), "a second plan has nothing to do");
    host
}

fn set(host: &mut Host, mode: Seen<EswitchMode>) {
    let Role::Pf(pf) = &mut host.functions.get_mut(&model::port(0)).unwrap().role else {
        unreachable!()
    };
    pf.eswitch = mode;
}

#[test]
fn the_mode_comes_before_the_vfs() {
    let host = model::machine();
    let policy = wanted(&host, EswitchMode::Switchdev, 2);
    let steps = ["0b:00.0: eswitch legacy → switchdev", "0b:00.0: make 2 VFs"];
    assert_eq!(actions(&host, &policy), steps);
    applied(host, &policy);
}

#[test]
fn without_vfs_the_mode_is_the_one_step() {
    let host = model::machine();
    let policy = wanted(&host, EswitchMode::Switchdev, 0);
    assert_eq!(actions(&host, &policy), ["0b:00.0: eswitch legacy → switchdev"]);
    applied(host, &policy);
}

#[test]
fn vfs_that_stay_go_through_none_and_their_users_are_named() {
    let first = model::machine();
    let mut host = applied(first.clone(), &Policy::of(&first).with_vfs(model::port(0), 2));
    let vf = host.pf(model::port(0)).unwrap().1.vfs[&VfIndex(1)];
    let user = Holder {
        kind: HolderKind::Process,
        name: "qemu".into(),
        pid: Some(7),
        through: "/dev/vfio/1".into(),
        vm: None,
    };
    host.functions.get_mut(&vf).unwrap().holders = Seen::Known(vec![user]);
    let policy = wanted(&host, EswitchMode::Switchdev, 2);
    let plan = diff(&host, &policy).unwrap();
    let told: Vec<_> = plan.steps.iter().map(|step| step.action.to_string()).collect();
    assert_eq!(told[..2], ["0b:00.0: remove its 2 VFs", "0b:00.0: eswitch legacy → switchdev"]);
    assert_eq!(plan.steps[0].interrupts[0].function, vf);
    let after = applied(host, &policy);
    assert_eq!(after.pf(model::port(0)).unwrap().1.vfs.len(), 2);
}

#[test]
fn a_mode_that_is_there_is_no_step_and_disturbs_no_vf() {
    let first = model::machine();
    let host = applied(first.clone(), &wanted(&first, EswitchMode::Switchdev, 3));
    assert!(actions(&host, &wanted(&host, EswitchMode::Switchdev, 3)).is_empty());
}

/// The notes of what this mode has no place for.
fn refused(host: &Host, policy: &Policy) -> Vec<String> {
    let mut notes = diff(host, policy).unwrap().notes;
    notes.retain(|note| note.contains("most drivers refuse"));
    notes
}

#[test]
fn settings_that_only_the_legacy_mode_has_are_noted_in_the_other() {
    let host = model::machine();
    let noted = |mode, admin: VfAdmin| {
        let mut policy = wanted(&host, mode, 2);
        for index in [0, 1].map(VfIndex) {
            let vf = VfPolicy { admin: admin.clone(), ..VfPolicy::default() };
            policy = policy.with_vf(VfId { pf: model::port(0), index }, vf);
        }
        refused(&host, &policy)
    };
    let mac = Some(MacAddress::new([0x52, 0x54, 0, 0x6d, 0x90, 2]));
    let tagged =
        VfAdmin { mac, vlan: VlanId::new(42), trust: Some(Switch::On), ..VfAdmin::default() };
    let told = noted(EswitchMode::Switchdev, tagged.clone());
    assert!(told[0].starts_with("0b:00.0: trust, vlan of 2 VFs: most drivers refuse"), "{told:?}");
    assert!(noted(EswitchMode::Legacy, tagged).is_empty());
    assert!(noted(EswitchMode::Switchdev, VfAdmin { mac, ..VfAdmin::default() }).is_empty());
    // What a VF has already is no change, and nothing to be refused.
    let policy = wanted(&host, EswitchMode::Switchdev, 2);
    let there = applied(host.clone(), &policy);
    assert!(refused(&there, &Policy::of(&there)).is_empty());
}

#[test]
fn a_switch_without_modes_and_one_that_cannot_be_seen_are_told_apart() {
    let mut host = model::machine();
    set(&mut host, Seen::Absent);
    assert!(actions(&host, &Policy::of(&host)).is_empty(), "nobody asked for a mode");
    let policy = wanted(&host, EswitchMode::Switchdev, 0);
    assert!(matches!(diff(&host, &policy), Err(PlanError::NoEswitch { .. })));
    let why = Reason::NotPermitted;
    set(&mut host, Seen::Unreadable(Unreadable { path: "eswitch".into(), why }));
    assert!(matches!(diff(&host, &policy), Err(PlanError::Unseen { .. })));
}

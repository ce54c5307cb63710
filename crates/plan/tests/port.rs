//! The ports of VFs in a plan: rates where they can be set, groups before who is in them, and what a
//! function may do while no driver has it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that cannot unwrap has failed.
#![allow(dead_code)] // The model serves several test programs, whole in none.

mod model;

use virtfn_host::{
    Capability, EswitchMode, GroupChoice, Host, Limits, Mbps, PfPolicy, Policy, PortPolicy, Reason,
    Seen, Switch, Unreadable, VfId, VfIndex, VfPolicy,
};
use virtfn_plan::{PlanError, diff, verify};

fn mbps(rate: u32) -> Mbps {
    Mbps::new(rate).unwrap()
}

/// What the first port has, with so many VFs, changed by `edit`.
fn wanted(host: &Host, vfs: u16, edit: impl FnOnce(&mut PfPolicy)) -> Policy {
    let mut policy = Policy::of(host).with_vfs(model::port(0), vfs);
    let pf = policy.pfs.remove(&model::port(0)).unwrap();
    let mut pf = pf.with_eswitch(EswitchMode::Switchdev);
    edit(&mut pf);
    policy.pfs = [(model::port(0), pf)].into();
    policy
}

fn actions(host: &Host, policy: &Policy) -> Vec<String> {
    diff(host, policy).unwrap().steps.iter().map(|step| step.action.to_string()).collect()
}

/// Runs it in the model, which refuses what mlx5 refuses.
fn applied(mut host: Host, policy: &Policy) -> Host {
    let plan = diff(&host, policy).unwrap();
    for step in &plan.steps {
        model::obey(&mut host, &step.action);
    }
    assert!(verify(&host, policy, &plan).unwrap().is_empty());
    assert!(diff(&host, policy).unwrap().steps.is_empty(), "a second plan has nothing to do");
    host
}

fn gold(pf: &mut PfPolicy, max: u32) {
    pf.groups.insert("gold".into(), Some(Limits { min: mbps(0), max: mbps(max) }));
    let first = pf.vf.entry(VfIndex(0)).or_default();
    first.port.group = Some(GroupChoice::Named("gold".into()));
    first.admin.max_rate = Some(mbps(500));
}

#[test]
fn new_vfs_are_grouped_and_limited_through_devlink() {
    let host = model::machine();
    let policy = wanted(&host, 2, |pf| gold(pf, 1000));
    let steps = [
        "0b:00.0: eswitch legacy → switchdev",
        "0b:00.0: make 2 VFs",
        "0b:00.0: make rate group gold, min 0 max 1000 Mbit/s",
        "0b:00.0/0: rate_group gold",
        "0b:00.0/0: rate min 0 max 500 Mbit/s",
    ];
    let shown = actions(&host, &policy);
    for step in steps {
        assert!(shown.iter().any(|one| one == step), "{step}: {shown:#?}");
    }
    let at = |step: &str| shown.iter().position(|one| one == step).unwrap();
    assert!(steps.windows(2).all(|pair| at(pair[0]) < at(pair[1])), "{shown:#?}");
    applied(host, &policy);
}

#[test]
fn a_group_changes_by_itself_and_goes_when_it_is_empty() {
    let host = model::machine();
    let host = applied(host.clone(), &wanted(&host, 2, |pf| gold(pf, 1000)));
    let more = wanted(&host, 2, |pf| gold(pf, 2000));
    let step = "0b:00.0: rate group gold min 0 max 1000 Mbit/s → min 0 max 2000 Mbit/s";
    assert_eq!(actions(&host, &more), [step]);
    let gone = wanted(&host, 2, |pf| {
        pf.groups.insert("gold".into(), None);
        pf.vf.entry(VfIndex(0)).or_default().port.group = Some(GroupChoice::None);
    });
    let steps = ["0b:00.0/0: rate_group gold → none", "0b:00.0: remove rate group gold"];
    assert_eq!(actions(&host, &gone), steps);
    applied(host, &gone);
}

#[test]
fn what_a_function_may_do_changes_while_no_driver_has_it() {
    let host = model::machine();
    let host = applied(host.clone(), &wanted(&host, 2, |_| {}));
    let policy = wanted(&host, 2, |pf| {
        let port = &mut pf.vf.entry(VfIndex(1)).or_default().port;
        port.capabilities.insert(Capability::Migratable, Switch::On);
        port.max_io_eqs = Some(8);
    });
    let steps = [
        "0b:00.0/1: take from igbvf",
        "0b:00.0/1: migratable off → on",
        "0b:00.0/1: max_io_eqs 16 → 8",
        "0b:00.0/1: let the kernel pick a driver",
    ];
    assert_eq!(actions(&host, &policy), steps);
    applied(host, &policy);
}

#[test]
fn nothing_of_a_port_is_asked_for_where_there_is_none() {
    let host = model::machine();
    let vf = VfId { pf: model::port(0), index: VfIndex(0) };
    let with = |port: PortPolicy| {
        let policy = Policy::of(&host).with_vfs(model::port(0), 1);
        policy.with_vf(vf, VfPolicy { port, ..VfPolicy::default() })
    };
    let roce = PortPolicy {
        capabilities: [(Capability::Roce, Switch::Off)].into(),
        ..PortPolicy::default()
    };
    let told = diff(&host, &with(roce)).unwrap_err();
    assert_eq!(told, PlanError::NoPort { vf, key: "roce" });
    let gold = GroupChoice::Named("gold".into());
    let told = diff(&host, &with(PortPolicy { group: Some(gold), ..PortPolicy::default() }));
    assert_eq!(told.unwrap_err(), PlanError::NoGroup { vf, group: "gold".into() });
    let mut groups = Policy::of(&host);
    let pf = groups.pfs.get_mut(&model::port(0)).unwrap();
    pf.groups.insert("gold".into(), Some(Limits::default()));
    let told = diff(&host, &groups).unwrap_err();
    assert_eq!(told, PlanError::NoGroups { pf: model::port(0) });
}

/// In legacy mode, and on a driver with ports and no rates, they go the old way.
#[test]
fn rates_go_where_they_can_be_set() {
    let names = |host: &Host, policy: &Policy| -> Vec<&str> {
        let plan = diff(host, policy).unwrap();
        plan.steps.iter().map(|step| step.action.name()).collect()
    };
    let limited = |pf: &mut PfPolicy| {
        pf.vf.entry(VfIndex(0)).or_default().admin.max_rate = Some(mbps(500));
    };
    let host = model::machine();
    let mut legacy = Policy::of(&host).with_vfs(model::port(0), 1);
    limited(legacy.pfs.get_mut(&model::port(0)).unwrap());
    assert!(names(&host, &legacy).contains(&"set-vf"));
    let mut host = applied(host.clone(), &wanted(&host, 1, |_| {}));
    let policy = wanted(&host, 1, limited);
    assert_eq!(names(&host, &policy), ["set-port"]);
    let Seen::Known(ports) = &mut model::pf_mut(&mut host, model::port(0)).ports else { panic!() };
    ports.vfs.get_mut(&VfIndex(0)).unwrap().limits = None;
    assert_eq!(names(&host, &policy), ["set-vf"]);
    let vf = VfId { pf: model::port(0), index: VfIndex(0) };
    let grouped = wanted(&host, 1, |pf| gold(pf, 1000));
    assert_eq!(diff(&host, &grouped).unwrap_err(), PlanError::NoRates { vf });
}

#[test]
fn ports_that_cannot_be_seen_are_not_guessed() {
    let host = model::machine();
    let mut host = applied(host.clone(), &wanted(&host, 1, |_| {}));
    let policy = wanted(&host, 1, |pf| gold(pf, 1000));
    let unreadable = Unreadable { path: "virtfn/ports".into(), why: Reason::NotPermitted };
    model::pf_mut(&mut host, model::port(0)).ports = Seen::Unreadable(unreadable.clone());
    let told = diff(&host, &policy).unwrap_err();
    assert_eq!(told, PlanError::Unseen { device: model::port(0), unreadable });
}

//! Killed between any two calls, on a kernel that misbehaves as kernels are known to: the next run
//! ends in the wanted state, or says what stops it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that cannot unwrap has failed.
#![allow(dead_code)] // The model serves plan's tests too, whole in neither.

#[path = "kernel/mod.rs"]
mod kernel;
#[path = "../../plan/tests/model/mod.rs"]
mod model;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use kernel::{Kernel, Killed, Quirks};
use proptest::prelude::*;
use virtfn_apply::{ApplyError, InUse, OnFailure, Options, Outcome};
use virtfn_host::{
    Capability, DriverChoice, EswitchMode, GroupChoice, Guid, Host, Limits, MacAddress, Mbps, Mtu,
    NetdevPolicy, PfPolicy, Policy, PortPolicy, Seen, Switch, VfAdmin, VfId, VfIndex, VfPolicy,
    VlanId,
};
use virtfn_plan::{Subject, diff};

/// What shall be of one port, as a policy file says it.
#[derive(Clone, Debug)]
struct Port {
    vfs: u16,
    eswitch: Option<EswitchMode>,
    firmware: Option<u16>,
    /// Do its VFs share a rate, and have a function of their own kind, where they have ports?
    shared: bool,
    first: VfPolicy,
    others: VfPolicy,
}

const GROUP: &str = "gold";

fn limits(min: u32, max: u32) -> Limits {
    Limits { min: Mbps::new(min).unwrap(), max: Mbps::new(max).unwrap() }
}

fn shared_port() -> PortPolicy {
    PortPolicy {
        capabilities: [(Capability::Migratable, Switch::On)].into(),
        max_io_eqs: Some(8),
        group: Some(GroupChoice::Named(GROUP.into())),
    }
}

/// What shall be of both ports; `None`: nothing is said of it.
type Wish = [Option<Port>; 2];

impl Port {
    fn plain(vfs: u16) -> Self {
        Self {
            vfs,
            eswitch: None,
            firmware: None,
            shared: false,
            first: VfPolicy::default(),
            others: VfPolicy::default(),
        }
    }

    fn of(&self, index: u16) -> &VfPolicy {
        if index == 0 { &self.first } else { &self.others }
    }
}

fn wanted(wish: &Wish, mut policy: Policy) -> Policy {
    for (number, port) in wish.iter().enumerate() {
        let Some(port) = port else { continue };
        let pf = model::port(number);
        policy = policy.with_vfs(pf, port.vfs);
        if let Some(policy) = policy.pfs.get_mut(&pf) {
            if let Some(mode) = port.eswitch {
                *policy = policy.clone().with_eswitch(mode);
            }
            if policy.has_ports() && port.shared {
                policy.groups.insert(GROUP.into(), Some(limits(10, 1_000)));
            }
            policy.firmware_vfs = port.firmware.or(policy.firmware_vfs);
        }
        for index in 0..port.vfs {
            let mut vf = port.of(index).clone();
            if port.shared && policy.pfs.get(&pf).is_some_and(PfPolicy::has_ports) {
                vf.port = shared_port();
                vf.admin.max_rate = Mbps::new(500);
            }
            policy = policy.with_vf(VfId { pf, index: VfIndex(index) }, vf);
        }
    }
    policy
}

fn run(kernel: &mut Kernel, wish: &Wish, state: &Path) -> Result<Outcome, ApplyError> {
    let named = wish.iter().enumerate().filter(|(_, port)| port.is_some());
    let about: BTreeSet<Subject> = named.map(|(number, _)| model::port(number).into()).collect();
    let mut options = Options {
        state: state.to_owned(),
        in_use: InUse::Refuse,
        on_failure: OnFailure::RollBack,
        progress: &mut |_| {},
    };
    let make = |_: &Host, now: Policy| Ok::<_, ApplyError>(wanted(wish, now));
    virtfn_apply::run(kernel, &about, make, &mut options)
}

/// Runs until the call after which it is killed; says whether it came so far.
fn run_killed(kernel: &mut Kernel, wish: &Wish, state: &Path, calls: usize) -> bool {
    kernel.kill_after = Some(calls);
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let _ = run(kernel, wish, state);
    }));
    kernel.kill_after = None;
    match ended {
        Ok(()) => false,
        Err(payload) if payload.is::<Killed>() => true,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

/// Is everything as wished, nothing owed, and what the wish leaves open as it was `before`?
fn assert_settled(host: &Host, before: &Wish, wish: &Wish, state: &Path) {
    assert_wished(host, wish, state);
    for (number, port) in wish.iter().enumerate() {
        let (Some(port), Some(before)) = (port, &before[number]) else { continue };
        let pf = host.functions[&model::port(number)].pf().unwrap();
        let kept = |index: &VfIndex| {
            let said = port.of(index.0).admin != VfAdmin::default();
            !said && index.0 < before.vfs && before.of(index.0).admin != VfAdmin::default()
        };
        for index in pf.vfs.keys().filter(|index| kept(index)) {
            let now = &pf.admin.known().unwrap()[index];
            assert!(admin().changes_from(now).is_empty(), "VF {index} had more: {now:?}");
        }
    }
    for (number, port) in wish.iter().enumerate() {
        let Some(port) = port else { continue };
        for (index, address) in &host.functions[&model::port(number)].pf().unwrap().vfs {
            let before = before[number].as_ref().filter(|port| index.0 < port.vfs);
            let had = before.and_then(|port| port.of(index.0).driver.clone());
            let shall = port.of(index.0).driver.clone().or(had);
            let shall = match &shall {
                None | Some(DriverChoice::Default) => Some("igbvf"),
                Some(DriverChoice::Named(driver)) => Some(driver.as_str()),
                Some(DriverChoice::None) => None,
            };
            assert_eq!(host.functions[address].driver.as_deref(), shall, "VF {index}");
        }
    }
}

/// Is everything as wished, whatever became of what the wish leaves open?
fn assert_wished(host: &Host, wish: &Wish, state: &Path) {
    for (number, port) in wish.iter().enumerate() {
        let Some(port) = port else { continue };
        let pf = host.functions[&model::port(number)].pf().unwrap();
        assert_eq!(pf.vfs.len(), usize::from(port.vfs));
        assert_eq!(pf.autoprobe, Seen::Known(true), "the switch was left off");
        assert!(
            port.eswitch.is_none_or(|mode| pf.eswitch == Seen::Known(mode)),
            "{:?}",
            pf.eswitch
        );
    }
    let mut policy = Policy::of(host);
    policy.pfs.retain(|pf, _| (0..2).any(|n| wish[n].is_some() && *pf == model::port(n)));
    let left = diff(host, &wanted(wish, policy)).unwrap();
    assert!(left.steps.is_empty(), "still to do: {:?}", left.steps);
    let owed = state.read_dir().unwrap().flatten().map(|entry| entry.file_name());
    let owed: Vec<_> = owed.filter(|name| name.to_string_lossy().ends_with("journal")).collect();
    assert!(owed.is_empty(), "{owed:?}");
}

fn prepared(before: &Wish) -> Kernel {
    let mut kernel = Kernel::new();
    let state = tempfile::tempdir().unwrap();
    run(&mut kernel, before, state.path()).unwrap();
    kernel.writes = 0;
    kernel
}

fn admin() -> VfAdmin {
    VfAdmin {
        mac: Some(MacAddress::new([0x52, 0x54, 0, 0x6d, 0x90, 2])),
        vlan: VlanId::new(42),
        trust: Some(Switch::On),
        node_guid: Some(Guid::new(0x0011_2233_4455_6677)),
        ..VfAdmin::default()
    }
}

fn named(driver: &str) -> Option<DriverChoice> {
    Some(DriverChoice::Named(driver.into()))
}

/// From what to what: made, resized, set, given to VMs and back, removed; one port and both.
fn changes() -> Vec<(Wish, Wish)> {
    let for_vms = || VfPolicy { driver: named("vfio-pci"), ..VfPolicy::default() };
    let mtu = NetdevPolicy { mtu: Mtu::new(9000), ..NetdevPolicy::default() };
    let set = || VfPolicy { admin: admin(), netdev: mtu.clone(), ..VfPolicy::default() };
    let both = || VfPolicy { admin: admin(), driver: named("vfio-pci"), msix: Some(5), ..set() };
    let back = || VfPolicy { driver: Some(DriverChoice::Default), ..VfPolicy::default() };
    let nobody = || VfPolicy { driver: Some(DriverChoice::None), ..VfPolicy::default() };
    let none: Wish = [None, None];
    let one = |port: Port| -> Wish { [Some(port), None] };
    let mixed =
        Port { vfs: 3, eswitch: None, firmware: None, shared: false, first: both(), others: set() };
    let switched = |mode, port: &Port| Port { eswitch: Some(mode), ..port.clone() };
    let vectors = |port: &Port| {
        let msix = || VfPolicy { msix: Some(6), ..VfPolicy::default() };
        Port { first: msix(), others: msix(), ..port.clone() }
    };
    let sharing = |port: &Port| Port { shared: true, ..port.clone() };
    let (legacy, switchdev) = (EswitchMode::Legacy, EswitchMode::Switchdev);
    vec![
        (none.clone(), one(Port::plain(7))),
        (
            none.clone(),
            one(Port {
                vfs: 3,
                eswitch: None,
                firmware: None,
                shared: false,
                first: set(),
                others: VfPolicy::default(),
            }),
        ),
        (
            none,
            [
                Some(mixed.clone()),
                Some(Port {
                    vfs: 2,
                    eswitch: None,
                    firmware: None,
                    shared: false,
                    first: for_vms(),
                    others: for_vms(),
                }),
            ],
        ),
        (one(Port::plain(2)), one(mixed.clone())),
        (one(mixed.clone()), one(Port::plain(5))),
        (
            one(Port::plain(4)),
            one(Port {
                vfs: 4,
                eswitch: None,
                firmware: None,
                shared: false,
                first: for_vms(),
                others: set(),
            }),
        ),
        (
            one(mixed.clone()),
            one(Port {
                vfs: 3,
                eswitch: None,
                firmware: None,
                shared: false,
                first: back(),
                others: nobody(),
            }),
        ),
        (one(mixed.clone()), one(switched(switchdev, &Port::plain(3)))),
        (one(switched(switchdev, &Port::plain(2))), one(switched(legacy, &mixed))),
        (one(mixed.clone()), one(switched(switchdev, &sharing(&mixed)))),
        (one(switched(switchdev, &Port::plain(2))), one(sharing(&Port::plain(2)))),
        (one(Port { first: for_vms(), ..Port::plain(2) }), one(vectors(&Port::plain(2)))),
        (one(switched(switchdev, &sharing(&mixed))), one(switched(switchdev, &Port::plain(5)))),
        (one(switched(switchdev, &sharing(&mixed))), one(switched(legacy, &Port::plain(3)))),
        (one(mixed), one(Port::plain(0))),
    ]
}

#[test]
fn killed_at_any_call_and_run_again() {
    let slow = Quirks {
        resets: Duration::from_millis(60),
        binds_late: Duration::from_millis(30),
        netdevs_late: Duration::from_millis(50),
        numvfs_again: 2,
        renames: true,
        ..Quirks::default()
    };
    let mut kills = 0;
    let kernels = [Quirks::default(), slow].into_iter().enumerate();
    let changes = changes();
    let each = kernels.flat_map(|(n, quirks)| {
        changes.iter().enumerate().map(move |(number, change)| (n, number, quirks.clone(), change))
    });
    for (n, number, quirks, (before, wish)) in each {
        for calls in 0.. {
            let mut kernel = prepared(before);
            kernel.quirks = quirks.clone();
            let state = tempfile::tempdir().unwrap();
            let was_killed = run_killed(&mut kernel, wish, state.path(), calls);
            // And once more while it mends what the first kill left.
            println!("kernel {n}, change {number}, killed at call {calls}");
            let again = was_killed && run_killed(&mut kernel, wish, state.path(), calls % 29);
            // Drivers that were told to come while nobody lived to see it.
            kernel.wait_for_drivers();
            run(&mut kernel, wish, state.path()).unwrap();
            kernel.wait_for_drivers();
            assert_settled(&kernel.host, before, wish, state.path());
            kills += usize::from(was_killed) + usize::from(again);
            if !was_killed {
                break;
            }
        }
    }
    println!("{kills} kills");
    assert!(kills > 1_000, "{kills} kills");
}

/// The VFs and `/run` go with the power; what shall be is made from nothing.
#[test]
fn after_a_power_cut_at_any_call_all_is_made_anew() {
    let (before, wish) = changes().swap_remove(2);
    for calls in 0.. {
        let mut kernel = Kernel::new();
        let state = tempfile::tempdir().unwrap();
        if !run_killed(&mut kernel, &wish, state.path(), calls) {
            break;
        }
        let (mut kernel, state) = (Kernel::new(), tempfile::tempdir().unwrap());
        run(&mut kernel, &wish, state.path()).unwrap();
        assert_settled(&kernel.host, &before, &wish, state.path());
    }
}

/// More VFs than firmware offers yet: it is told to, once, and the VFs come after the restart.
#[test]
fn what_the_firmware_offers_after_a_restart_is_waited_for() {
    let port = Port {
        firmware: Some(16),
        first: VfPolicy { admin: admin(), ..VfPolicy::default() },
        ..Port::plain(12)
    };
    let wish: Wish = [Some(port), None];
    for calls in 0.. {
        let (mut kernel, state) = (Kernel::new(), tempfile::tempdir().unwrap());
        let was_killed = run_killed(&mut kernel, &wish, state.path(), calls);
        for _ in 0..2 {
            let told = run(&mut kernel, &wish, state.path()).unwrap_err().to_string();
            assert!(told.contains("before the device is reset"), "{told}");
        }
        assert_eq!(kernel.writes, 1, "killed at call {calls}");
        kernel.restart();
        let state = tempfile::tempdir().unwrap();
        run(&mut kernel, &wish, state.path()).unwrap();
        assert_settled(&kernel.host, &[None, None], &wish, state.path());
        if !was_killed {
            break;
        }
    }
}

/// Not a write while somebody would lose a VF; killed while it finds that out, still none.
#[test]
fn what_is_held_is_never_taken() {
    let (before, wish): (Wish, Wish) = ([Some(Port::plain(3)), None], [Some(Port::plain(5)), None]);
    let held = VfId { pf: model::port(0), index: VfIndex(1) };
    for calls in 0.. {
        let mut kernel = prepared(&before);
        let state = tempfile::tempdir().unwrap();
        kernel.hold(held, true);
        let was_killed = run_killed(&mut kernel, &wish, state.path(), calls);
        let refused = run(&mut kernel, &wish, state.path());
        assert!(matches!(refused, Err(ApplyError::InUse(_))), "{refused:?}");
        assert_eq!(kernel.writes, 0);
        kernel.hold(held, false);
        run(&mut kernel, &wish, state.path()).unwrap();
        assert_settled(&kernel.host, &before, &wish, state.path());
        if !was_killed {
            break;
        }
    }
}

fn vf_policy() -> impl Strategy<Value = VfPolicy> {
    let driver = prop_oneof![
        Just(None),
        Just(Some(DriverChoice::Default)),
        Just(Some(DriverChoice::None)),
        Just(named("vfio-pci")),
    ];
    (prop::option::of(Just(admin())), driver).prop_map(|(admin, driver)| VfPolicy {
        admin: admin.unwrap_or_default(),
        driver,
        ..VfPolicy::default()
    })
}

fn port() -> impl Strategy<Value = Port> {
    let modes = vec![EswitchMode::Legacy, EswitchMode::Switchdev];
    let mode = prop::option::weighted(0.3, prop::sample::select(modes));
    let shared = prop::bool::weighted(0.4);
    (0u16..=7, mode, shared, vf_policy(), vf_policy()).prop_map(
        |(vfs, eswitch, shared, first, others)| Port {
            vfs,
            eswitch,
            firmware: None,
            shared,
            first,
            others,
        },
    )
}

fn wish() -> impl Strategy<Value = Wish> {
    [prop::option::of(port()), prop::option::of(port())]
}

fn quirks() -> impl Strategy<Value = Quirks> {
    let time = || {
        prop_oneof![Just(0u64), 1..400u64, Just(2_500), Just(12_000)]
            .prop_map(Duration::from_millis)
    };
    let vf = || prop::option::weighted(0.2, 0u16..7);
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    (time(), time(), time(), 0u8..3, vf(), vf(), vf(), flags).prop_map(
        |(
            resets,
            binds_late,
            netdevs_late,
            numvfs_again,
            makes_at_most,
            never_binds,
            refuses,
            f,
        )| {
            let (renames, no_module, keeps_mode) = f;
            Quirks {
                resets,
                binds_late,
                netdevs_late,
                numvfs_again,
                makes_at_most,
                never_binds,
                refuses,
                renames,
                no_module,
                keeps_mode,
            }
        },
    )
}

/// Does this kernel only make one wait, within the limits that a run keeps?
fn passes(quirks: &Quirks) -> bool {
    quirks.resets < Duration::from_secs(3)
        && quirks.binds_late < Duration::from_secs(4)
        && quirks.makes_at_most.is_none()
        && quirks.never_binds.is_none()
        && quirks.refuses.is_none()
        && !quirks.no_module
        && !quirks.keeps_mode
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_kernel_that_misbehaves_is_waited_for_or_told(
        before in wish(),
        wish in wish(),
        quirks in quirks(),
        kills in prop::collection::vec(0usize..160, 0..4),
    ) {
        let mut kernel = prepared(&before);
        let state = tempfile::tempdir().unwrap();
        kernel.quirks = quirks.clone();
        for calls in kills {
            run_killed(&mut kernel, &wish, state.path(), calls);
        }
        let ended = run(&mut kernel, &wish, state.path());
        match ended {
            // Late drivers that nobody waits for come in their own time.
            Ok(_) if passes(&quirks) && quirks.binds_late < Duration::from_secs(1) => {
                kernel.wait_for_drivers();
                assert_settled(&kernel.host, &before, &wish, state.path());
            }
            Ok(_) => {}
            Err(error) => {
                prop_assert!(!passes(&quirks), "it had only to wait: {error:?}");
                prop_assert!(!error.to_string().is_empty());
            }
        }
        kernel.quirks = Quirks::default();
        kernel.wait_for_drivers();
        run(&mut kernel, &wish, state.path()).unwrap();
        assert_wished(&kernel.host, &wish, state.path());
        kernel.writes = 0;
        run(&mut kernel, &wish, state.path()).unwrap();
        prop_assert_eq!(kernel.writes, 0, "what is as it shall be is written again");
    }
}

//! What holds of every plan: run, it leaves nothing to do; cut short anywhere and planned anew, it
//! ends in the same state; and no step asks of the kernel what the kernel refuses.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that cannot unwrap has failed.
#![allow(dead_code)] // The model serves both test programs, whole in neither.

mod model;

use proptest::prelude::*;
use virtfn_host::{
    DriverChoice, Host, Mbps, Mtu, NetdevPolicy, Policy, Switch, VfAdmin, VfId, VfIndex, VfPolicy,
    VlanId,
};
use virtfn_plan::{Action, diff};

/// An edit of the policy that a machine has, as the commands make it.
#[derive(Clone, Debug)]
enum Wish {
    Vfs { port: usize, vfs: u16, each: VfPolicy },
    Vf { port: usize, index: u16, policy: VfPolicy },
}

impl Wish {
    fn of(&self, host: &Host, mut policy: Policy) -> Policy {
        let (Self::Vfs { port, .. } | Self::Vf { port, .. }) = self;
        policy.pfs.retain(|pf, _| *pf == model::port(*port));
        let vf = |index| VfId { pf: model::port(*port), index: VfIndex(index) };
        match self {
            Self::Vfs { vfs, each, .. } => {
                let policy = policy.with_vfs(model::port(*port), *vfs);
                (0..*vfs).fold(policy, |policy, n| policy.with_vf(vf(n), each.clone()))
            }
            Self::Vf { index, policy: wanted, .. } => {
                let there = host.functions[&model::port(*port)].pf().map_or(0, |pf| pf.vfs.len());
                if usize::from(*index) >= there {
                    return policy;
                }
                policy.with_vf(vf(*index), wanted.clone())
            }
        }
    }
}

fn admin() -> impl Strategy<Value = VfAdmin> {
    let mac = prop::option::of(any::<[u8; 5]>()).prop_map(|tail| {
        tail.map(|[a, b, c, d, e]| virtfn_host::MacAddress::new([2, a, b, c, d, e]))
    });
    let switch = || prop::option::of(any::<bool>().prop_map(Switch::from));
    let vlan = prop::option::of((0u16..4095).prop_map(|id| VlanId::new(id).unwrap()));
    let rate = prop::option::of((0u32..1000).prop_map(|rate| Mbps::new(rate).unwrap()));
    (mac, vlan, switch(), switch(), rate).prop_map(|(mac, vlan, spoofchk, trust, max_rate)| {
        VfAdmin { mac, vlan, spoofchk, trust, max_rate, ..VfAdmin::default() }
    })
}

fn driver() -> impl Strategy<Value = Option<DriverChoice>> {
    prop_oneof![
        Just(None),
        Just(Some(DriverChoice::Default)),
        Just(Some(DriverChoice::None)),
        Just(Some(DriverChoice::Named("vfio-pci".into()))),
        Just(Some(DriverChoice::Named("igbvf".into()))),
    ]
}

fn netdev() -> impl Strategy<Value = NetdevPolicy> {
    prop_oneof![
        3 => Just(NetdevPolicy::default()),
        1 => Just(NetdevPolicy { name: None, mtu: Mtu::new(9000) }),
    ]
}

fn vf_policy() -> impl Strategy<Value = VfPolicy> {
    prop_oneof![
        Just(VfPolicy::default()),
        (admin(), driver(), netdev(), prop::option::of(1u16..9)).prop_map(
            |(admin, driver, netdev, msix)| {
                VfPolicy { admin, driver, netdev, msix, ..VfPolicy::default() }
            }
        ),
    ]
}

fn wish() -> impl Strategy<Value = Wish> {
    let port = 0usize..2;
    prop_oneof![
        (port.clone(), 0u16..=7, vf_policy()).prop_map(|(port, vfs, each)| Wish::Vfs {
            port,
            vfs,
            each
        }),
        (port, 0u16..7, vf_policy()).prop_map(|(port, index, policy)| Wish::Vf {
            port,
            index,
            policy
        }),
    ]
}

fn run(host: &mut Host, wish: &Wish) -> Vec<Action> {
    let policy = wish.of(host, Policy::of(host));
    let plan = diff(host, &policy).unwrap();
    let actions: Vec<Action> = plan.steps.into_iter().map(|step| step.action).collect();
    for action in &actions {
        model::obey(host, action);
    }
    let left = diff(host, &policy).unwrap();
    assert!(left.steps.is_empty(), "{wish:?}: still to do: {:?}", left.steps);
    actions
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_plan_that_ran_leaves_nothing_to_do(wishes in prop::collection::vec(wish(), 1..6)) {
        let mut host = model::machine();
        for wish in &wishes {
            run(&mut host, wish);
            prop_assert!(diff(&host, &Policy::of(&host)).unwrap().steps.is_empty());
            for (_, pf) in host.pfs() {
                prop_assert_eq!(pf.autoprobe.known(), Some(&true), "the switch was left off");
            }
        }
    }

    #[test]
    fn the_same_machine_and_policy_give_the_same_plan(wish in wish()) {
        let host = model::machine();
        let policy = wish.of(&host, Policy::of(&host));
        prop_assert_eq!(diff(&host, &policy), diff(&host, &policy));
    }

    #[test]
    fn the_other_port_is_left_alone(first in wish(), second in wish()) {
        let mut host = model::machine();
        run(&mut host, &first);
        let (Wish::Vfs { port, .. } | Wish::Vf { port, .. }) = second;
        let other = model::port(1 - port);
        for action in run(&mut host, &second) {
            prop_assert_ne!(action.pf(), Some(other));
        }
    }
}

//! How many VFs a card's firmware offers, in a plan: set at once, and in force after a reset.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that cannot unwrap has failed.
#![allow(dead_code)] // The model serves several test programs, whole in none.

mod model;

use virtfn_host::{FirmwareVfs, Host, Policy, Reason, Seen, Unreadable};
use virtfn_plan::{PlanError, diff, verify};

fn wanted(host: &Host, vfs: u16, firmware_vfs: u16) -> Policy {
    let mut policy = Policy::of(host).with_vfs(model::port(0), vfs);
    policy.pfs.get_mut(&model::port(0)).unwrap().firmware_vfs = Some(firmware_vfs);
    policy
}

fn actions(host: &Host, policy: &Policy) -> Vec<String> {
    diff(host, policy).unwrap().steps.iter().map(|step| step.action.to_string()).collect()
}

fn run(host: &mut Host, policy: &Policy) {
    for step in &diff(host, policy).unwrap().steps {
        model::obey(host, &step.action);
    }
}

const RAISED: &str = "0b:00.0: firmware total_vfs 7 → 64, from its next reset on";

#[test]
fn what_fits_now_is_made_now() {
    let mut host = model::machine();
    let policy = wanted(&host, 3, 64);
    assert_eq!(actions(&host, &policy), [RAISED, "0b:00.0: make 3 VFs"]);
    let plan = diff(&host, &policy).unwrap();
    assert!(plan.notes.iter().any(|note| note.contains("until then its driver allows 7 VFs")));
    run(&mut host, &policy);
    assert!(verify(&host, &policy, &plan).unwrap().is_empty());
    assert!(actions(&host, &policy).is_empty(), "a second plan has nothing to do");
}

#[test]
fn what_does_not_fit_before_the_reset_says_so_until_then() {
    let mut host = model::machine();
    let policy = wanted(&host, 20, 64);
    assert_eq!(actions(&host, &policy), [RAISED]);
    run(&mut host, &policy);
    let told = diff(&host, &policy).unwrap_err();
    assert!(matches!(told, PlanError::AwaitsReset { asked: 20, total: 7, .. }), "{told}");
    // Whoever asks for fewer is not kept from them.
    assert_eq!(actions(&host, &wanted(&host, 5, 64)), ["0b:00.0: make 5 VFs"]);
    model::pf_mut(&mut host, model::port(0)).total_vfs = 64;
    assert_eq!(actions(&host, &policy), ["0b:00.0: make 20 VFs"]);
}

#[test]
fn more_than_the_firmware_shall_offer_is_refused_at_once() {
    let host = model::machine();
    let told = diff(&host, &wanted(&host, 20, 10)).unwrap_err();
    assert!(matches!(told, PlanError::TooManyVfs { asked: 20, total: 7, .. }), "{told}");
}

#[test]
fn firmware_with_sriov_off_is_switched_on() {
    let mut host = model::machine();
    let off = FirmwareVfs { total: 64, enabled: Some(false) };
    model::pf_mut(&mut host, model::port(0)).firmware = Seen::Known(off);
    assert!(actions(&host, &Policy::of(&host)).is_empty(), "nobody asked for it");
    let policy = wanted(&host, 0, 64);
    let step = "0b:00.0: firmware enable_sriov off → on, from its next reset on";
    assert_eq!(actions(&host, &policy), [step]);
}

#[test]
fn a_driver_that_does_not_say_and_one_that_cannot_be_seen_are_told_apart() {
    let mut host = model::machine();
    model::pf_mut(&mut host, model::port(0)).firmware = Seen::Absent;
    assert!(actions(&host, &Policy::of(&host)).is_empty(), "nobody asked for it");
    let told = |host: &Host| diff(host, &wanted(host, 0, 64)).unwrap_err();
    assert!(matches!(told(&host), PlanError::NoFirmwareLimit { .. }));
    let unseen = Unreadable { path: "devlink".into(), why: Reason::NotPermitted };
    model::pf_mut(&mut host, model::port(0)).firmware = Seen::Unreadable(unseen);
    assert!(matches!(told(&host), PlanError::Unseen { .. }));
}

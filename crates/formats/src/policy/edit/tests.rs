use super::*;
use proptest::prelude::*;
use virtfn_host::{DriverWish, MacWish, Switch, VfAdmin, VlanId};

fn wish(vlan: u16) -> VfWish {
    VfWish { admin: VfAdmin { vlan: VlanId::new(vlan), ..VfAdmin::default() }, ..VfWish::default() }
}

fn place(text: &str) -> Place {
    read("p", text).unwrap().pfs[0].place.clone()
}

fn set(text: &str, index: u16, wish: VfWish) -> String {
    edit(text, &place(text), &Edit { vf: vec![(VfIndex(index), wish)], ..Edit::default() }).unwrap()
}

fn resize(text: &str, vfs: u16) -> String {
    edit(text, &place(text), &Edit { vfs: Some(vfs), ..Edit::default() }).unwrap()
}

/// A policy whose one PF goes on with `rest`.
fn policy(rest: &str) -> String {
    format!(
        "# ours\nversion: 1 # first\npfs:\n  # the left port\n  - match: {{ pci: 0b:00.0 }}\n{rest}devices: [] # none\n"
    )
}

#[test]
fn a_setting_is_written_where_it_is_meant() {
    for (before, index, after) in [
        // Over what is there, in both layouts.
        (
            "    vfs: 7\n    vf:\n      0: { vlan: 7 } # a\n",
            0,
            "    vfs: 7\n    vf:\n      0: { vlan: 42 } # a\n",
        ),
        (
            "    vfs: 7\n    vf:\n      0:\n        vlan: 7 # a\n        qos: 1\n",
            0,
            "    vfs: 7\n    vf:\n      0:\n        vlan: 42 # a\n        qos: 1\n",
        ),
        // Beside what is there.
        (
            "    vfs: 7\n    vf: { 0: { qos: 1 } }\n",
            0,
            "    vfs: 7\n    vf: { 0: { qos: 1, vlan: 42 } }\n",
        ),
        (
            "    vfs: 7\n    vf:\n      0:\n        qos: 1 # a\n      # b\n      3: {}\n",
            0,
            "    vfs: 7\n    vf:\n      0:\n        qos: 1 # a\n        vlan: 42\n      # b\n      3: {}\n",
        ),
        (
            "    vfs: 7\n    vf:\n      3: {} # c\n",
            3,
            "    vfs: 7\n    vf:\n      3: { vlan: 42 } # c\n",
        ),
        (
            "    vfs: 7\n    vf:\n      3: # c\n",
            3,
            "    vfs: 7\n    vf:\n      3: { vlan: 42 } # c\n",
        ),
        // A VF of its own.
        (
            "    vfs: 7\n    vf:\n      0: { qos: 1 } # a\n",
            5,
            "    vfs: 7\n    vf:\n      0: { qos: 1 } # a\n      5: { vlan: 42 }\n",
        ),
        ("    vfs: 7 # n\n", 5, "    vfs: 7 # n\n    vf: { 5: { vlan: 42 } }\n"),
        ("    vfs: 7\n    vf: {}\n", 5, "    vfs: 7\n    vf: { 5: { vlan: 42 } }\n"),
        // Out of a range.
        (
            "    vfs: 7\n    vf:\n      1-3: { vlan: 7 } # a\n",
            2,
            "    vfs: 7\n    vf:\n      1: { vlan: 7 }\n      2: { vlan: 42 }\n      3: { vlan: 7 } # a\n",
        ),
        (
            "    vfs: 7\n    vf: { 0-6: { qos: 1 } }\n",
            0,
            "    vfs: 7\n    vf: { 0: { qos: 1, vlan: 42 }, 1-6: { qos: 1 } }\n",
        ),
        (
            "    vfs: 7\n    vf:\n      0-6:\n        vlan: 7\n",
            6,
            "    vfs: 7\n    vf:\n      0-5:\n        vlan: 7\n      6:\n        vlan: 42\n",
        ),
    ] {
        assert_eq!(set(&policy(before), index, wish(42)), policy(after));
    }
}

#[test]
fn fewer_vfs_take_what_is_said_of_them_along() {
    for (before, vfs, after) in [
        (
            "    vfs: 7 # n\n    vf:\n      0: { vlan: 7 }\n      # six\n      5-6: { vlan: 8 }\n",
            6,
            "    vfs: 6 # n\n    vf:\n      0: { vlan: 7 }\n      # six\n      5: { vlan: 8 }\n",
        ),
        (
            "    vfs: 7\n    vf: { 0: { vlan: 7 }, 5-6: { vlan: 8 } }\n",
            3,
            "    vfs: 3\n    vf: { 0: { vlan: 7 } }\n",
        ),
        (
            "    vf: { 5-6: { vlan: 8 }, 0: { vlan: 7 } }\n    vfs: 7\n",
            3,
            "    vf: { 0: { vlan: 7 } }\n    vfs: 3\n",
        ),
        ("    vfs: 7\n    vf:\n      5-6:\n        vlan: 8\n", 0, "    vfs: 0\n"),
        ("    vfs: 7\n", 9, "    vfs: 9\n"),
    ] {
        assert_eq!(resize(&policy(before), vfs), policy(after));
    }
}

#[test]
fn all_kinds_of_values_can_be_written() {
    let all = VfWish {
        admin: VfAdmin { trust: Some(Switch::On), vlan: VlanId::new(7), ..VfAdmin::default() },
        mac: Some(MacWish::Given("52:54:00:6d:90:02".parse().unwrap())),
        driver: Some(DriverWish::Named("vfio-pci".into())),
        ..VfWish::default()
    };
    let text = set(&policy("    vfs: 7\n"), 3, all.clone());
    assert_eq!(read("p", &text).unwrap().pfs[0].wish(VfIndex(3)), all);
}

#[test]
fn what_cannot_be_changed_alone_is_left_to_its_owner() {
    let shared = policy("    vfs: 7\n    vf: { 0: &a { vlan: 7 }, 1: *a }\n");
    let told = edit(
        &shared,
        &place(&shared),
        &Edit { vf: vec![(VfIndex(1), wish(42))], ..Edit::default() },
    );
    assert_eq!(
        told.unwrap_err().to_string(),
        "line 5: its layout leaves no place for the change: it is to be made by hand"
    );
    let elsewhere = Place { line: 9, ..place(&shared) };
    assert!(matches!(edit(&shared, &elsewhere, &Edit::default()), Err(CannotEdit::NoEntry(_))));
    assert!(matches!(edit("pfs: [", &elsewhere, &Edit::default()), Err(CannotEdit::Faults(_))));
}

#[test]
fn a_whole_function_gets_another_driver() {
    let text = "version: 1\ndevices:\n  - match: { pci: 41:00.0 }\n    driver: none # for now\n";
    let device = read("p", text).unwrap().devices[0].place.clone();
    let driver = |driver| Edit { driver: Some(driver), ..Edit::default() };
    let changed = edit(text, &device, &driver(DriverWish::Vfio)).unwrap();
    assert_eq!(changed, text.replace("none", "vfio"));
}

proptest! {
    /// Any series of changes of any of these layouts is made or refused, and never made wrongly:
    /// `edit` reads what it wrote. Here it has to make all of them.
    #[test]
    fn changes_can_follow_each_other(
        layout in 0usize..4,
        changes in prop::collection::vec((0u16..8, 1u16..100, any::<bool>()), 1..6),
    ) {
        let mut text = policy([
            "    vfs: 7\n",
            "    vfs: 7\n    vf: { 0-2: { qos: 1 }, 5: {} }\n",
            "    vfs: 7\n    vf:\n      0-2:\n        qos: 1\n      # x\n      5:\n",
            "    defaults: { mac: auto } # d\n    vf:\n      1-6: { vlan: 5 }\n    vfs: 7\n",
        ][layout]);
        for (index, vlan, does_resize) in changes {
            let vfs = read("p", &text).unwrap().pfs[0].vfs;
            if does_resize {
                text = resize(&text, index + 1);
            } else if index < vfs {
                text = set(&text, index, wish(vlan));
            }
            prop_assert!(text.contains("# the left port") && text.ends_with("# none\n"), "{text}");
        }
    }
}

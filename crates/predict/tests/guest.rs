//! What a guest reaches: laws over any bytes, and the recorded machines.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use virtfn_host::{Function, Host, Seen};
use virtfn_kernel::SysRoot;
use virtfn_observe::{Facet, Look};
use virtfn_pci::{CapabilityId, ConfigSpace};
use virtfn_predict::{
    Access, Bits, NoView, Place, Reach, Register, Rules, Table, View, guest_view, regions,
};

fn host(name: &str) -> Host {
    let path = format!("../../fixtures/hosts/{name}.tar.zst");
    let root = SysRoot::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    virtfn_observe::host(&root, &Look::at(&[Facet::Config, Facet::Details])).unwrap()
}

fn function(host: &Host, address: &str) -> Function {
    host.function(host.resolve(address).unwrap()).unwrap().clone()
}

fn with_config(bytes: Vec<u8>) -> Function {
    static PF: LazyLock<Function> = LazyLock::new(|| function(&host("intel-default"), "01:00.0"));
    let mut function = PF.clone();
    function.config = Seen::Known(ConfigSpace::new(bytes));
    function
}

fn view(function: &Function) -> View {
    guest_view(function, Rules::Linux6_12).unwrap()
}

/// Each byte is in one register, and the registers' masks are the bytes'.
fn check_whole(view: &View) {
    let mut next = 0;
    for register in &view.registers {
        assert_eq!(register.at, next, "{register:?}");
        assert!(register.len > 0);
        next = register.at + register.len;
    }
    assert_eq!(usize::from(next), view.bytes.len());
    for (at, byte) in view.bytes.iter().enumerate() {
        assert_eq!(byte.kept & !byte.copy, 0, "{at:#x}: {byte:?}");
    }
}

fn at<'v>(view: &'v View, place: Place, name: &str) -> &'v Register {
    let found = view.registers.iter().find(|one| one.place == place && one.name == name);
    found.unwrap_or_else(|| panic!("{place:?} {name}"))
}

#[test]
fn a_vfs_ids_and_memory_enable_are_vfios_own() {
    let vf = function(&host("intel-default"), "enp1s0/0");
    let view = view(&vf);
    check_whole(&view);
    assert!(view.is_whole);
    let ids: Vec<u8> = view.bytes[..4].iter().map(|byte| byte.value).collect();
    assert_eq!(ids, [0x86, 0x80, 0xca, 0x10]);
    let command = at(&view, Place::Header, "command");
    assert_eq!((command.copy, command.straight), (Bits::These(0x402), Bits::These(0xfbff)));
    assert_eq!(command.kept, Bits::These(0x402));
    assert_eq!(view.bytes[4].value & 2, 2);
    assert_eq!(command.reach(), Reach::Filtered);
    assert_eq!(at(&view, Place::Header, "BAR 0").reach(), Reach::Copy);
    assert_eq!(view.bytes[0x10].value, 0x0c, "64 bits, prefetchable");
    assert_eq!(view.bytes[0x3d].value, 0);
}

#[test]
fn a_pf_shows_its_sriov_capability_and_keeps_it() {
    let pf = function(&host("intel-default"), "01:00.0");
    let view = view(&pf);
    check_whole(&view);
    let sriov = Place::Capability(CapabilityId::SRIOV);
    assert_eq!(at(&view, sriov, "registers").reach(), Reach::ReadOnly);
    let command = at(&view, Place::Header, "command");
    assert_eq!((command.copy, command.straight), (Bits::These(0x400), Bits::These(0xfbff)));
    let power = at(&view, Place::Capability(CapabilityId::POWER_MANAGEMENT), "control and status");
    assert_eq!(power.acted, Bits::These(3));
    assert_eq!(power.straight, Bits::These(0xffff_7efc));
    let express = at(&view, Place::Capability(CapabilityId::EXPRESS), "device control");
    assert_eq!((express.kept, express.acted), (Bits::These(0xf0e0), Bits::These(0xf000)));
    assert_eq!(express.straight, Bits::These(0x0d1f));
}

#[test]
fn regions_say_what_is_mapped_and_where_the_vectors_are() {
    let host = host("intel-default");
    let found = regions(&function(&host, "enp1s0/0"), Some(4096)).unwrap();
    let accesses: Vec<(u8, Access)> = found.iter().map(|one| (one.number, one.access)).collect();
    assert_eq!(accesses, [(0, Access::Mapped), (3, Access::Mapped)]);
    let held: Vec<Table> = found[1].holds.iter().map(|one| one.what).collect();
    assert_eq!(held, [Table::MsiX, Table::Pending]);
    assert_eq!(found[1].holds[0].size, 48);
}

#[test]
fn what_goes_to_no_guest_says_why() {
    let host = host("intel-default");
    let mut bridges = host.functions.values().filter(|one| one.is_bridge());
    let bridge = bridges.next().unwrap();
    assert_eq!(guest_view(bridge, Rules::Linux6_12), Err(NoView::Bridge));
    let silent = with_config(vec![0xff; 4096]);
    assert_eq!(guest_view(&silent, Rules::Linux6_12), Err(NoView::Silent));
    assert_eq!(guest_view(&with_config(vec![0; 63]), Rules::Linux6_12), Err(NoView::TooShort));
}

#[test]
fn with_64_bytes_the_header_alone_is_known() {
    let mut pf = function(&host("intel-default"), "01:00.0");
    pf.config = pf.config.map(|config| ConfigSpace::new(config.bytes()[..64].to_vec()));
    let view = view(&pf);
    check_whole(&view);
    assert!(!view.is_whole);
    assert!(view.registers.iter().all(|one| one.place == Place::Header));
}

/// A capability that the kernel hides is nobody's: it is reached straight.
#[test]
fn what_is_hidden_is_left_out_of_the_list_and_reached_all_the_same() {
    let mut bytes = vec![0; 4096];
    bytes[0x06] = 0x10;
    bytes[0x34] = 0x40;
    bytes[0x40] = 0x10;
    bytes[0x42] = 2;
    // AER, then PASID, then ARI.
    bytes[0x100..0x104].copy_from_slice(&0x1400_0001u32.to_le_bytes());
    bytes[0x140..0x144].copy_from_slice(&0x1800_001bu32.to_le_bytes());
    bytes[0x180..0x184].copy_from_slice(&0x0001_000eu32.to_le_bytes());
    let view = view(&with_config(bytes));
    check_whole(&view);
    let pasid = CapabilityId::Extended(0x1b);
    assert_eq!(
        view.hidden.iter().map(|one| (one.id, one.at)).collect::<Vec<_>>(),
        [(pasid, 0x140)]
    );
    let hidden = view.registers.iter().find(|one| one.place == Place::Hidden(pasid)).unwrap();
    assert_eq!((hidden.at, hidden.len, hidden.reach()), (0x140, 8, Reach::Straight));
    let head: Vec<u8> = view.bytes[0x100..0x104].iter().map(|byte| byte.value).collect();
    assert_eq!(u32::from_le_bytes(head.try_into().unwrap()), 0x1800_0001);
}

/// The first of the list cannot be passed over: its header stays without its id.
#[test]
fn a_hidden_first_capability_leaves_an_anchor() {
    let mut bytes = vec![0; 4096];
    bytes[0x06] = 0x10;
    bytes[0x34] = 0x40;
    bytes[0x40] = 0x10;
    bytes[0x42] = 2;
    bytes[0x100..0x104].copy_from_slice(&0x1801_001bu32.to_le_bytes());
    bytes[0x180..0x184].copy_from_slice(&0x0001_000eu32.to_le_bytes());
    let view = view(&with_config(bytes.clone()));
    check_whole(&view);
    let anchor = &view.bytes[0x100..0x104];
    assert!(anchor.iter().all(|byte| byte.copy == 0xff && byte.straight == 0));
    assert_eq!(anchor.iter().map(|byte| byte.value).collect::<Vec<_>>(), [0, 0, 0, 0x18]);
    assert_eq!(view.bytes[0x104].straight, 0xff);
    // With nothing left to list, the list reads empty.
    bytes[0x100..0x104].copy_from_slice(&0x0001_001bu32.to_le_bytes());
    let view = self::view(&with_config(bytes));
    assert!(view.bytes[0x100..0x104].iter().all(|byte| byte.value == 0));
}

#[test]
fn without_an_express_capability_what_lies_beyond_256_is_nobodys() {
    let mut bytes = vec![0; 4096];
    bytes[0x100..0x104].copy_from_slice(&0x0001_0001u32.to_le_bytes());
    let view = view(&with_config(bytes));
    check_whole(&view);
    assert!(view.bytes[0x40..].iter().all(|byte| byte.straight == 0xff && byte.copy == 0));
}

#[test]
fn every_recorded_function_is_covered() {
    let mut seen = 0;
    for name in ["intel-default", "intel-switch", "intel-pci-bridge", "amd-default", "noiommu"] {
        for function in host(name).functions.values() {
            for rules in [Rules::Linux6_1, Rules::Linux6_12] {
                if let Ok(view) = guest_view(function, rules) {
                    check_whole(&view);
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

/// A config space with a few plausible pointers and ids, so that the walk goes far.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let random = proptest::collection::vec(any::<u8>(), 0..4200);
    let heads = proptest::collection::vec((16usize..1024, any::<u32>(), 0u8..0x40), 0..60);
    (random, heads, any::<bool>()).prop_map(|(mut bytes, heads, sparse)| {
        if sparse {
            bytes.fill(0);
        }
        for (place, head, id) in heads {
            let at = place * 4;
            if let Some(four) = bytes.get_mut(at..at + 4) {
                four.copy_from_slice(&head.to_le_bytes());
                four[0] = id;
            }
        }
        if bytes.len() > 0x43 {
            bytes[0x0e] = 0;
            bytes[0x06] |= 0x10;
            bytes[0x34] = 0x40;
            bytes[0x40..0x44].copy_from_slice(&[0x10, 0x60, 2, 0]);
        }
        bytes
    })
}

proptest! {
    #[test]
    fn any_bytes_are_covered_once(bytes in bytes(), vf in any::<bool>()) {
        let mut function = with_config(bytes);
        if vf {
            let pf = function.address;
            function.role = virtfn_host::Role::Leaving { pf };
        }
        for rules in [Rules::Linux6_1, Rules::Linux6_12] {
            if let Ok(view) = guest_view(&function, rules) {
                check_whole(&view);
            }
            let _ = regions(&function, None);
        }
    }
}

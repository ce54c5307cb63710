//! What the recorded hosts do not have: registers that cannot be seen, trees that cannot be.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use virtfn_host::{Function, Host, Reason, Seen};
use virtfn_kernel::SysRoot;
use virtfn_observe::Look;
use virtfn_pci::ConfigSpace;
use virtfn_predict::{Acs, Ground, Judgement, Kind, Lack, isolation};

fn fixture(name: &str) -> Host {
    let file = format!("../../fixtures/hosts/{name}.tar.zst");
    let root = SysRoot::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    virtfn_observe::host(&root, &Look::everything()).unwrap()
}

fn at<'h>(host: &'h Host, address: &str) -> &'h Function {
    host.function(address.parse().unwrap()).unwrap()
}

fn edit(host: &mut Host, address: &str, edit: impl FnOnce(&mut Function)) {
    edit(host.functions.get_mut(&address.parse().unwrap()).unwrap());
}

fn shorten(function: &mut Function, len: usize) {
    let Seen::Known(config) = &function.config else { panic!() };
    function.config = Seen::Known(ConfigSpace::new(config.bytes()[..len].to_vec()));
}

#[test]
fn the_path_leads_from_the_function_to_the_root_port() {
    let host = fixture("intel-switch");
    let isolation = isolation(&host, at(&host, "03:10.0"));
    let path: Vec<_> = isolation.path.iter().map(|step| step.address.short()).collect();
    assert_eq!(path, ["03:10.0", "02:00.0", "01:00.0", "00:01.0"]);
    let kinds: Vec<_> = isolation.path.iter().filter_map(|step| step.kind).collect();
    assert_eq!(kinds, [Kind::Endpoint, Kind::DownstreamPort, Kind::UpstreamPort, Kind::RootPort]);
    let Judgement::Broken(at) = isolation.judgement() else { panic!() };
    assert_eq!((at.address.short().as_str(), at.lack), ("02:00.0", Lack::NoCapability));
    assert_eq!(at.missing_names(), ["SV", "RR", "CR", "UF"]);
    assert_eq!(at.to_string(), "switch downstream port 02:00.0 has no ACS");
    assert_eq!(isolation.breaks().count(), 1);
}

/// The kernel leaves ACS alone until an IOMMU asks for it.
#[test]
fn without_an_iommu_it_counts_what_the_kernel_would_switch_on() {
    for name in ["intel-off", "noiommu"] {
        let host = fixture(name);
        let isolation = isolation(&host, at(&host, "01:00.0"));
        assert_eq!(isolation.judgement(), Judgement::Isolated, "{name}");
        assert!(matches!(isolation.path[1].acs, Acs::Isolates(Ground::WillBeOn(_))), "{name}");
    }
}

#[test]
fn what_was_not_read_does_not_pass() {
    let mut host = fixture("intel-default");
    edit(&mut host, "00:01.0", |port| shorten(port, 64));
    let Judgement::Unknown(unseen) = isolation(&host, at(&host, "01:10.0")).judgement() else {
        panic!()
    };
    assert_eq!(unseen.unreadable.why, Reason::NotPermitted);
    assert_eq!(unseen.unreadable.path, "sys/bus/pci/devices/0000:00:01.0/config");
    edit(&mut host, "00:01.0", |port| port.config = Seen::not_asked("config"));
    let judged = isolation(&host, at(&host, "01:10.0")).judgement();
    assert!(matches!(judged, Judgement::Unknown(_)));
}

/// A break is certain even where another element could not be seen.
#[test]
fn a_break_outweighs_what_was_not_seen() {
    let mut host = fixture("intel-switch");
    edit(&mut host, "00:01.0", |port| shorten(port, 64));
    let judged = isolation(&host, at(&host, "03:10.0")).judgement();
    assert!(matches!(judged, Judgement::Broken(_)));
}

/// Two functions of one device: by their ids the kernel knows the 82576 to isolate; others need ACS.
#[test]
fn functions_of_one_device_are_parted_by_acs_or_by_a_quirk() {
    let mut host = fixture("intel-default");
    edit(&mut host, "01:00.0", |first| {
        let Seen::Known(config) = &first.config else { panic!() };
        let mut bytes = config.bytes().to_vec();
        bytes[0x0e] |= 0x80; // one of several functions
        first.config = Seen::Known(ConfigSpace::new(bytes));
    });
    let mut second = at(&host, "01:00.0").clone();
    second.address = "01:00.1".parse().unwrap();
    host.functions.insert(second.address, second);
    edit(&mut host, "01:00.1", |second| shorten(second, 64));
    let judge = |host: &Host| isolation(host, at(host, "01:00.1")).judgement();
    assert_eq!(judge(&host), Judgement::Isolated);
    for address in ["01:00.0", "01:00.1"] {
        edit(&mut host, address, |function| function.ids.device = 0x10d3);
    }
    assert!(matches!(judge(&host), Judgement::Unknown(_)));
    let whole = at(&host, "01:00.0").config.clone();
    edit(&mut host, "01:00.1", |second| second.config = whole);
    let Judgement::Broken(at) = judge(&host) else { panic!() };
    assert_eq!(at.lack, Lack::SharedDevice);
}

/// A recording may claim anything.
#[test]
fn a_tree_that_bites_its_tail_or_has_a_hole_ends() {
    let mut host = fixture("intel-default");
    edit(&mut host, "00:01.0", |port| port.parent = Some("00:01.0".parse().unwrap()));
    assert!(isolation(&host, at(&host, "01:10.0")).path.len() <= 257);
    edit(&mut host, "00:01.0", |port| port.parent = Some("7f:01.0".parse().unwrap()));
    let judged = isolation(&host, at(&host, "01:10.0")).judgement();
    let Judgement::Unknown(unseen) = judged else { panic!("{judged:?}") };
    assert_eq!(unseen.address.short(), "7f:01.0");
}

/// What an administrator switches off stays off once the IOMMU is on.
#[test]
fn the_command_line_takes_acs_away() {
    for (argument, missing) in [
        ("pci=disable_acs_redir=00:01.0", &["RR", "CR"][..]),
        ("pci=noaer,disable_acs_redir=00:1d.0;pci:1b36:000c", &["RR", "CR"]),
        ("pci=config_acs=0xxx1@0000:00:01.0", &["UF"]),
        ("pci=disable_acs_redir=00:02.0", &[]),
        ("pci=config_acs=xx11x11@00:01.0", &[]),
    ] {
        let mut host = fixture("intel-off");
        host.kernel.command_line = Seen::Known(format!("quiet intel_iommu=off {argument}"));
        let judged = isolation(&host, at(&host, "01:00.0")).judgement();
        match judged {
            Judgement::Isolated => assert!(missing.is_empty(), "{argument}"),
            Judgement::Broken(at) => {
                assert_eq!((at.lack, at.missing_names()), (Lack::SwitchedOff, missing.to_vec()));
            }
            Judgement::Unknown(_) => panic!("{argument}"),
        }
    }
}

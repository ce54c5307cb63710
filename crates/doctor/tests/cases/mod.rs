//! Cases: a host of which all is well but for one thing, and what the rule says to that.

pub(crate) mod owners;
pub(crate) mod platform;
pub(crate) mod room;
pub(crate) mod traffic;
pub(crate) mod upkeep;

use std::collections::BTreeSet;

use virtfn_doctor::Verdict;
use virtfn_host::{
    Claims, Function, Guest, GuestState, Guests, Host, ManagedBy, Reason, Role, Seen, Unreadable,
    VfIndex,
};
use virtfn_pci::{Address, ConfigSpace};

use crate::common::fixture;

/// A thing that goes wrong, and the verdict of the rule that says so.
pub(crate) struct Case {
    pub(crate) rule: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) name: &'static str,
    pub(crate) happen: fn(&mut Host),
}

pub(crate) const fn case(
    rule: &'static str,
    verdict: Verdict,
    name: &'static str,
    happen: fn(&mut Host),
) -> Case {
    Case { rule, verdict, name, happen }
}

/// A recorded host of which all is well, with what older recordings left out.
pub(crate) fn healthy() -> Host {
    let mut host = fixture("intel-default");
    host.kernel.module_options = Seen::Known(Vec::new());
    host.claims = Seen::Known(Claims { found: vec![owners::link_file(3)], unseen: Vec::new() });
    traffic::set_up(&mut host);
    host.guests = Seen::Known(Guests::default());
    platform::complete(&mut host);
    upkeep::complete(&mut host);
    host
}

/// A guest of libvirt's that has a function.
pub(crate) fn runs(host: &mut Host, name: &str, device: &str) {
    let guest = Guest {
        name: name.into(),
        managed_by: ManagedBy::Libvirt,
        state: GuestState::Running { pid: 812 },
        devices: BTreeSet::from([at(host, device).address]),
        pools: BTreeSet::new(),
    };
    host.guests = Seen::Known(Guests { found: vec![guest], ..Guests::default() });
}

pub(crate) fn forbidden<T>() -> Seen<T> {
    Seen::Unreadable(Unreadable { path: "sys/somewhere".into(), why: Reason::NotPermitted })
}

pub(crate) fn at<'h>(host: &'h mut Host, address: &str) -> &'h mut Function {
    let address: Address = address.parse().unwrap();
    host.functions.get_mut(&address).unwrap()
}

pub(crate) fn pf(host: &mut Host) -> &mut virtfn_host::Pf {
    match &mut at(host, "01:00.0").role {
        Role::Pf(pf) => pf,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn for_vfs(host: &mut Host, change: fn(&mut Function)) {
    let vfs: Vec<Address> = pf(host).vfs.values().copied().collect();
    assert_eq!(vfs.len(), 3);
    assert!(pf(host).vfs.contains_key(&VfIndex(2)));
    for vf in vfs {
        change(host.functions.get_mut(&vf).unwrap());
    }
}

pub(crate) fn command_line(host: &mut Host, flag: &str) {
    let Seen::Known(line) = &mut host.kernel.command_line else { panic!() };
    line.push(' ');
    line.push_str(flag);
}

pub(crate) fn edit_config(host: &mut Host, address: &str, edit: fn(&mut Vec<u8>)) {
    let function = at(host, address);
    let Seen::Known(config) = &function.config else { panic!() };
    let mut bytes = config.bytes().to_vec();
    edit(&mut bytes);
    function.config = Seen::Known(ConfigSpace::new(bytes));
}

/// Where an extended capability is.
pub(crate) fn extended(bytes: &[u8], id: u8) -> usize {
    let mut at = 0x100;
    while bytes[at] != id {
        at = usize::from(u16::from_le_bytes([bytes[at + 2], bytes[at + 3]]) >> 4);
        assert!(at >= 0x100, "no capability {id:#x}");
    }
    at
}

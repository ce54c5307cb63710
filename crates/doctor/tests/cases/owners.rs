//! Owners that fight, forget, or come late.

use virtfn_doctor::Verdict::{NotApplicable, Pass, Unknown, Warn};
use virtfn_host::{
    Claim, Claims, Condition, Demand, Field, Host, Owner, Quirk, Seen, Unreadable, VfCount,
};

use super::{Case, at, case, forbidden, pf, runs};

pub(crate) const CASES: &[Case] = &[
    case("two-owners", Warn, "two of a number", |host| {
        claim(host, Owner::Netplan, Demand::Vfs(VfCount::Exactly(8)));
    }),
    case("two-owners", Warn, "the same number of two", |host| {
        claim(host, Owner::NetworkManager, Demand::Vfs(VfCount::Exactly(3)));
    }),
    case("two-owners", Warn, "one with two numbers", |host| {
        claim(host, Owner::Networkd, Demand::Vfs(VfCount::Exactly(4)));
    }),
    case("two-owners", Warn, "a script that may be about it", |host| {
        let claim = claim(host, Owner::Script, Demand::Vfs(VfCount::Exactly(4)));
        claim.of = vec![Condition::new(Field::Unclear, ["$PF"])];
    }),
    case("two-owners", Warn, "settings of two", |host| {
        claim(host, Owner::Networkd, Demand::Settings);
        claim(host, Owner::Neutron, Demand::Settings);
    }),
    case("two-owners", Warn, "two drivers for a VF", |host| {
        let driver = |name: &str| Demand::Driver(name.into());
        claim(host, Owner::Driverctl, driver("igbvf")).of = of_address("0000:01:10.0");
        claim(host, Owner::Modprobe, driver("vfio-pci")).of =
            vec![Condition::new(Field::Ids, ["8086:10ca"])];
    }),
    case("two-owners", Warn, "a module option on the command line", |host| {
        let Seen::Known(line) = &mut host.kernel.command_line else { panic!() };
        line.push_str(" igb.max_vfs=7");
    }),
    case("two-owners", Pass, "another PF's owner", |host| {
        claim(host, Owner::Netplan, Demand::Vfs(VfCount::Exactly(8))).of =
            of_address("0000:02:00.0");
    }),
    case("two-owners", Unknown, "a file that could not be read", unread_file),
    case("two-owners", Unknown, "nothing that could be read", |host| host.claims = forbidden()),
    case("vfs-not-kept", Warn, "no owner", |host| claims(host).found.clear()),
    case("vfs-not-kept", Warn, "another number", |host| {
        claims(host).found[0].what = Demand::Vfs(VfCount::Exactly(2));
    }),
    case("vfs-not-kept", Warn, "a policy that nothing applies", |host| {
        claims(host).found.clear();
        claim(host, Owner::Virtfn, Demand::Vfs(VfCount::Exactly(3)));
    }),
    case("vfs-not-kept", Pass, "a policy that a unit applies", |host| {
        claims(host).found.clear();
        claim(host, Owner::Virtfn, Demand::Vfs(VfCount::Exactly(3)));
        claim(host, Owner::Virtfn, Demand::Apply);
    }),
    case("vfs-not-kept", Unknown, "no owner, and a file unread", |host| {
        claims(host).found.clear();
        unread_file(host);
    }),
    case("vfs-not-kept", NotApplicable, "no VFs", |host| pf(host).vfs.clear()),
    case("owner-resets-on-down", Warn, "a connection", |host| {
        claims(host).found[0].quirks.push(Quirk::GivesBackOnDown);
    }),
    case("owner-resets-on-down", Unknown, "files unread", unread_file),
    case("sriov-section-empty", Warn, "a section of a .link", |host| {
        claim(host, Owner::Networkd, Demand::Settings).quirks.push(Quirk::EmptySection);
    }),
    case("vfs-made-late", Warn, "rc.local", |host| {
        let found = &mut claims(host).found[0];
        (found.owner, found.quirks) = (Owner::Script, vec![Quirk::NotBeforeGuests]);
    }),
    case("link-file-before-pf-up", Warn, "a Broadcom card", |host| {
        at(host, "01:00.0").driver = Some("bnxt_en".into());
    }),
    case("vf-in-two-domains", Warn, "libvirt's and Proxmox's", |host| {
        guest(host, Owner::Libvirt, "web");
        guest(host, Owner::Proxmox, "100");
    }),
    case("vf-in-two-domains", Warn, "one that runs, one that is defined", |host| {
        guest(host, Owner::Libvirt, "web");
        runs(host, "db", "01:10.0");
    }),
    case("vf-in-two-domains", Pass, "one guest that runs and is defined", |host| {
        guest(host, Owner::Libvirt, "web");
        runs(host, "web", "01:10.0");
    }),
    case("vf-in-two-domains", Pass, "one guest, twice", |host| {
        guest(host, Owner::Libvirt, "web");
        guest(host, Owner::Libvirt, "web");
    }),
    case("vf-in-two-domains", Unknown, "files unread", unread_file),
];

/// What makes the healthy host's VFs.
pub(crate) fn link_file(vfs: u32) -> Claim {
    Claim {
        owner: Owner::Networkd,
        path: "etc/systemd/network/10-pf.link".into(),
        line: Some(4),
        of: of_address("0000:01:00.0"),
        what: Demand::Vfs(VfCount::Exactly(vfs)),
        quirks: Vec::new(),
    }
}

fn claims(host: &mut Host) -> &mut Claims {
    match &mut host.claims {
        Seen::Known(claims) => claims,
        other => panic!("{other:?}"),
    }
}

/// One more claim about the PF.
fn claim(host: &mut Host, owner: Owner, what: Demand) -> &mut Claim {
    let found = &mut claims(host).found;
    found.push(Claim { owner, path: "etc/another".into(), what, ..link_file(0) });
    found.last_mut().unwrap()
}

fn guest(host: &mut Host, owner: Owner, name: &str) {
    claim(host, owner, Demand::Guest(name.into())).of = of_address("0000:01:10.0");
}

fn of_address(address: &str) -> Vec<Condition> {
    vec![Condition::new(Field::Address, [address])]
}

fn unread_file(host: &mut Host) {
    let Seen::Unreadable(unreadable) = forbidden::<()>() else { panic!() };
    let path = "etc/netplan/50.yaml".into();
    claims(host).unseen.push(Unreadable { path, ..unreadable });
}

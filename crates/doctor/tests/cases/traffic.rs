//! Addresses, links and switches of VFs.

use virtfn_doctor::Verdict::{NotApplicable, Pass, Unknown, Warn};
use virtfn_host::{
    Host, LinkState, MacAddress, Netdev, Reason, Seen, Switch, Unreadable, VfAdmin, VfIndex, VlanId,
};

use super::{Case, at, case, forbidden, pf};

pub(crate) const CASES: &[Case] = &[
    case("vf-mac-random", Warn, "made up by the VF's driver", |host| {
        netdev(host, "01:10.0").random_mac = Some(true);
    }),
    case("vf-mac-random", Warn, "none, and no interface", |host| {
        without_netdev(host, "01:10.0");
        admin(host, 0).mac = Some(MacAddress::ZERO);
    }),
    case("vf-mac-random", Warn, "taken back by libvirt", |host| {
        without_netdev(host, "01:10.0");
        admin(host, 0).mac = Some(mac(0));
    }),
    case("vf-mac-random", Pass, "given, and no interface", |host| without_netdev(host, "01:10.0")),
    case("vf-mac-random", Unknown, "no word of it", |host| {
        without_netdev(host, "01:10.0");
        pf(host).admin = forbidden();
    }),
    case("vf-mac-duplicate", Warn, "another VF's", |host| {
        admin(host, 0).mac = Some(mac(2));
        without_netdev(host, "01:10.0");
    }),
    case("vf-mac-duplicate", Warn, "its PF's", |host| {
        admin(host, 0).mac = netdev(host, "01:00.0").mac;
        without_netdev(host, "01:10.0");
    }),
    case("vf-mac-duplicate", Pass, "ports of a bond", |host| {
        for address in ["01:10.0", "01:10.2"] {
            let netdev = netdev(host, address);
            (netdev.mac, netdev.master) = (Some(mac(9)), Some("bond0".into()));
        }
        (admin(host, 0).mac, admin(host, 1).mac) = (Some(mac(9)), Some(mac(9)));
    }),
    case("vf-mac-not-in-use", Warn, "set since its driver came", |host| {
        admin(host, 0).mac = Some(mac(7));
    }),
    case("vf-pf-link-down", Warn, "not brought up", |host| netdev(host, "01:00.0").up = false),
    case("vf-pf-link-down", Warn, "no partner", |host| {
        netdev(host, "01:00.0").carrier = Some(false);
    }),
    case("vf-pf-link-down", Pass, "no partner, and none needed", |host| {
        netdev(host, "01:00.0").carrier = Some(false);
        for index in 0..3 {
            admin(host, index).link = Some(LinkState::Enable);
        }
    }),
    case("vf-pf-link-down", Unknown, "no interface", |host| without_netdev(host, "01:00.0")),
    case("vf-pf-link-down", NotApplicable, "no VFs", |host| pf(host).vfs.clear()),
    case("vf-link-disabled", Warn, "switched off", |host| {
        admin(host, 0).link = Some(LinkState::Disable);
    }),
    case("vf-link-disabled", Unknown, "not reported", |host| admin(host, 0).link = None),
    case("spoofchk-off", Warn, "off", |host| admin(host, 0).spoofchk = Some(Switch::Off)),
    case("spoofchk-off", Unknown, "not reported", |host| admin(host, 0).spoofchk = None),
    case("vf-mtu-above-pf", Warn, "jumbo frames", |host| netdev(host, "01:10.0").mtu = Some(9000)),
    case("vf-list-truncated", Warn, "one fewer", |host| {
        let Seen::Known(all) = &mut pf(host).admin else { panic!() };
        all.remove(&VfIndex(2));
    }),
    case("vf-list-truncated", Warn, "cut by the kernel", |host| {
        let path = "virtfn/vfs".into();
        pf(host).admin = Seen::Unreadable(Unreadable { path, why: Reason::CutShort });
    }),
    case("vf-list-truncated", Unknown, "not reported", |host| pf(host).admin = Seen::Absent),
    case("vf-refused-by-pf", Warn, "spoofed frames", |host| {
        said(host, "igb 0000:01:00.0: Spoof event(s) detected on VF 1");
    }),
    case("vf-refused-by-pf", Warn, "another address", |host| {
        at(host, "01:00.0").driver = Some("ixgbe".into());
        said(host, OVERRIDE);
    }),
    case("vf-refused-by-pf", Pass, "what igb says of any address", |host| said(host, OVERRIDE)),
    case("vf-refused-by-pf", Pass, "another port's", |host| {
        said(host, "igb 0000:02:00.0: Spoof event(s) detected on VF 1");
    }),
    case("vf-refused-by-pf", Unknown, "a log without its beginning", |host| {
        log(host).drain(..100);
    }),
];

const OVERRIDE: &str = "0000:01:00.0: VF 0 attempted to override administratively set MAC address";

/// What the recording lacks: settings of VFs, each with an address of its own that it uses.
pub(crate) fn set_up(host: &mut Host) {
    let one = |index: u8| VfAdmin {
        mac: Some(mac(index + 1)),
        vlan: VlanId::new(0),
        spoofchk: Some(Switch::On),
        trust: Some(Switch::Off),
        link: Some(LinkState::Auto),
        ..VfAdmin::default()
    };
    let all = (0..3).map(|index| (VfIndex(index.into()), one(index))).collect();
    pf(host).admin = Seen::Known(all);
    for (index, address) in (0..).zip(["01:10.0", "01:10.2", "01:10.4"]) {
        let netdev = netdev(host, address);
        (netdev.mac, netdev.random_mac) = (one(index).mac, Some(false));
    }
}

fn mac(last: u8) -> MacAddress {
    MacAddress::new([2, 0, 0, 0, 0, last])
}

fn admin(host: &mut Host, index: u16) -> &mut VfAdmin {
    let Seen::Known(all) = &mut pf(host).admin else { panic!() };
    all.get_mut(&VfIndex(index)).unwrap()
}

fn netdev<'h>(host: &'h mut Host, address: &str) -> &'h mut Netdev {
    let address = address.parse().unwrap();
    let Seen::Known(all) = &mut host.netdevs else { panic!() };
    all.iter_mut().find(|netdev| netdev.function == Some(address)).unwrap()
}

fn without_netdev(host: &mut Host, address: &str) {
    let address = address.parse().unwrap();
    let Seen::Known(all) = &mut host.netdevs else { panic!() };
    all.retain(|netdev| netdev.function != Some(address));
}

fn log(host: &mut Host) -> &mut Vec<String> {
    let Seen::Known(lines) = &mut host.kernel.log else { panic!() };
    lines
}

fn said(host: &mut Host, line: &str) {
    log(host).push(line.into());
}

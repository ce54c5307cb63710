//! `virtfn set`.

use virtfn_formats::policy::Edit;
use virtfn_host::{
    Capability, GroupChoice, Guid, Host, LinkState, MacAddress, MacWish, Mbps, Mtu, NetdevPolicy,
    Policy, PortPolicy, Qos, Switch, VfAdmin, VfId, VfPolicy, VfWish, VlanId, VlanProto,
};

use crate::args::MacChoice;
use crate::change::{self, Change, Flags, derived_mac};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn set`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn set 0b:00.0/0 --mac 52:54:00:6d:90:02 --vlan 42
  virtfn set eth0/3 --trust on --spoofchk off       a router or bridge in the guest
  virtfn set 0b:10.0 --mac auto                     the same address after every reboot
  virtfn set eth0/3 --mac 00:00:00:00:00:00         the guest may choose its own again

Each setting is one message to the kernel, and is read back. What a driver cannot do, it says: the
82576 knows no link state, no 802.1ad, and no rates while its link is down.")]
#[command(group = clap::ArgGroup::new("settings").required(true).multiple(true))]
pub struct Args {
    /// The virtual function
    #[arg(value_name = "VF")]
    vf: String,
    /// Its address: six pairs of hex digits, or `auto` for one derived from its PF's
    #[arg(long, value_name = "MAC|auto", group = "settings")]
    mac: Option<MacChoice>,
    /// The VLAN it is locked into; 0 for none
    #[arg(long, value_name = "0..4094", group = "settings")]
    vlan: Option<VlanId>,
    /// The priority of that VLAN's tags
    #[arg(long, value_name = "0..7", group = "settings")]
    qos: Option<Qos>,
    /// The kind of tag: 802.1Q or 802.1ad
    #[arg(long, value_name = "PROTO", group = "settings")]
    proto: Option<VlanProto>,
    /// May it only send from its own addresses? on or off
    #[arg(long, value_name = "on|off", group = "settings")]
    spoofchk: Option<Switch>,
    /// May it ask for promiscuous mode and other addresses? on or off
    #[arg(long, value_name = "on|off", group = "settings")]
    trust: Option<Switch>,
    /// What its link follows: auto (the PF's), enable or disable
    #[arg(long, value_name = "STATE", group = "settings")]
    link: Option<LinkState>,
    /// The rate it is promised, in Mbit/s
    #[arg(long, value_name = "MBPS", group = "settings")]
    min_rate: Option<Mbps>,
    /// The rate it may not pass, in Mbit/s; 0 for no limit
    #[arg(long, value_name = "MBPS", group = "settings")]
    max_rate: Option<Mbps>,
    /// May it read the PF's RSS table? on or off
    #[arg(long, value_name = "on|off", group = "settings")]
    query_rss: Option<Switch>,
    /// The GUID of its InfiniBand node: eight pairs of hex digits
    #[arg(long, value_name = "GUID", group = "settings")]
    node_guid: Option<Guid>,
    /// The GUID of its InfiniBand port: eight pairs of hex digits
    #[arg(long, value_name = "GUID", group = "settings")]
    port_guid: Option<Guid>,
    /// How many interrupt vectors it has; a driver that has it is taken off and given it again
    #[arg(long, value_name = "1..2048", group = "settings", value_parser = clap::value_parser!(u16).range(1..=2048))]
    msix: Option<u16>,
    /// The group of its PF in which it shares a rate; `none` for none
    #[arg(long, value_name = "NAME|none", group = "settings")]
    rate_group: Option<GroupChoice>,
    /// May it do RDMA over Ethernet? on or off; a driver that has it is taken off and given it again
    #[arg(long, value_name = "on|off", group = "settings")]
    roce: Option<Switch>,
    /// Can it move to another host while it works? on or off; as for --roce
    #[arg(long, value_name = "on|off", group = "settings")]
    migratable: Option<Switch>,
    /// May it have the card encrypt for IPsec? on or off; as for --roce
    #[arg(long, value_name = "on|off", group = "settings")]
    ipsec_crypto: Option<Switch>,
    /// May it have the card do IPsec whole? on or off; as for --roce
    #[arg(long, value_name = "on|off", group = "settings")]
    ipsec_packet: Option<Switch>,
    /// How many event queues for I/O it has; as for --roce
    #[arg(long, value_name = "N", group = "settings")]
    max_io_eqs: Option<u32>,
    /// The MTU of its interface on this host
    #[arg(long, value_name = "BYTES", group = "settings")]
    mtu: Option<Mtu>,
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let (root, host) = change::look()?;
    let (function, vf) = host.vf(host.resolve(&args.vf)?)?;
    let address = function.address;
    let change = Change {
        about: vf.pf,
        stays: "its settings stay",
        shown: &|_, function| function == address,
        wish: |host: &Host, policy: Policy| {
            let admin = admin(args, host, vf)?;
            let (msix, netdev, port) = (args.msix, netdev(args), port(args));
            Ok(policy.with_vf(vf, VfPolicy { admin, msix, netdev, port, driver: None }))
        },
        edit: Edit { vf: vec![(vf.index, wish(args))], ..Edit::default() },
    };
    change::make(&root, &change, args.flags, context, |host, steps| {
        let done =
            if steps == 0 { "was so already; nothing was to do" } else { "is set, and read back" };
        let mut said = format!("{vf} ({}) {done}.", address.short());
        said.extend(stale_mac(host, vf, address));
        said
    })
}

/// The same for a policy's file.
fn wish(args: &Args) -> VfWish {
    let mac = args.mac.map(|mac| match mac {
        MacChoice::Auto => MacWish::Auto,
        MacChoice::Given(mac) => MacWish::Given(mac),
    });
    VfWish {
        admin: settings(args, None),
        mac,
        msix: args.msix,
        netdev: netdev(args),
        port: port(args),
        ..VfWish::default()
    }
}

fn netdev(args: &Args) -> NetdevPolicy {
    NetdevPolicy { name: None, mtu: args.mtu }
}

fn port(args: &Args) -> PortPolicy {
    let switches = [
        (Capability::Roce, args.roce),
        (Capability::Migratable, args.migratable),
        (Capability::IpsecCrypto, args.ipsec_crypto),
        (Capability::IpsecPacket, args.ipsec_packet),
    ];
    let said = switches.into_iter().filter_map(|(one, switch)| Some((one, switch?)));
    PortPolicy {
        capabilities: said.collect(),
        max_io_eqs: args.max_io_eqs,
        group: args.rate_group.clone(),
    }
}

fn admin(args: &Args, host: &Host, vf: VfId) -> Result<VfAdmin, Error> {
    let mac = match args.mac {
        Some(MacChoice::Auto) => Some(derived_mac(host, vf)?),
        Some(MacChoice::Given(mac)) => Some(mac),
        None => None,
    };
    Ok(settings(args, mac))
}

fn settings(args: &Args, mac: Option<MacAddress>) -> VfAdmin {
    VfAdmin {
        mac,
        vlan: args.vlan,
        qos: args.qos,
        proto: args.proto,
        spoofchk: args.spoofchk,
        trust: args.trust,
        link: args.link,
        min_rate: args.min_rate,
        max_rate: args.max_rate,
        query_rss: args.query_rss,
        node_guid: args.node_guid,
        port_guid: args.port_guid,
    }
}

/// A VF's driver takes a new address when it takes the VF, not before.
fn stale_mac(host: &Host, vf: VfId, address: virtfn_pci::Address) -> Option<String> {
    let wanted = host.functions.get(&vf.pf)?.pf()?.admin.known()?.get(&vf.index)?.mac?;
    let netdev = host.netdevs_of(address).next()?;
    let stale = netdev.mac? != wanted && !wanted.is_zero();
    let short = address.short();
    stale.then(|| {
        format!(
            "\nIts interface {} has its old address until its driver takes it anew: virtfn bind {short} --none && virtfn bind {short} --default",
            netdev.name
        )
    })
}

//! netdevsim, asked and set with virtfn's own netlink code: it is no PCI device, so that virtfn itself
//! does not list it.

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use virtfn_host::{
    Capability, EswitchMode, Limits, LinkState, Mbps, ParamTime, ParamValue, PortChange, Qos,
    Switch, VfChange, VfIndex, VlanId, VlanProto,
};
use virtfn_kernel::netlink::devlink::{Devlink, GroupChange, Handle};
use virtfn_kernel::netlink::{Netlink, vf_list};
use virtfn_kernel::{Door, SysRoot, Watch, Write};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Prints what virtfn reads of an interface's VFs
    Vfs {
        /// The interface
        netdev: String,
    },
    /// Changes one setting of one VF
    SetVf {
        /// The interface
        netdev: String,
        /// The VF
        vf: u16,
        /// mac, vlan, spoofchk, trust, link, rate or query_rss
        setting: String,
        /// Its value; a VLAN is NUMBER/QOS/PROTO, a rate MIN/MAX
        value: String,
    },
    /// Prints, or changes, a device's eswitch mode
    Eswitch {
        /// The device, as netdevsim/netdevsim99
        device: String,
        /// The mode
        mode: Option<String>,
    },
    /// Prints a device's parameters, or changes what one is from the driver's next start on
    Params {
        /// The device
        device: String,
        /// A parameter
        name: Option<String>,
        /// A number
        value: Option<u32>,
    },
    /// Prints what virtfn reads of the ports of a device's VFs and of their groups
    Ports {
        /// The device
        device: String,
    },
    /// Changes one thing of the port of one VF
    SetPort {
        /// The device
        device: String,
        /// The VF
        vf: u16,
        /// rate, rate_group, roce, migratable or max_io_eqs
        setting: String,
        /// Its value; a rate is MIN/MAX
        value: String,
    },
    /// Makes, changes or removes a group of VFs that share a rate
    Group {
        /// The device
        device: String,
        /// make, set or remove
        verb: String,
        /// Its name
        name: String,
        /// MIN/MAX
        #[arg(default_value = "0/0")]
        rate: String,
    },
}

struct Unwatched;

impl Watch for Unwatched {
    fn before(&mut self, _: &Write) {}

    fn after(&mut self, _: &Write) {}
}

/// Does what is asked, in virtfn's words.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let root = SysRoot::live()?;
    let mut watch = Unwatched;
    let mut door = Door::open(&root, &mut watch);
    match &arguments.verb {
        Verb::Vfs { netdev } => {
            let list = vf_list(&mut Netlink::open()?, ifindex(netdev)?)?;
            let vfs: Vec<_> = list.vfs.values().collect();
            println!("{}", serde_json::json!({ "count": list.count, "vfs": vfs }));
        }
        Verb::SetVf { netdev, vf, setting, value } => {
            door.set_vf(ifindex(netdev)?, VfIndex(*vf), change(setting, value)?)?;
        }
        Verb::Eswitch { device, mode: Some(mode) } => {
            let mode: EswitchMode = mode.parse().map_err(anyhow::Error::msg)?;
            door.set_eswitch(&handle(device)?, mode)?;
        }
        Verb::Eswitch { device, mode: None } => {
            println!("{}", Devlink::open()?.eswitch(&handle(device)?)?);
        }
        Verb::Params { device, name: Some(name), value: Some(value) } => {
            let value = ParamValue::Number(*value);
            door.set_param(&handle(device)?, name, ParamTime::DriverInit, &value)?;
        }
        Verb::Params { device, .. } => {
            let params = Devlink::open()?.params(&handle(device)?)?;
            println!("{}", serde_json::to_string(&params)?);
        }
        Verb::Ports { device } => {
            let ports = Devlink::open()?.ports(&handle(device)?)?;
            println!("{}", serde_json::to_string(&ports)?);
        }
        Verb::SetPort { device, vf, setting, value } => {
            let device = handle(device)?;
            let ports = Devlink::open()?.ports(&device)?;
            let port = ports.vfs.get(&VfIndex(*vf)).context("no such port")?;
            door.set_port(&device, port.index, &port_change(setting, value)?)?;
        }
        Verb::Group { device, verb, name, rate } => {
            let change = match verb.as_str() {
                "make" => GroupChange::Make(limits(rate)?),
                "set" => GroupChange::Set(limits(rate)?),
                "remove" => GroupChange::Remove,
                _ => bail!("{verb}: make, set or remove"),
            };
            door.set_group(&handle(device)?, name, change)?;
        }
    }
    Ok(())
}

fn handle(device: &str) -> Result<Handle> {
    let (bus, device) = device.split_once('/').context("BUS/DEVICE")?;
    Ok(Handle { bus: bus.into(), device: device.into() })
}

fn limits(rate: &str) -> Result<Limits> {
    let (min, max) = rate.split_once('/').context("MIN/MAX")?;
    Ok(Limits { min: min.parse()?, max: max.parse()? })
}

fn port_change(setting: &str, value: &str) -> Result<PortChange> {
    Ok(match setting {
        "rate" => PortChange::Rate(limits(value)?),
        "rate_group" => PortChange::Group(value.parse()?),
        "max_io_eqs" => PortChange::MaxIoEqs(value.parse()?),
        "roce" => PortChange::Capability(Capability::Roce, value.parse()?),
        "migratable" => PortChange::Capability(Capability::Migratable, value.parse()?),
        _ => bail!("{setting} {value}: no such setting"),
    })
}

fn ifindex(netdev: &str) -> Result<u32> {
    let path = format!("/sys/class/net/{netdev}/ifindex");
    Ok(std::fs::read_to_string(&path).with_context(|| path.clone())?.trim().parse()?)
}

fn change(setting: &str, value: &str) -> Result<VfChange> {
    let switch = || value.parse::<Switch>();
    let parts: Vec<&str> = value.split('/').collect();
    Ok(match (setting, &parts[..]) {
        ("mac", _) => VfChange::Mac(value.parse()?),
        ("vlan", [id, qos, proto]) => VfChange::Vlan {
            id: id.parse::<VlanId>()?,
            qos: qos.parse::<Qos>()?,
            proto: proto.parse::<VlanProto>()?,
        },
        ("spoofchk", _) => VfChange::Spoofchk(switch()?),
        ("trust", _) => VfChange::Trust(switch()?),
        ("query_rss", _) => VfChange::QueryRss(switch()?),
        ("link", _) => VfChange::Link(value.parse::<LinkState>()?),
        ("rate", [min, max]) => {
            VfChange::Rate { min: min.parse::<Mbps>()?, max: max.parse::<Mbps>()? }
        }
        _ => bail!("{setting} {value}: no such setting"),
    })
}

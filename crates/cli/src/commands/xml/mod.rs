//! `virtfn xml`: a device in the words of libvirt, Cloud Hypervisor and Proxmox VE.

mod interface;
mod nodedev;
mod pool;
mod proxmox;

use clap::Subcommand;
use virtfn_formats::vm::{Passed, cloud_hypervisor_arg};
use virtfn_pci::Address;
use virtfn_render::words::plain;
use virtfn_render::xml::XmlView;

use crate::args::{Json, Root};
use crate::context::{Context, open_root, resolve};
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn xml`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn xml interface eth0/0 --mac 52:54:00:6d:90:02 --vlan 42 > vf.xml
  virsh attach-device MyGuest vf.xml --live --config
  virtfn xml hostdev 41:00.0                a whole device, NIC or not
  virtfn xml network eth0                   a pool: guests take any free VF of eth0
  virtfn xml nodedev 0b:10.0                as virsh nodedev-dumpxml pci_0000_0b_10_0 prints it
  virtfn xml proxmox eth0/0 --vmid 100      the command for Proxmox VE

It only looks. virtfn attach does the same to a domain, with checks before and after.")]
pub struct Args {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// libvirt's interface of type hostdev: a VF of a NIC, with its address and VLAN
    Interface(interface::Args),
    /// libvirt's hostdev: any function, as it is
    Hostdev(HostdevArgs),
    /// libvirt's network: a pool of the VFs of a PF
    Network(pool::Args),
    /// libvirt's own view of a device of the host
    Nodedev(nodedev::Args),
    /// Cloud Hypervisor's --device
    CloudHypervisor(CloudHypervisorArgs),
    /// Proxmox VE's hostpci line, or the command that writes it
    Proxmox(proxmox::GuestArgs),
    /// Proxmox VE's mapping of devices, for /etc/pve/mapping/pci.cfg
    ProxmoxMapping(proxmox::MappingArgs),
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    match &args.kind {
        Kind::Interface(args) => interface::run(args, context),
        Kind::Hostdev(args) => hostdev(args, context),
        Kind::Network(args) => pool::run(args, context),
        Kind::Nodedev(args) => nodedev::run(args, context),
        Kind::CloudHypervisor(args) => cloud_hypervisor(args, context),
        Kind::Proxmox(args) => proxmox::guest(args, context),
        Kind::ProxmoxMapping(args) => proxmox::mapping(args, context),
    }
}

/// Arguments of `virtfn xml hostdev`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn xml hostdev 41:00.0 > nvme.xml
  virtfn xml hostdev eth0/0        a VF as it is: libvirt sets no address and no VLAN")]
struct HostdevArgs {
    /// The function
    device: String,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    root: Root,
}

fn hostdev(args: &HostdevArgs, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let address = resolve(&root, &args.device)?;
    let xml = Passed::hostdev(address).xml();
    print(XmlView::new("hostdev", address.to_string(), xml, Vec::new()), args.json, context)
}

/// Arguments of `virtfn xml cloud-hypervisor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cloud-hypervisor … $(virtfn xml cloud-hypervisor eth0/0 eth0/1)

VFIO has to have them: virtfn bind eth0/0 vfio-pci")]
struct CloudHypervisorArgs {
    /// The functions
    #[arg(required = true)]
    devices: Vec<String>,
    #[command(flatten)]
    root: Root,
}

fn cloud_hypervisor(args: &CloudHypervisorArgs, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let devices = args.devices.iter().map(|device| resolve(&root, device));
    let devices = devices.collect::<Result<Vec<Address>, _>>()?;
    context.out.text(&(cloud_hypervisor_arg(&devices).join(" ") + "\n"))?;
    Ok(Exit::Done)
}

/// Prints XML, and beside it what could not be seen.
fn print(view: XmlView, json: Json, context: &mut Context<'_>) -> Result<Exit, Error> {
    if json.json {
        context.out.document(&view)?;
    } else {
        context.out.text(&view.xml)?;
        for note in &view.notes {
            anstream::eprintln!("note: {}", plain(note));
        }
    }
    Ok(if view.notes.is_empty() { Exit::Done } else { Exit::Unseen })
}

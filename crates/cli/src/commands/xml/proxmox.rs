//! `virtfn xml proxmox` and `virtfn xml proxmox-mapping`.

use virtfn_formats::vm::proxmox::{
    Mapped, hostpci_command, hostpci_line, mapping_command, mapping_section,
};
use virtfn_pci::Address;

use crate::args::Root;
use crate::context::{Context, open_root, resolve};
use crate::error::Error;
use crate::exchange::machine;
use crate::exit::Exit;

/// Arguments of `virtfn xml proxmox`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn xml proxmox eth0/0                      a line of /etc/pve/qemu-server/100.conf
  virtfn xml proxmox eth0/0 --vmid 100           the command that writes it
  virtfn xml proxmox eth0/0 --vmid 100 --number 1     as the guest's second device

pcie=1 wants a guest of machine q35.")]
pub(super) struct GuestArgs {
    /// The function
    device: String,
    /// Print the command that gives it to this guest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=999_999_999))]
    vmid: Option<u32>,
    /// Which of the guest's devices it is
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=15))]
    number: u8,
    #[command(flatten)]
    root: Root,
}

pub(super) fn guest(args: &GuestArgs, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let device = resolve(&root, &args.device)?;
    let line = match args.vmid {
        Some(guest) => hostpci_command(guest, args.number, device),
        None => hostpci_line(args.number, device),
    };
    context.out.text(&(line + "\n"))?;
    Ok(Exit::Done)
}

/// Arguments of `virtfn xml proxmox-mapping`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn xml proxmox-mapping vfs eth0/0 eth0/1            a section of /etc/pve/mapping/pci.cfg
  virtfn xml proxmox-mapping vfs eth0/0 --command         the command that makes it
  virtfn xml proxmox-mapping vfs eth0/0 --node pve1 --root host.tar.zst

A guest then has hostpci0: mapping=vfs,pcie=1, and gets any of them that is free on its node.")]
pub(super) struct MappingArgs {
    /// What the mapping is called
    #[arg(value_parser = name)]
    name: String,
    /// The functions
    #[arg(required = true)]
    devices: Vec<String>,
    /// The node that they are on [default: this host's name]
    #[arg(long, value_name = "NAME", value_parser = name)]
    node: Option<String>,
    /// Print the command that makes it
    #[arg(long)]
    command: bool,
    #[command(flatten)]
    root: Root,
}

/// Proxmox VE's names (`pve-configid`, and a node's).
fn name(text: &str) -> Result<String, String> {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let sound = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let sound = first && sound && text.len() > 1;
    sound.then(|| text.to_owned()).ok_or_else(|| "letters, digits, - and _, two or more".to_owned())
}

pub(super) fn mapping(args: &MappingArgs, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let devices = args.devices.iter().map(|device| resolve(&root, device));
    let devices = devices.collect::<Result<Vec<Address>, _>>()?;
    let machine = machine(&root)?;
    let node = args.node.clone().or_else(|| machine.node.clone()).ok_or(Error::NoNode)?;
    let mapped = devices.iter().filter_map(|device| machine.mapped(*device, &node, None));
    let mapped: Vec<Mapped> = mapped.collect();
    let text = match args.command {
        true => mapping_command(&args.name, &mapped) + "\n",
        false => mapping_section(&args.name, &mapped),
    };
    context.out.text(&text)?;
    Ok(Exit::Done)
}

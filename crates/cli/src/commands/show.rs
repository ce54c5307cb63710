//! `virtfn show`.

use virtfn_kernel::SysRoot;
use virtfn_observe::{Facet, Look};
use virtfn_pci::Address;
use virtfn_render::guest::Guest;
use virtfn_render::show::Show;

use crate::args::{Json, Root};
use crate::context::{Context, open_root, resolve};
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn show 0b:00.0        by address
  virtfn show eth0           by network interface
  virtfn show eth0/3         virtual function 3 of eth0
  virtfn show eth0/any       a virtual function of eth0 that nobody uses
  virtfn show 0b:10.0 --json | jq .capabilities
  virtfn show eth0/3 --guest which of its registers a guest reaches, by VFIO's own rules

Exit code 5 says that part of it could not be seen.")]
pub struct Args {
    /// The function
    device: String,
    /// Show instead what a guest reaches that has it through VFIO
    #[arg(long)]
    guest: bool,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    root: Root,
}

const LOOK: [Facet; 10] = [
    Facet::Config,
    Facet::Details,
    Facet::Locked,
    Facet::Netdevs,
    Facet::Admin,
    Facet::Devlink,
    Facet::Holders,
    Facet::Modules,
    Facet::Kernel,
    Facet::Names,
];

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let address = resolve(&root, &args.device)?;
    if args.guest {
        return guest(&root, address, args, context);
    }
    let host = virtfn_observe::host(&root, &Look::at(&LOOK).of([address]))?;
    let show = Show::of(&host, host.function(address)?);
    let out = &mut context.out;
    if args.json.json {
        out.document(&show)?;
    } else {
        out.text(&show.text(out.page()))?;
    }
    Ok(if show.is_whole() { Exit::Done } else { Exit::Unseen })
}

/// What judges a guest's reach: the function, the ports above it, and what the host has for both.
const GUEST_LOOK: [Facet; 7] = [
    Facet::Config,
    Facet::Details,
    Facet::Groups,
    Facet::Kernel,
    Facet::Firmware,
    Facet::Platform,
    Facet::Names,
];

fn guest(
    root: &SysRoot,
    address: Address,
    args: &Args,
    context: &mut Context<'_>,
) -> Result<Exit, Error> {
    let host = virtfn_observe::host(root, &Look::at(&GUEST_LOOK))?;
    let guest =
        Guest::of(&host, host.function(address)?).map_err(|why| Error::NoGuest { address, why })?;
    let out = &mut context.out;
    if args.json.json {
        out.document(&guest)?;
    } else {
        out.text(&guest.text(out.page()))?;
    }
    Ok(if guest.is_whole() { Exit::Done } else { Exit::Unseen })
}

//! `virtfn groups`.

use virtfn_observe::{Facet, Look};
use virtfn_render::groups::Groups;

use crate::args::{Json, Root};
use crate::context::{Context, open_root};
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn groups`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn groups                    every IOMMU group, as the kernel made it
  virtfn groups 0c:00.0            may it go to a VM by itself?
  virtfn groups 0c:00.0 0d:00.0    may these two go to different VMs?")]
pub struct Args {
    /// The functions in question; none: all groups
    devices: Vec<String>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    root: Root,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let mut facets = vec![Facet::Groups, Facet::Config, Facet::Names];
    if args.devices.iter().any(|device| device.ends_with("/any")) {
        facets.extend([Facet::Netdevs, Facet::Holders]);
    }
    let host = virtfn_observe::host(&root, &Look::at(&facets))?;
    let asked = args.devices.iter().map(|device| host.resolve(device));
    let asked = asked.collect::<Result<Vec<_>, _>>()?;
    let groups = Groups::of(&host, &asked);
    let out = &mut context.out;
    if args.json.json {
        out.document(&groups)?;
    } else {
        out.text(&groups.text(out.page()))?;
    }
    Ok(Exit::Done)
}

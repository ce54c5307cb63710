//! `virtfn topology`.

use std::path::PathBuf;

use virtfn_observe::{Facet, Look};
use virtfn_render::topology::{Fold, Topology};

use crate::args::{Json, Root};
use crate::context::{Context, open_root};
use crate::error::Error;
use crate::exit::Exit;
use crate::file;

/// Arguments of `virtfn topology`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn topology                     from the root complex to the virtual functions, as text
  virtfn topology 0b:00.0             the way to this one, and all below it
  virtfn topology --all               nothing folded: every function by itself
  virtfn topology --svg host.svg      as a picture
  virtfn topology --html host.html    as a page on which folded ones open
  virtfn topology --root host.tar.zst --svg host.svg

A link that is drawn broken is where isolation ends: what hangs below it can reach others past the
IOMMU. With no IOMMU on, the groups are those that Linux 6.12 would make. Exit code 5 says that some
port on the way, or some user, could not be seen.")]
pub struct Args {
    /// The functions in question; none: all
    devices: Vec<String>,
    /// Show each function, however many there are of a kind
    #[arg(long)]
    all: bool,
    /// Draw it into this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["html", "json"])]
    svg: Option<PathBuf>,
    /// Draw it into this file as a page
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    html: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    root: Root,
}

/// Reads nothing that takes a device's lock: it answers while a writer hangs.
const LOOK: [Facet; 7] = [
    Facet::Config,
    Facet::Netdevs,
    Facet::Holders,
    Facet::Groups,
    Facet::Kernel,
    Facet::Firmware,
    Facet::Names,
];

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let host = virtfn_observe::host(&root, &Look::at(&LOOK))?;
    let asked = args.devices.iter().map(|device| host.resolve(device));
    let asked = asked.collect::<Result<Vec<_>, _>>()?;
    let fold = if args.all { Fold::Never } else { Fold::Many };
    let topology = Topology::of(&host, &asked, fold);
    let out = &mut context.out;
    match (&args.svg, &args.html) {
        (Some(path), _) => {
            file::write(path, &topology.svg())?;
            out.text(&format!("{}\n", topology.summary))?;
        }
        (None, Some(path)) => {
            file::write(path, &topology.html())?;
            out.text(&format!("{}\n", topology.summary))?;
        }
        (None, None) if args.json.json => out.document(&topology)?,
        (None, None) => out.text(&topology.text(out.page()))?,
    }
    Ok(if topology.is_whole() { Exit::Done } else { Exit::Unseen })
}

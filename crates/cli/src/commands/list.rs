//! `virtfn list`.

use virtfn_observe::{Facet, Look};
use virtfn_plan::Matched;
use virtfn_render::list::{List, Which};

use crate::args::{Json, Root};
use crate::context::{Context, open_root};
use crate::error::Error;
use crate::exit::Exit;
use crate::policy;

/// Arguments of `virtfn list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn list                      physical functions, then virtual ones, as tables
  virtfn list --tree               each physical function with its virtual ones beneath
  virtfn list --all                every PCI function
  virtfn list --json | jq '.functions[] | select(.kind == \"vf\" and .holders == [])'
  virtfn list --root host.tar.zst  the same, of a recorded host

A virtual machine is named that has a function (running, paused, starting), or is given it when it
starts (defined).

Exit code 5 says that the users or the settings of some virtual function could not be seen.")]
pub struct Args {
    /// Show each physical function with its virtual ones beneath
    #[arg(long)]
    tree: bool,
    /// Show every PCI function
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    root: Root,
}

/// Reads nothing that takes a device's lock: it answers while a writer hangs.
const LOOK: [Facet; 5] =
    [Facet::Netdevs, Facet::Admin, Facet::Holders, Facet::Guests, Facet::Names];

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let host = virtfn_observe::host(&root, &Look::at(&LOOK))?;
    let list = List::of(&host, if args.all { Which::All } else { Which::Sriov });
    // A policy with faults names nobody; `virtfn status` is who tells its faults.
    let declared = policy::installed(&root).ok().flatten().unwrap_or_default();
    let list = list.with_owners(&Matched::of(&host, &declared).owners(&host));
    let out = &mut context.out;
    match (args.json.json, args.tree) {
        (true, _) => out.document(&list)?,
        (false, true) => out.text(&list.tree(out.page()))?,
        (false, false) => out.text(&list.text(out.page()))?,
    }
    Ok(if list.is_whole() { Exit::Done } else { Exit::Unseen })
}

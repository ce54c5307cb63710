//! `virtfn destroy`.

use virtfn_formats::policy::Edit;
use virtfn_host::{Host, Policy};

use crate::change::{self, Change, Flags, of_pf};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn destroy`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn destroy 0b:00.0
  virtfn destroy eth0 --dry-run     what would be done, and who would lose what

Refused (exit 3) while anybody uses one of its VFs: a VM or DPDK program that has its VFIO group or
device open, a network namespace it was moved to, an interface of this host that is in use.")]
pub struct Args {
    /// The physical function
    #[arg(value_name = "PF")]
    pf: String,
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let (root, host) = change::look()?;
    let pf = host.resolve(&args.pf)?;
    host.pf(pf)?;
    let change = Change {
        about: pf,
        stays: "its VFs stay",
        shown: &|host, function| of_pf(host, pf, function),
        edit: Edit { vfs: Some(0), ..Edit::default() },
        wish: |_: &Host, policy: Policy| Ok(policy.with_vfs(pf, 0)),
    };
    change::make(&root, &change, args.flags, context, |_, steps| {
        let was = if steps == 0 { "had no VFs; nothing was to do" } else { "has no VFs any more" };
        format!("{} {was}.", pf.short())
    })
}

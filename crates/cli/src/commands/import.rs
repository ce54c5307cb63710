//! `virtfn import`.

use virtfn_formats::policy;
use virtfn_host::{Declared, Function, Host, Pf, Seen};
use virtfn_observe::{Facet, Look};
use virtfn_pci::Address;
use virtfn_render::words::plain;

use crate::args::Root;
use crate::context::{Context, open_root};
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn import live                       what this machine has now, as a policy file
  virtfn import live eth0 > policy.yaml    of one PF; then: virtfn plan -f policy.yaml
  virtfn import live --root host.tar.zst   what a recorded machine had

Settings that a VF has from the start are left out, and so are addresses that a VF's own driver made
up: they are others at every start.")]
pub struct Args {
    /// Where it comes from
    #[arg(value_name = "FORMAT")]
    format: Format,
    /// These PFs alone [default: all that have VFs]
    #[arg(value_name = "PF")]
    pfs: Vec<String>,
    #[command(flatten)]
    root: Root,
}

/// What can be read.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// The machine as it is
    Live,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let Format::Live = args.format;
    let root = open_root(args.root.root.as_deref())?;
    let look =
        Look::at(&[Facet::Netdevs, Facet::Admin, Facet::Devlink, Facet::Locked, Facet::Modules]);
    let host = virtfn_observe::host(&root, &look)?;
    let mut named = Vec::new();
    for pf in &args.pfs {
        let address = host.resolve(pf)?;
        host.pf(address)?;
        named.push(address);
    }
    let wanted = |(function, pf): &(&Function, &Pf)| {
        if named.is_empty() { !pf.vfs.is_empty() } else { named.contains(&function.address) }
    };
    context.out.text(&policy::write(&Declared::of(&host, host.pfs().filter(wanted))))?;
    let lost: Vec<String> = host.pfs().filter(wanted).flat_map(|pf| unseen(&host, pf)).collect();
    for lost in &lost {
        anstream::eprintln!("note: {}", plain(lost));
    }
    Ok(if lost.is_empty() { Exit::Done } else { Exit::Unseen })
}

/// What of a PF's VFs could not be seen, and is not in the policy for that.
fn unseen(host: &Host, (function, pf): (&Function, &Pf)) -> Vec<String> {
    let short = function.address.short();
    let left_out = || format!("{short}: the settings of its VFs are left out");
    let is_network = function.ids.class >> 16 == 2;
    let settings = match &pf.admin {
        _ if pf.vfs.is_empty() || !is_network => None,
        Seen::Known(_) => None,
        Seen::Absent => Some(left_out() + ": they are not in this recording"),
        Seen::Unreadable(unreadable) => Some(format!("{}: {unreadable}", left_out())),
    };
    let of_vf = |address: &Address| host.functions.get(address);
    let driver = |vf: &Function| {
        let unreadable = vf.driver_override.unreadable()?;
        Some(format!("{}: who chose its driver is left out: {unreadable}", vf.address.short()))
    };
    settings.into_iter().chain(pf.vfs.values().filter_map(of_vf).filter_map(driver)).collect()
}

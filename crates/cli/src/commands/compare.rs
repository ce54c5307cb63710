//! `virtfn compare`.

use std::path::PathBuf;

use virtfn_doctor::{Uses, judge};
use virtfn_kernel::SysRoot;
use virtfn_observe::Look;
use virtfn_pci::Address;
use virtfn_render::compare::{Comparison, Detail, subject};

use crate::args::{Json, Root};
use crate::context::{Context, open_root, resolve};
use crate::error::Error;
use crate::exit::Exit;
use crate::file;

/// Arguments of `virtfn compare`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn compare 0b:00.0                    whole, as a VF, by macvtap, by virtio: which today?
  virtfn compare eth0/3                     the same, with this VF in the VF column
  virtfn compare eth0 -v                    with the files and registers that prove each cell
  virtfn compare eth0 --html eth0.html      as a page, with the ways drawn
  virtfn compare eth0 --json | jq '.ways[] | {way, today}'

A way with a catch works, and the text says what to mind. Exit code 5 says that something that matters
could not be seen.")]
pub struct Args {
    /// The device: a network card, a drive, any PCI function; of a VF, its PF's ways
    device: String,
    /// Show what proves each cell
    #[arg(short, long)]
    verbose: bool,
    /// Write it into this file as a page, with the ways drawn
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    html: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    root: Root,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let address = resolve(&root, &args.device)?;
    let host = virtfn_observe::host(&root, &Look::everything().of(everyone(&root)?))?;
    let function = host.function(address)?;
    let findings = judge(&host, Uses::VM, &[subject(&host, function)]);
    let comparison = Comparison::of(&host, function, &findings);
    let out = &mut context.out;
    let detail = if args.verbose { Detail::Full } else { Detail::Brief };
    if let Some(path) = &args.html {
        file::write(path, &comparison.html())?;
        out.text(&format!("{}\n", comparison.summary))?;
    } else if args.json.json {
        out.document(&comparison)?;
    } else {
        out.text(&comparison.text(out.page(), detail))?;
    }
    Ok(if comparison.is_whole() { Exit::Done } else { Exit::Unseen })
}

/// Every function by name: each is then looked at as closely as a PF, also one that is none.
fn everyone(root: &SysRoot) -> Result<Vec<Address>, Error> {
    let places = virtfn_observe::host(root, &Look::at(&[]))?;
    Ok(places.functions.into_keys().collect())
}

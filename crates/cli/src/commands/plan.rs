//! `virtfn plan`.

use std::path::PathBuf;

use crate::args::{Json, Root};
use crate::context::{Context, open_root};
use crate::declared::Wanted;
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn plan`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn plan -f policy.yaml      what applying it would do, step by step, and whom that hits
  virtfn plan                     the same for the policy in /etc/virtfn
  virtfn plan -f policy.yaml --root host.tar.zst    on a recorded host

A policy file:
  version: 1
  pfs:
    - match: { pci: \"0000:0b:00.0\" }       # or netdev, mac, driver, vendor and device, serial
      vfs: 7
      defaults: { driver: vfio, mac: auto }  # vfio: the VFIO driver that fits best
      vf:
        0:   { mac: \"52:54:00:6d:90:02\", vlan: 42 }
        1-3: { driver: default }
  devices:
    - match: { pci: \"0000:41:00.0\" }
      driver: vfio-pci

Exit codes: 0 nothing to do, 4 something to do, 1 the policy cannot be had as it is.")]
pub struct Args {
    /// The policy; `-` for standard input [default: /etc/virtfn/policy.yaml and policy.d/*.yaml]
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    root: Root,
    #[command(flatten)]
    json: Json,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let wanted = Wanted::read(&root, args.file.as_deref())?;
    let view = wanted.plan(&root)?;
    if args.json.json {
        context.out.document(&view)?;
    } else {
        let page = context.out.page();
        context.out.text(&view.text(page))?;
    }
    Ok(if !view.problems.is_empty() {
        Exit::Failed
    } else if view.steps.is_empty() {
        Exit::Done
    } else {
        Exit::ToDo
    })
}

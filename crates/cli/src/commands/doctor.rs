//! `virtfn doctor`.

use std::path::PathBuf;

use virtfn_doctor::{Readiness, Uses, judge};
use virtfn_observe::Look;
use virtfn_render::doctor::{Detail, Doctor};
use virtfn_render::topology::{Fold, Topology};

use crate::args::{Json, Root};
use crate::context::{Context, open_root};
use crate::error::Error;
use crate::exit::Exit;
use crate::file;

/// Arguments of `virtfn doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn doctor                     is this host ready, and if not, what mends it?
  virtfn doctor 0b:00.0 --for vm    can VFs of this one go to virtual machines?
  virtfn doctor -v                  what passes too, with the files that prove it
  virtfn doctor --json | jq '.findings[] | select(.verdict == \"fail\")'
  virtfn doctor --html host.html    a report to send to somebody
  virtfn explain RULE               what a rule means, and what mends it

Exit codes: 0 ready, 1 something failed, 5 nothing failed but something could not be seen.")]
pub struct Args {
    /// The devices in question; none: all that can do SR-IOV
    devices: Vec<String>,
    /// What they shall be used for; without it, for all of these
    #[arg(long = "for", value_name = "USE", value_parser = ["vm", "dpdk", "container"])]
    uses: Option<String>,
    /// Show what passes too, with its evidence
    #[arg(short, long)]
    verbose: bool,
    /// Write a report into this file: the findings, the topology drawn, the machine's facts
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    html: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    root: Root,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let host = virtfn_observe::host(&root, &Look::everything())?;
    let devices = args.devices.iter().map(|device| host.resolve(device));
    let devices = devices.collect::<Result<Vec<_>, _>>()?;
    let uses = args.uses.as_deref().map_or(Ok(Uses::ALL), str::parse)?;
    let doctor = Doctor::of(&host, judge(&host, uses, &devices), uses);
    let out = &mut context.out;
    let detail = if args.verbose { Detail::Full } else { Detail::Brief };
    if let Some(path) = &args.html {
        let topology = Topology::of(&host, &devices, Fold::Many);
        file::write(path, &doctor.html(&host, &topology))?;
        out.text(&format!("{}\n", doctor.summary))?;
    } else if args.json.json {
        out.document(&doctor)?;
    } else {
        out.text(&doctor.text(out.page(), detail))?;
    }
    Ok(match doctor.readiness() {
        Readiness::Ready => Exit::Done,
        Readiness::NotReady => Exit::Failed,
        Readiness::Unsure => Exit::Unseen,
    })
}

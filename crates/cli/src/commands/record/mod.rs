//! `virtfn record`.

mod mask;
mod progress;

use std::path::PathBuf;

use virtfn_host::Host;
use virtfn_kernel::SysRoot;
use virtfn_observe::Look;
use virtfn_render::record::Record;
use virtfn_render::unseen::Unseen;
use virtfn_render::words::count;

use self::progress::Progress;
use crate::args::{Json, Root};
use crate::context::{Context, open_root};
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn record`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn record host.tar.zst                    this host, as root to have all of it
  virtfn record host.tar.zst --mask             the same, to be shown to others
  virtfn record shown.tar.zst --root host.tar.zst --mask
  virtfn doctor --root host.tar.zst             look at it, on any machine

A recording holds what virtfn reads and nothing else. It is written whole or not at all, and its
owner alone can read it. Exit code 5 says that something that belongs in it could not be seen.")]
pub struct Args {
    /// The file to write, such as host.tar.zst
    file: PathBuf,
    /// Replace MAC addresses and serial numbers, each by the same one everywhere
    #[arg(long)]
    mask: bool,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    root: Root,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    if !args.force && args.file.symlink_metadata().is_ok() {
        return Err(Error::Exists(args.file.clone()));
    }
    let mut progress = Progress::start();
    let root = open_root(args.root.root.as_deref())?.taped();
    let host = read_all(&root, &mut progress)?;
    let mut tape = root.into_tape().unwrap_or_default();
    let mut record =
        Record::new(args.file.display().to_string(), host.functions.len(), tape.size());
    if args.mask {
        progress.says("masking");
        let (changed, masked) = mask::mask(tape);
        (tape, record.masked) = (changed, Some(masked));
    }
    progress.says(&format!("writing {}", args.file.display()));
    tape.write(&args.file)?;
    progress.end();
    record.unseen = unseen(&host);
    let out = &mut context.out;
    if args.json.json {
        out.document(&record)?;
    } else {
        out.text(&record.text(out.page()))?;
    }
    Ok(if record.unseen.is_empty() { Exit::Done } else { Exit::Unseen })
}

/// All that any command reads. The devices are named, so that each is looked at as closely as
/// `show` looks at the one it is asked for.
fn read_all(root: &SysRoot, progress: &mut Progress) -> Result<Host, Error> {
    let places = virtfn_observe::host(root, &Look::at(&[]))?;
    let functions = count(places.functions.len(), "PCI function", "PCI functions");
    progress.says(&format!("reading {functions}"));
    let everyone = places.functions.keys().copied();
    Ok(virtfn_observe::host(root, &Look::everything().of(everyone))?)
}

/// What of all that could not be seen.
fn unseen(host: &Host) -> Vec<Unseen> {
    let mut unseen = Vec::new();
    for function in host.functions.values() {
        let at = Some(function.address);
        let mut note = |what, seen: Option<&virtfn_host::Unreadable>| {
            unseen.extend(seen.map(|seen| Unseen::new(at, what, seen)));
        };
        note("config", function.config.unreadable());
        note("driver_override", function.driver_override.unreadable());
        note("resources", function.resources.unreadable());
        note("holders", function.holders.unreadable());
        note("vf-settings", function.pf().and_then(|pf| pf.admin.unreadable()));
    }
    let kernel = &host.kernel;
    let of_host = [
        ("netdevs", host.netdevs.unreadable()),
        ("kernel-log", kernel.log.unreadable()),
        ("interrupts", kernel.interrupt_chips.unreadable()),
        ("acpi", host.firmware.acpi.unreadable()),
    ];
    let tables = host.firmware.acpi.known().into_iter().flat_map(|tables| tables.values());
    // A table of which the name alone is wanted was not asked for.
    let tables = tables
        .filter_map(|table| table.unreadable())
        .filter(|table| table.why != virtfn_host::Reason::NotAsked)
        .map(|table| ("acpi", Some(table)));
    let of_host = of_host.into_iter().chain(tables);
    unseen.extend(of_host.filter_map(|(what, seen)| Some(Unseen::new(None, what, seen?))));
    unseen
}

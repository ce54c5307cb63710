//! `virtfn import`.

use virtfn_formats::exchange::{self, Terms};
use virtfn_formats::{File, policy};
use virtfn_host::{Declared, Function, Host, Pf, Seen};
use virtfn_kernel::SysRoot;
use virtfn_observe::{Facet, Look};
use virtfn_pci::Address;
use virtfn_render::exchange::{ImportView, Told};

use crate::args::{Json, Root};
use crate::context::{Context, open_root};
use crate::error::Error;
use crate::exchange::{LIVE, installed, machine, named, names, places, tell, told, unread};
use crate::exit::Exit;

/// Arguments of `virtfn import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn import live                       what this machine has now, as a policy file
  virtfn import live eth0 > policy.yaml    of one PF; then: virtfn plan -f policy.yaml
  virtfn import live --root host.tar.zst   what a recorded machine had
  virtfn import netplan                    what this machine's netplan lays down
  virtfn import networkd 10-pf.link        what a file lays down
  virtfn import shell rc.local             what a script does, as far as it can be told

The policy is printed; what it cannot say, and what is wrong with the files, is told beside it, with
file and line. Of a live machine, settings that a VF has from the start are left out, and so are
addresses that a VF's own driver made up: they are others at every start.

Addresses of VFs in a file are turned into PFs and numbers by the machine, or --root's.")]
pub struct Args {
    /// Where it comes from
    #[arg(value_name = "FORMAT", value_parser = names(true))]
    format: String,
    /// Files of that format (`-`: standard input) [default: those of the machine]; of `live`: these
    /// PFs alone [default: all that have VFs]
    #[arg(value_name = "FILE|PF")]
    what: Vec<String>,
    #[command(flatten)]
    root: Root,
    #[command(flatten)]
    json: Json,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let (view, exit) = if args.format == LIVE { live(args, &root)? } else { files(args, &root)? };
    if args.json.json {
        context.out.document(&view)?;
    } else {
        context.out.text(&view.policy)?;
        tell("fault", &view.faults);
        tell(if args.format == LIVE { "note" } else { "lost" }, &view.lost);
    }
    Ok(exit)
}

fn files(args: &Args, root: &SysRoot) -> Result<(ImportView, Exit), Error> {
    let format = exchange::format(&args.format).unwrap_or(&exchange::FORMATS[0]);
    let (texts, unseen) = if args.what.is_empty() {
        installed(root, format)
    } else {
        (named(&args.what)?, Vec::new())
    };
    // A file can be read where there are no devices; it says then what it lacks.
    let machine = machine(root).ok();
    let terms = Terms { machine: machine.as_ref(), version: None };
    let files: Vec<File<'_>> = texts.iter().map(|(path, text)| File { path, text }).collect();
    let imported = exchange::import(format, &files, &terms);
    let (mut lost, faults) = (told(&imported.lost), told(&imported.faults));
    lost.extend(unread(&unseen));
    let declares = !imported.declared.pfs.is_empty() || !imported.declared.devices.is_empty();
    if !declares && !args.json.json {
        tell("fault", &faults);
        tell("lost", &lost);
        let (format, places) = (args.format.clone(), places(format));
        return Err(Error::NothingImported { format, places });
    }
    let exit = match (declares, unseen.is_empty()) {
        (false, _) => Exit::Failed,
        (true, false) => Exit::Unseen,
        (true, true) => Exit::Done,
    };
    let text = policy::write(&imported.declared);
    Ok((ImportView::new(&args.format, text, lost, faults), exit))
}

fn live(args: &Args, root: &SysRoot) -> Result<(ImportView, Exit), Error> {
    let look =
        Look::at(&[Facet::Netdevs, Facet::Admin, Facet::Devlink, Facet::Locked, Facet::Modules]);
    let host = virtfn_observe::host(root, &look)?;
    let mut named = Vec::new();
    for pf in &args.what {
        let address = host.resolve(pf)?;
        host.pf(address)?;
        named.push(address);
    }
    let wanted = |(function, pf): &(&Function, &Pf)| {
        if named.is_empty() { !pf.vfs.is_empty() } else { named.contains(&function.address) }
    };
    let text = policy::write(&Declared::of(&host, host.pfs().filter(wanted)));
    let lost: Vec<Told> = host.pfs().filter(wanted).flat_map(|pf| unseen(&host, pf)).collect();
    let exit = if lost.is_empty() { Exit::Done } else { Exit::Unseen };
    Ok((ImportView::new(LIVE, text, lost, Vec::new()), exit))
}

/// What of a PF's VFs could not be seen, and is not in the policy for that.
fn unseen(host: &Host, (function, pf): (&Function, &Pf)) -> Vec<Told> {
    let short = function.address.short();
    let left_out = || format!("{short}: the settings of its VFs are left out");
    let is_network = function.is_network();
    let settings = match &pf.admin {
        _ if pf.vfs.is_empty() || !is_network => None,
        Seen::Known(told) => {
            let missing = pf.vfs.keys().filter(|index| !told.contains_key(index)).count();
            (missing > 0).then(|| {
                let all = pf.vfs.len();
                format!("{short}: the settings of {missing} of its {all} VFs are left out: the kernel tells nothing of them")
            })
        }
        Seen::Absent => Some(left_out() + ": they are not in this recording"),
        Seen::Unreadable(unreadable) => Some(format!("{}: {unreadable}", left_out())),
    };
    let of_vf = |address: &Address| host.functions.get(address);
    let driver = |vf: &Function| {
        let unreadable = vf.driver_override.unreadable()?;
        Some(format!("{}: who chose its driver is left out: {unreadable}", vf.address.short()))
    };
    let all = settings.into_iter().chain(pf.vfs.values().filter_map(of_vf).filter_map(driver));
    all.map(|what| Told { path: None, line: None, what }).collect()
}

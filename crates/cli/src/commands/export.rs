//! `virtfn export`.

use std::path::{Path, PathBuf};

use virtfn_formats::exchange::{self, Terms, Version};
use virtfn_host::Declared;
use virtfn_kernel::SysRoot;
use virtfn_observe::{Facet, Look};
use virtfn_render::exchange::ExportView;

use crate::args::{Json, Root};
use crate::context::{Context, open_root};
use crate::error::Error;
use crate::exchange::{machine, names, tell, told};
use crate::exit::Exit;

/// Arguments of `virtfn export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn export netplan -f policy.yaml             a policy as netplan's YAML
  virtfn export networkmanager --live --output /   what this machine has now, into its place
  virtfn export networkmanager --for-version 1.42  for an older NetworkManager
  virtfn export shell -f policy.yaml --root host.tar.zst    for a recorded machine

What the format has no word for is told beside it, VF by VF. Interfaces, drivers and the addresses
of VFs are those of the machine, or of --root's; what is not known of it is told and not guessed.")]
pub struct Args {
    /// What to write
    #[arg(value_name = "FORMAT", value_parser = names(false))]
    format: String,
    /// The policy; `-` for standard input [default: /etc/virtfn/policy.yaml and policy.d/*.yaml]
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Write what the machine has now, and no policy
    #[arg(long, conflicts_with = "file")]
    live: bool,
    /// Write files below this folder, each at its place [default: print them]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// The version of the program that shall read it, where versions differ [default: today's]
    #[arg(long, value_name = "VERSION")]
    for_version: Option<Version>,
    #[command(flatten)]
    root: Root,
    #[command(flatten)]
    json: Json,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let declared =
        if args.live { live(&root)? } else { crate::policy::read(&root, args.file.as_deref())? };
    let format = exchange::format(&args.format).unwrap_or(&exchange::FORMATS[0]);
    let machine = machine(&root).ok();
    let terms = Terms { machine: machine.as_ref(), version: args.for_version };
    let exported = exchange::export(format, &declared, &terms);
    let view = ExportView::new(format.name, &exported.files, told(&exported.lost));
    if let Some(folder) = &args.output {
        for (path, text) in &exported.files {
            write(folder, path, text)?;
        }
    }
    if args.json.json {
        context.out.document(&view)?;
    } else {
        match &args.output {
            Some(folder) => {
                for (path, _) in &exported.files {
                    context.out.text(&format!("{}\n", folder.join(path).display()))?;
                }
            }
            None => context.out.text(&view.text())?,
        }
        tell("lost", &view.lost);
    }
    if exported.files.is_empty() && !args.json.json {
        return Err(Error::NothingExported { format: args.format.clone() });
    }
    Ok(if exported.files.is_empty() { Exit::Failed } else { Exit::Done })
}

fn live(root: &SysRoot) -> Result<Declared, Error> {
    let look =
        Look::at(&[Facet::Netdevs, Facet::Admin, Facet::Devlink, Facet::Locked, Facet::Modules]);
    let host = virtfn_observe::host(root, &look)?;
    Ok(Declared::of(&host, host.pfs().filter(|(_, pf)| !pf.vfs.is_empty())))
}

/// Programs can be run, what may hold secrets is its owner's alone, all else is for everybody.
fn write(folder: &Path, path: &str, text: &str) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;

    let whole = folder.join(path);
    let failed = |source| Error::Write { path: whole.clone(), source };
    if let Some(parent) = whole.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    crate::file::write(&whole, text)?;
    let mode = match path {
        path if path.contains("/sbin/") => 0o755,
        path if path.ends_with(".nmconnection") || path.ends_with(".yaml") => 0o600,
        _ => 0o644,
    };
    std::fs::set_permissions(&whole, std::fs::Permissions::from_mode(mode)).map_err(failed)
}

//! `virtfn uninstall`.

use virtfn_apply::files::{self, FileChange, FileError};
use virtfn_render::install::{FileAction, InstallView, InstalledFile};

use super::install::{Common, print, take_effect, told};
use crate::boot::kernel_args::{self, Loader};
use crate::boot::{self, ALL, INITRAMFS_RECORD, Init, RECORDS};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn uninstall`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn uninstall --dry-run        what would go
  virtfn uninstall                  no start applies the policy any more

The VFs that are there stay, and so does the policy in /etc/virtfn.")]
pub struct Args {
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = &args.common.root;
    let _lock = if args.common.dry_run { None } else { Some(files::lock(root)?) };
    let mut view = InstallView::new(args.common.dry_run);
    let mut commands = Init::of(root).reload(root);
    let failed = |source| Error::Read { path: root.join("etc/kernel/cmdline"), source };
    if let Some(line) = kernel_args::without(root).map_err(failed)? {
        view.files.push(told(root, &line, files::look(root, &line)?));
        if !args.common.dry_run {
            files::put(root, &line)?;
        }
    }
    for path in ALL.into_iter().chain(RECORDS) {
        let change = match files::look_at_leaving(root, path) {
            // Somebody made it by hand, or for another purpose: it was never ours.
            Err(FileError::Foreign(_)) => continue,
            change => change?,
        };
        if change == FileChange::Same {
            continue;
        }
        match path {
            kernel_args::RECORD => commands.extend(Loader::of(root).map(Loader::update)),
            INITRAMFS_RECORD => commands.extend(boot::build_initramfs(root)),
            _ => {}
        }
        let path_told = format!("/{path}");
        view.files.push(InstalledFile {
            path: path_told,
            action: FileAction::Remove,
            text: None,
            diff: vec![],
        });
        if !args.common.dry_run && !RECORDS.contains(&path) {
            files::remove(root, path)?;
        }
    }
    take_effect(&mut view, &args.common, &commands)?;
    if !args.common.dry_run {
        for path in RECORDS {
            files::remove(root, path)?;
        }
    }
    let verdict = match (view.changes(), args.common.dry_run) {
        (false, _) => "Not installed; nothing was to do.",
        (true, true) => "Nothing was changed. This would go:",
        (true, false) => "Uninstalled: no start applies the policy. The VFs that are there stay.",
    };
    print(&view, verdict, &args.common, context)
}

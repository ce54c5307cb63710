//! `virtfn install`.

use std::path::{Path, PathBuf};

use virtfn_apply::files::{self, Content, FileChange, OwnFile};
use virtfn_render::install::{FileAction, InstallView, InstalledFile};

use crate::boot::kernel_args::{self, Loader};
use crate::boot::{self, Init};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn install`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn install --dry-run          the files that would be written
  virtfn install                    have every start apply the policy in /etc/virtfn
  virtfn install --kernel-args      and switch the IOMMU on from the next start on

With systemd: a unit before the network, libvirt, Proxmox's guests and the kubelet, and a rule of
udev's that applies the policy to a card again whenever its driver takes it. Installed again, it
changes nothing. `virtfn uninstall` takes all of it away.")]
pub struct Args {
    /// What starts this machine's services [default: what is found]
    #[arg(long, value_enum)]
    init: Option<Init>,
    /// Have the initial RAM disk apply the policy too: for guests or networks that start in it
    #[arg(long)]
    initramfs: bool,
    /// Add the IOMMU's flags to the kernel's command line, in this host's boot loader
    #[arg(long)]
    kernel_args: bool,
    #[command(flatten)]
    common: Common,
}

/// What `install` and `uninstall` have in common.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub(super) json: bool,
    /// Change the system in this folder, and run no command
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(super) root: PathBuf,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = &args.common.root;
    let init = args.init.unwrap_or_else(|| Init::of(root));
    let program = boot::program(root).map_err(|program| Error::Passing { program })?;
    let _lock = if args.common.dry_run { None } else { Some(files::lock(root)?) };
    let mut wanted = init.files(root, &program);
    let mut commands = init.reload(root);
    if args.initramfs {
        let files = boot::initramfs(root, &program);
        if files.is_empty() {
            return Err(Error::NoInitramfs);
        }
        wanted.extend(files);
        commands.extend(boot::build_initramfs(root));
    }
    if args.kernel_args {
        let (files, update) = kernel_arguments(root)?;
        wanted.extend(files);
        commands.extend(update);
    }
    let mut view = InstallView::new(args.common.dry_run);
    // All are looked at before the first is written: a file of somebody else's stops it all.
    for file in &wanted {
        view.files.push(told(root, file, files::look(root, file)?));
    }
    if !args.common.dry_run {
        for file in &wanted {
            files::put(root, file)?;
        }
    }
    take_effect(&mut view, &args.common, &commands)?;
    let verdict = match (view.changes(), args.common.dry_run) {
        (false, _) => "Installed already; no file was to change.",
        (true, true) => "Nothing was changed. This would be:",
        (true, false) => {
            "Installed: each start applies the policy in /etc/virtfn. Now: virtfn apply"
        }
    };
    print(&view, verdict, &args.common, context)
}

type Arguments = (Vec<OwnFile>, Option<&'static [&'static str]>);

fn kernel_arguments(root: &Path) -> Result<Arguments, Error> {
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
    let flags = kernel_args::missing(&read("proc/cpuinfo"), &read("proc/cmdline"));
    if flags.is_empty() {
        return Ok((Vec::new(), None));
    }
    let loader = Loader::of(root).ok_or_else(|| Error::NoLoader { flags: flags.join(" ") })?;
    let failed = |source| Error::Read { path: root.join("etc/kernel/cmdline"), source };
    let mut files = loader.files(root, &flags).map_err(failed)?;
    // Added before, and not booted since: the record keeps what was added first.
    let line_is_there = files.iter().any(|file| {
        matches!(file.content, Content::Shared(_))
            && matches!(files::look(root, file), Ok(FileChange::Same))
    });
    if line_is_there {
        files.clear();
    }
    Ok((files, Some(loader.update())))
}

pub(super) fn told(root: &Path, file: &OwnFile, change: FileChange) -> InstalledFile {
    let action = match change {
        FileChange::Same => FileAction::Same,
        FileChange::Created => FileAction::Create,
        FileChange::Changed => FileAction::Change,
        FileChange::Removed => FileAction::Remove,
    };
    let (text, diff) = match &file.content {
        Content::Text(text) | Content::Script(text) => (text.clone(), Vec::new()),
        Content::Link(target) => (format!("-> {target}"), Vec::new()),
        Content::Shared(text) => {
            let old = std::fs::read_to_string(root.join(&file.path)).unwrap_or_default();
            let lines = old.lines().map(|line| format!("- {line}"));
            (text.clone(), lines.chain(text.lines().map(|line| format!("+ {line}"))).collect())
        }
    };
    InstalledFile { path: format!("/{}", file.path), action, text: Some(text), diff }
}

/// Runs what has the files read, on this machine. Also where no file changed: a run may have been
/// killed after its files and before this.
pub(super) fn take_effect(
    view: &mut InstallView,
    common: &Common,
    commands: &[&[&str]],
) -> Result<(), Error> {
    if common.root != Path::new("/") {
        return Ok(());
    }
    view.commands = commands.iter().map(|words| words.join(" ")).collect();
    if common.dry_run {
        return Ok(());
    }
    let told = commands.iter().map(|words| (words.join(" "), files::reload(words)));
    let failed: Vec<_> = told.filter_map(|(line, ran)| Some((line, ran.err()?))).collect();
    if failed.is_empty() { Ok(()) } else { Err(Error::NotInEffect { failed }) }
}

pub(super) fn print(
    view: &InstallView,
    verdict: &str,
    common: &Common,
    context: &mut Context<'_>,
) -> Result<Exit, Error> {
    if common.json {
        context.out.document(view)?;
    } else {
        context.out.text(&view.text(verdict))?;
    }
    Ok(Exit::Done)
}

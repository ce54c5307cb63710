//! `virtfn status`.

use std::path::PathBuf;

use virtfn_render::status::Status;

use crate::args::{Json, Root};
use crate::context::{Context, open_root};
use crate::declared::Wanted;
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn status`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn status                   is the machine what its policy says?
  virtfn status --json            the same for programs
  virtfn status -f policy.yaml    and what another policy would say of it

Exit codes: 0 all is as declared, 4 something differs, 1 something declared cannot be had.")]
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
    let parts = wanted.parts(&root)?;
    let status = Status::of(&parts, wanted.unmatched.clone(), wanted.owners.clone())
        .with_lent(wanted.lent());
    if args.json.json {
        context.out.document(&status)?;
    } else {
        let page = context.out.page();
        context.out.text(&status.text(page))?;
    }
    Ok(if !wanted.problems(&parts).is_empty() {
        Exit::Failed
    } else if status.drifts() {
        Exit::ToDo
    } else {
        Exit::Done
    })
}

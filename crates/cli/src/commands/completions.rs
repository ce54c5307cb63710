//! `virtfn completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Cli;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn completions bash > /etc/bash_completion.d/virtfn
  virtfn completions zsh > /usr/local/share/zsh/site-functions/_virtfn
  source <(virtfn completions bash)         this shell alone")]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "virtfn", &mut script);
    context.out.bytes(&script)?;
    Ok(Exit::Done)
}

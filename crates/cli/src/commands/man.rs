//! `virtfn man`.

use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::args::Cli;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn man | man -l -                    the page of virtfn
  virtfn man list | man -l -               the page of one command
  virtfn man --dir /usr/local/share/man/man1   all pages, as files")]
pub struct Args {
    /// The command whose page to print; none: the page of virtfn itself
    command: Option<String>,
    /// Write every page into this folder instead
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let pages = pages()?;
    if let Some(folder) = &args.dir {
        for (name, page) in &pages {
            write(&folder.join(format!("{name}.1")), page)?;
        }
        return Ok(Exit::Done);
    }
    let wanted = match &args.command {
        Some(command) => format!("virtfn-{command}"),
        None => "virtfn".to_owned(),
    };
    match pages.iter().find(|(name, _)| *name == wanted) {
        Some((_, page)) => context.out.bytes(page)?,
        None => {
            let commands = pages.iter().filter_map(|(name, _)| name.strip_prefix("virtfn-"));
            return Err(Error::NoPage {
                command: args.command.clone().unwrap_or_default(),
                commands: commands.map(str::to_owned).collect(),
            });
        }
    }
    Ok(Exit::Done)
}

/// Every page with its name, virtfn's own first.
fn pages() -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut top = Cli::command();
    top.build();
    let mut pages = vec![page("virtfn", top.clone())?];
    for command in top.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("virtfn-{}", command.get_name());
        pages.push(page(&name, command.clone())?);
    }
    Ok(pages)
}

fn page(name: &str, command: clap::Command) -> Result<(String, Vec<u8>), Error> {
    let mut page = Vec::new();
    // A page's name may not depend on the day it was made: no date.
    Man::new(command.display_name(name)).title(name.to_uppercase()).render(&mut page)?;
    Ok((name.to_owned(), page))
}

fn write(path: &Path, page: &[u8]) -> Result<(), Error> {
    std::fs::write(path, page).map_err(|source| Error::Write { path: path.to_owned(), source })
}

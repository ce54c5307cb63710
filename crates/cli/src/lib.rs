//! The `virtfn` program as a function: [`run`] takes the arguments and gives the exit code.
//!
//! One file a subcommand below `commands`; each reads top to bottom: open the root, look at as much
//! as is needed, make the view, print it. What is common to all is here beside it: the arguments
//! ([`args`]), the output ([`output`]), errors and their hints ([`error`]), exit codes ([`exit`]).

pub mod args;
pub mod boot;
pub mod change;
pub mod commands;
pub mod context;
pub mod declared;
pub mod error;
pub mod exchange;
pub mod exit;
pub mod file;
pub mod handover;
pub mod keep;
pub mod output;
pub mod policy;
mod refusal;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;
use virtfn_kernel::{Watch, Write, locked};

use crate::args::Cli;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Output;

/// Nobody watches the writes.
#[derive(Debug)]
pub struct Silent;

impl Watch for Silent {
    fn before(&mut self, _: &Write) {}
    fn after(&mut self, _: &Write) {}
}

/// Runs one command line, the program's name first; `watch` sees every write to the kernel.
///
/// A program that calls this may be started anew as a locked reader ([`locked`]): it has to hand
/// its arguments to this function before it does anything else.
pub fn run(args: impl IntoIterator<Item = OsString>, watch: &mut dyn Watch) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    if args.get(1).is_some_and(|word| word == locked::WORD) {
        return serve_locked(&args[2..]).into();
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(told) => return tell(&told).into(),
    };
    cli.color.choose();
    let mut context = Context::new(Output::standard(), watch);
    match cli.command.run(&mut context) {
        Ok(exit) => exit.into(),
        Err(error) => error::report(&error).into(),
    }
}

/// The part of the program that waits for a device's lock, and may be left to its fate.
fn serve_locked(paths: &[OsString]) -> Exit {
    let paths = paths.iter().map(|path| path.to_string_lossy().into_owned());
    match locked::serve(paths) {
        Ok(()) => Exit::Done,
        Err(_) => Exit::Failed,
    }
}

/// Help and version are told on standard output, usage errors on standard error.
fn tell(told: &clap::Error) -> Exit {
    // Whoever closed the stream does not want to be told.
    let _ = told.print();
    if told.use_stderr() { Exit::Usage } else { Exit::Done }
}

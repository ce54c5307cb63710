//! `lab-guest`: the one program of ours that always runs in a lab guest.
//!
//! As process 1 it makes the guest ready ([`init`]) and starts itself again as the agent
//! ([`serve`]) that runs the host's commands. The other subcommands are played parts: something
//! that holds a VF as a virtual machine does ([`hold`]), and the broom between two tests
//! ([`tidy`]). A new part is a file here and a line in [`Part`].
#![allow(clippy::print_stdout, clippy::print_stderr)] // It talks to a console and to tests.

mod hold;
mod init;
mod jobs;
mod serve;
mod sysfs;
mod terminal;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The lab guest's own program.
#[derive(Parser)]
#[command(name = "lab-guest", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Serves the host's requests over the lab's port
    Serve,
    /// Holds a function's VFIO files open until standard input closes
    Hold(hold::Arguments),
    /// Puts the guest back: no VFs, no overrides, no leftovers
    Tidy,
}

fn main() -> ExitCode {
    if rustix::process::getpid().is_init() {
        return init::run();
    }
    let outcome = match Arguments::parse().part {
        Part::Serve => serve::run(),
        Part::Hold(arguments) => hold::run(&arguments),
        Part::Tidy => tidy::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

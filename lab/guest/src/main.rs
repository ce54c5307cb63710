//! `lab-guest`: the one program of ours that always runs in a lab guest.
//!
//! As process 1 it makes the guest ready ([`init`]) and starts itself again as the agent
//! ([`serve`]) that runs the host's commands. The other subcommands are played parts: something
//! that holds a VF as a virtual machine does ([`hold`]), virtfn dying at a write ([`killed`]), and
//! the broom between two tests ([`tidy`]). A new part is a file here and a line in [`Part`].
#![allow(clippy::print_stdout, clippy::print_stderr)] // It talks to a console and to tests.

mod ask;
mod bare;
mod hold;
mod init;
mod jobs;
mod killed;
mod netdevsim;
mod serve;
mod sysfs;
mod system;
mod terminal;
mod tidy;
mod view;

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
    /// Has a virtual machine inside this one run a command
    Ask(ask::Arguments),
    /// Holds a function's VFIO files open until standard input closes
    Hold(hold::Arguments),
    /// Runs virtfn, and kills it at one of its writes to the kernel
    KilledAt(killed::KilledAt),
    /// Runs virtfn, and counts its writes to the kernel
    CountWrites(killed::Counted),
    /// Asks and sets netdevsim with virtfn's own netlink code
    Netdevsim(netdevsim::Arguments),
    /// Runs virtfn, and notes its writes to the kernel in a file
    NoteWrites(bare::Noted),
    /// Makes the writes of such a file, and does nothing else
    BareWrites(bare::Bare),
    /// Runs a program, and prints how many microseconds it took
    Timed(bare::Timed),
    /// Shows a function's config space as VFIO and as the host have it, and tries writes
    View(view::Arguments),
    /// Puts the guest back: no VFs, no overrides, no leftovers
    Tidy,
}

fn main() -> ExitCode {
    if rustix::process::getpid().is_init() {
        return init::run();
    }
    if std::env::args_os().nth(1).is_some_and(|word| word == virtfn_kernel::locked::WORD) {
        return virtfn_cli::run(std::env::args_os(), &mut virtfn_cli::Silent);
    }
    let outcome = match Arguments::parse().part {
        Part::Serve => serve::run(),
        Part::Ask(arguments) => match ask::run(arguments) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Part::Hold(arguments) => hold::run(&arguments),
        Part::KilledAt(arguments) => return killed::kill(arguments),
        Part::CountWrites(arguments) => return killed::count(arguments),
        Part::Netdevsim(arguments) => netdevsim::run(&arguments),
        Part::NoteWrites(arguments) => match bare::note(arguments) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Part::BareWrites(arguments) => bare::make(&arguments),
        Part::Timed(arguments) => bare::time(&arguments),
        Part::View(arguments) => view::run(&arguments),
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

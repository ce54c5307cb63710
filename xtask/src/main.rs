//! `cargo xtask`: the project's chores, in Rust, so that they run wherever the project builds.
#![allow(clippy::print_stdout, clippy::print_stderr)] // Reporting to a person is its job.

mod bench;
mod build;
mod check;
mod demo;
mod dist;
mod fuzz;
mod lab;
mod progress;
mod setup;
mod shell;
mod test;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::fuzz::FuzzArguments;
use crate::lab::{Lab, TestArguments};

/// The project's chores. On a fresh machine: `cargo xtask demo`, then `cargo xtask test`.
#[derive(Parser)]
#[command(
    bin_name = "cargo xtask",
    disable_help_subcommand = true,
    after_help = "\
While working:
  cargo xtask check                                  all that needs no machine
  cargo xtask lab run -- virtfn list                 one command on an emulated host
  cargo xtask lab run --topology no-acs -- virtfn doctor
  cargo xtask lab test vfio                          the lab tests with `vfio` in their name
docs/lab.md describes the lab; lab/topologies/ has its machines."
)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Sets up, boots an emulated host and walks the main job on it
    Demo,
    /// Runs every test: units, fixtures, lab
    Test(TestArguments),
    /// Runs all that needs no machine: formatting, lints, documentation, units, dependencies
    Check {
        /// Leaves out the units and the release build: for who runs all tests next
        #[arg(long)]
        before_tests: bool,
    },
    /// Boots emulated SR-IOV machines
    #[command(subcommand)]
    Lab(Lab),
    /// Gets what the program, the demo, the lab and the tests need; instant when all is there
    Setup,
    /// Builds what is shipped into target/dist: the static binary, a Debian package, a tarball
    Dist {
        /// Builds the last commit twice, in two folders, and compares what comes of it
        #[arg(long)]
        verify: bool,
    },
    /// Looks for inputs that break a parser, for a bounded while
    Fuzz(FuzzArguments),
    /// Measures, each beside a peer: size, start-up, memory, how a list grows, VFs from a file
    Bench {
        /// This part alone
        part: Option<bench::Part>,
    },
}

fn main() -> ExitCode {
    match run(&Arguments::parse().chore) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: &Chore) -> Result<ExitCode> {
    match chore {
        Chore::Lab(lab) => return lab::run(lab),
        Chore::Demo => demo::run()?,
        Chore::Test(arguments) => test::all(arguments)?,
        Chore::Check { before_tests } => check::check(*before_tests)?,
        Chore::Setup => setup::run()?,
        Chore::Dist { verify: true } => dist::verify()?,
        Chore::Dist { verify: false } => {
            let shipped = dist::all()?;
            for file in [shipped.binary, shipped.package, shipped.tarball] {
                println!("{}", file.display());
            }
        }
        Chore::Fuzz(arguments) => fuzz::fuzz(arguments)?,
        Chore::Bench { part } => bench::run(*part)?,
    }
    Ok(ExitCode::SUCCESS)
}

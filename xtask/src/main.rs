//! `cargo xtask`: the project's chores, in Rust, so that they run wherever the project builds.
#![allow(clippy::print_stdout, clippy::print_stderr)] // Reporting to a person is its job.

mod build;
mod lab;
mod progress;
mod setup;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The project's chores. On a fresh machine, start with `cargo xtask demo`.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Gets what the program, the demo, the lab and the tests need; instant when all is there
    Setup,
    /// Boots emulated SR-IOV machines
    #[command(subcommand)]
    Lab(lab::Lab),
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
        Chore::Setup => setup::run().map(|()| ExitCode::SUCCESS),
        Chore::Lab(lab) => lab::run(lab),
    }
}

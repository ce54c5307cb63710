//! `cargo xtask fuzz`: every parser of outside input, for a bounded while.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use virtfn_lab::programs::stdout_of;

use crate::progress::step;
use crate::workspace::{root, run};

/// Each target with the longest input that makes sense to it, in bytes.
const TARGETS: [(&str, u32); 10] = [
    ("config_space", 4096),
    ("acpi_tables", 2048),
    ("address", 64),
    ("vf_list", 4096),
    ("devlink", 1024),
    ("claims", 2048),
    ("policy", 2048),
    ("exchange", 2048),
    ("libvirt_reply", 1024),
    ("vm", 2048),
];

/// How long to look for inputs that break a parser.
#[derive(Args)]
pub(crate) struct FuzzArguments {
    /// Seconds for each target
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// This target alone
    target: Option<String>,
}

/// Builds the targets, lays out a corpus from the fixtures, and runs them one after the other.
///
/// # Errors
/// When one finds an input that breaks its parser: libFuzzer prints it and keeps it.
pub(crate) fn fuzz(arguments: &FuzzArguments) -> Result<()> {
    let folder = root().join("fuzz");
    step("Fuzzing: corpus", || run(&mut Command::new(folder.join("seed"))))?;
    let programs = step("Fuzzing: build", || stdout_of(&mut Command::new(folder.join("build"))))?;
    let programs = PathBuf::from(programs.lines().last().context("fuzz/build printed nothing")?);
    for (target, longest) in TARGETS {
        if arguments.target.as_deref().is_some_and(|wanted| wanted != target) {
            continue;
        }
        let mut command = Command::new(programs.join(target));
        command.current_dir(&folder).args(["-print_final_stats=1", "-verbosity=0"]);
        command.arg(format!("-max_len={longest}"));
        command.arg(format!("-max_total_time={}", arguments.seconds));
        command.arg(folder.join("corpus").join(target));
        step(&format!("Fuzzing {target}, {} s", arguments.seconds), || run(&mut command))?;
    }
    Ok(())
}

//! `cargo xtask bench`: what the binary costs. Times are ratios to a peer, measured in one run.

mod grow;
mod provision;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use virtfn_lab::programs::{need, stdout_of};

use crate::check::megabytes;
use crate::check::metadata::Metadata;
use crate::dist;

/// Runs of each program; one in turn with the other, so that both meet the same neighbours.
const RUNS: usize = 300;

/// Prints size, start-up, memory, dependency count, and how a list grows.
///
/// # Errors
/// When the binary does not build or run.
pub(crate) fn run() -> Result<()> {
    let program = dist::build()?;
    println!("size          {:.2} MB", megabytes(fs::metadata(&program)?.len()));
    println!("dependencies  {}", Metadata::read()?.shipped_in("virtfn-cli").len());
    println!("peak memory   {} KiB", peak_kib(&program)?);
    print_start_up(&program)?;
    grow::print(&program)?;
    provision::print()
}

fn print_start_up(program: &Path) -> Result<()> {
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    let mut version = Command::new(program);
    version.arg("--version").stdout(Stdio::null());
    let mut nothing = Command::new(need("true")?);
    for _ in 0..RUNS {
        ours.push(timed(&mut version)?);
        peer.push(timed(&mut nothing)?);
    }
    ours.sort();
    peer.sort();
    for (name, at) in [("least", 0), ("median", RUNS / 2)] {
        let (ours, peer) = (ours[at].as_secs_f64(), peer[at].as_secs_f64());
        println!(
            "start-up      {name:6} {:.2} ms, /bin/true {:.2} ms: {:.2} times",
            ours * 1e3,
            peer * 1e3,
            ours / peer
        );
    }
    Ok(())
}

fn timed(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let status = command.status().context("cannot start it")?;
    let elapsed = start.elapsed();
    ensure!(status.success(), "{:?}: {status}", command.get_program());
    Ok(elapsed)
}

/// The largest resident set of `virtfn --version`, by time(1).
fn peak_kib(program: &Path) -> Result<u64> {
    let report = tempfile::NamedTempFile::new()?;
    let mut time = Command::new(need("time")?);
    time.args(["--format", "%M", "--output"]).arg(report.path()).arg(program).arg("--version");
    stdout_of(&mut time)?;
    let text = fs::read_to_string(report.path())?;
    text.trim().parse().with_context(|| format!("time printed {text:?}"))
}

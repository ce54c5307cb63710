//! How commands that look grow with the host: on made-up hosts, beside `lspci -vv` on a dump of the
//! same functions.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use virtfn_lab::programs::need;

use crate::workspace::{cargo, run};

/// PFs of 256 VFs each: 514, 1,028 and 2,056 functions.
const PFS: [u16; 3] = [2, 4, 8];
/// What is timed: seeing, judging, predicting, drawing.
const COMMANDS: [&[&str]; 4] =
    [&["list"], &["doctor"], &["groups", "--predict"], &["topology", "--html", "/dev/null"]];
/// Runs of each; the median counts.
const RUNS: usize = 7;

/// Prints times and their ratio; instructions are a test's (`crates/cli/tests/linear.rs`).
///
/// # Errors
/// When a program is missing or fails.
pub(super) fn print(program: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    for pfs in PFS {
        let host = folder.path().join(pfs.to_string());
        let example = ["run", "--quiet", "--package", "virtfn-cli", "--example", "big-host", "--"];
        run(cargo().args(example).arg(&host).arg(pfs.to_string()).stderr(Stdio::null()))?;
        let functions = functions(&host)?;
        let dump = folder.path().join("dump");
        fs::write(&dump, dump_of(&functions)?)?;
        print_one(program, &host, &dump, functions.len())?;
    }
    Ok(())
}

fn print_one(program: &Path, host: &Path, dump: &Path, functions: usize) -> Result<()> {
    let mut peer = Command::new(need("lspci")?);
    peer.arg("-F").arg(dump).arg("-vv").stdout(Stdio::null()).stderr(Stdio::null());
    let peer = median(&mut peer)?;
    for words in COMMANDS {
        let mut ours = Command::new(program);
        ours.args(words).arg("--root").arg(host).stdout(Stdio::null()).stderr(Stdio::null());
        let ours = median(&mut ours)?;
        println!(
            "{:16} {functions:5} functions {:6.1} ms, lspci -vv {:6.1} ms: {:.2} times",
            words.join(" "),
            ours * 1e3,
            peer * 1e3,
            ours / peer
        );
    }
    Ok(())
}

fn median(command: &mut Command) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let start = std::time::Instant::now();
        let status = command.status().context("cannot start it")?;
        times.push(start.elapsed().as_secs_f64());
        // What a command found is no matter here, that it came to an end is.
        ensure!(status.code().is_some(), "{:?}: {status}", command.get_program());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[RUNS / 2])
}

/// Each function's name and the file of its config space.
fn functions(host: &Path) -> Result<Vec<(String, PathBuf)>> {
    let links = host.join("sys/bus/pci/devices");
    let mut functions = Vec::new();
    for link in fs::read_dir(&links)? {
        let link = link?;
        let name = link.file_name().to_string_lossy().into_owned();
        functions.push((name, link.path().join("config")));
    }
    functions.sort();
    Ok(functions)
}

/// The functions as `lspci -xxxx` would dump them.
fn dump_of(functions: &[(String, PathBuf)]) -> Result<String> {
    let mut dump = String::new();
    for (name, config) in functions {
        writeln!(dump, "{name} function")?;
        for (line, bytes) in fs::read(config)?.chunks(16).enumerate() {
            write!(dump, "{:02x}:", line * 16)?;
            for byte in bytes {
                write!(dump, " {byte:02x}")?;
            }
            writeln!(dump)?;
        }
        writeln!(dump)?;
    }
    Ok(dump)
}

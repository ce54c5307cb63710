//! What virtfn is timed against: one process that makes the same writes to the kernel and does
//! nothing else. The writes are those that virtfn itself made, seen at the door.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use virtfn_kernel::netlink::{Netlink, link_request, vf_request};
use virtfn_kernel::{Watch, Write};

/// What is noted, and where.
#[derive(Args)]
pub(crate) struct Noted {
    /// The file that the writes go into, a line of JSON each
    file: PathBuf,
    /// virtfn's arguments
    #[arg(last = true, required = true)]
    virtfn: Vec<OsString>,
}

/// The writes to make.
#[derive(Args)]
pub(crate) struct Bare {
    /// The file with the writes
    file: PathBuf,
}

/// What is timed.
#[derive(Args)]
pub(crate) struct Timed {
    /// A program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Runs virtfn and notes its writes.
pub(crate) fn note(arguments: Noted) -> Result<ExitCode> {
    let file = File::create(&arguments.file).context("the file for the writes")?;
    let mut notes = Notes(BufWriter::new(file));
    let words = std::iter::once("virtfn".into()).chain(arguments.virtfn);
    let code = virtfn_cli::run(words, &mut notes);
    notes.0.flush()?;
    Ok(code)
}

struct Notes(BufWriter<File>);

impl Watch for Notes {
    fn before(&mut self, write: &Write) {
        let line = serde_json::to_string(write).unwrap_or_default();
        // A note that is lost makes the peer faster, never slower.
        let _ = writeln!(self.0, "{line}");
    }

    fn after(&mut self, _: &Write) {}
}

/// Makes the writes, one after the other; the first that fails ends it.
pub(crate) fn make(arguments: &Bare) -> Result<()> {
    let text = fs::read_to_string(&arguments.file).context("the file with the writes")?;
    let mut netlink = Netlink::open()?;
    for line in text.lines() {
        let write: Write = serde_json::from_str(line)?;
        let made = match &write {
            Write::Attribute { path, value } => {
                fs::write(format!("/{path}"), value).map_err(Into::into)
            }
            Write::Vf { ifindex, vf, change } => {
                netlink.request(vf_request(*ifindex, *vf, *change), 0).map(drop).map_err(Into::into)
            }
            Write::Link { ifindex, change } => {
                netlink.request(link_request(*ifindex, change), 0).map(drop).map_err(Into::into)
            }
            // The netlink code keeps these to the door, and nothing that is timed makes them.
            Write::Eswitch { .. }
            | Write::Param { .. }
            | Write::Port { .. }
            | Write::Group { .. } => Err(anyhow!("not one to time")),
            Write::Module { module } => load(module),
        };
        made.with_context(|| write.to_string())?;
    }
    Ok(())
}

fn load(module: &str) -> Result<()> {
    let status = Command::new("modprobe").args(["--", module]).status()?;
    ensure!(status.success(), "{status}");
    Ok(())
}

/// Prints how many microseconds a program took; it must succeed.
pub(crate) fn time(arguments: &Timed) -> Result<()> {
    let (program, words) = arguments.command.split_first().context("no program")?;
    let start = Instant::now();
    let output = Command::new(program).args(words).stdin(Stdio::null()).output()?;
    let elapsed = start.elapsed();
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {}: {told}", program.display(), output.status);
    println!("{}", elapsed.as_micros());
    Ok(())
}

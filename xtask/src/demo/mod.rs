//! `cargo xtask demo`: the main job, live, on the emulated host.

mod steps;

use std::io::{self, Write};
use std::time::Instant;

use anyhow::{Result, bail};
use virtfn_lab::image::Image;
use virtfn_lab::job::Event;
use virtfn_lab::{Boot, COMMAND_LIMIT, Holder, Machine, Topology};

use self::steps::{STEPS, Step};
use crate::{build, dist, progress, setup};

/// Sets up, builds, boots, and walks the steps.
///
/// # Errors
/// When a step does not do what it must.
pub(crate) fn run() -> Result<()> {
    let start = Instant::now();
    setup::run()?;
    let virtfn = dist::build()?;
    let binaries = build::for_the_lab(Some(&virtfn))?;
    let topology = Topology::find("seed")?;
    let kernel = topology.usual_kernel().to_owned();
    let machine = progress::step("Booting a host with a dual-port 82576", || {
        Machine::boot(&Boot { topology, kernel, image: Image::Small, binaries })
    })?;
    walk(&machine)?;
    eprintln!("\nAll of it on kernel {}, in {} s.", machine.release(), start.elapsed().as_secs());
    Ok(())
}

fn walk(machine: &Machine) -> Result<()> {
    let mut holder: Option<Holder> = None;
    for step in STEPS {
        match step {
            Step::Say(sentence) => println!("\n# {sentence}"),
            Step::Run { line, exits, says } => show(machine, line, *exits, says)?,
            Step::Hold { what, address } => {
                let held = Holder::start(machine, *what, address)?;
                println!("({} holds {address}, pid {})", held.name, held.pid);
                holder = Some(held);
            }
            Step::Release => drop(holder.take()),
        }
    }
    Ok(())
}

/// Runs one command, prints it as it looks at a prompt, and holds it to its word.
fn show(machine: &Machine, line: &str, exits: i32, says: &[&str]) -> Result<()> {
    println!("\n$ {line}");
    let (status, printed) = run_aloud(machine, line)?;
    if status != 0 {
        println!("(exit status {status})");
    }
    if status != exits {
        bail!("`{line}` should exit with {exits}, not {status}");
    }
    if let Some(missing) = says.iter().find(|text| !printed.contains(**text)) {
        bail!("`{line}` should say {missing:?}");
    }
    Ok(())
}

/// Runs one command and prints what it writes as it comes; returns its status and all it wrote.
fn run_aloud(machine: &Machine, line: &str) -> Result<(i32, String)> {
    let mut job = machine.spawn_argv(["sh", "-c", line])?;
    job.close_stdin()?;
    let deadline = Instant::now() + COMMAND_LIMIT;
    let mut printed = Vec::new();
    loop {
        match job.next(deadline)? {
            Event::Stdout(bytes) | Event::Stderr(bytes) => {
                io::stdout().write_all(&bytes)?;
                io::stdout().flush()?;
                printed.extend(bytes);
            }
            Event::Ended(ending) => {
                return Ok((ending.status(), String::from_utf8_lossy(&printed).into_owned()));
            }
        }
    }
}

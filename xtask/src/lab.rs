//! `cargo xtask lab`: boots emulated machines for a person.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use virtfn_lab::image::Image;
use virtfn_lab::job::Event;
use virtfn_lab::kernel::Kernel;
use virtfn_lab::{Boot, MOST_ON_LOAN, Machine, Topology};

use crate::{build, progress, shell, workspace};

/// A person's command may take long; a machine that nobody watches shall not run for ever.
const RUN_LIMIT: Duration = Duration::from_secs(4 * 3600);

#[derive(Args)]
pub(crate) struct MachineArguments {
    /// A name from lab/topologies/, or a TOML file of the same form
    #[arg(long, default_value = "seed", value_name = "NAME|FILE")]
    topology: String,
    /// The kernel series: 6.12, 6.1, or host for this machine's own
    #[arg(long, value_name = "SERIES")]
    kernel: Option<String>,
    /// The guest's userland
    #[arg(long, value_enum, default_value_t = Userland::Small)]
    image: Userland,
    /// Boots without loading the topology's modules
    #[arg(long)]
    no_modules: bool,
    /// Takes this static program as `virtfn` instead of building one
    #[arg(long, value_name = "FILE")]
    virtfn: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Userland {
    /// An initramfs of busybox, iproute2, pciutils and the kernel's modules
    Small,
    /// The same, and the programs that virtfn is compared with: libvirt's clients
    Peers,
    /// A Debian userland with systemd as process 1, on a disk
    Full,
}

#[derive(Subcommand)]
pub(crate) enum Lab {
    /// Boots a machine, runs one command in it and exits with its status
    Run {
        #[command(flatten)]
        machine: MachineArguments,
        /// The program and its arguments; for a shell line: -- sh -c '…'
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Boots a machine and gives a prompt in it; `exit` ends it
    Shell {
        #[command(flatten)]
        machine: MachineArguments,
    },
    /// Runs the lab's tests
    Test(TestArguments),
}

#[derive(Args)]
pub(crate) struct TestArguments {
    /// Only tests whose name contains this
    filter: Option<String>,
    /// Also the long ones
    #[arg(long)]
    all: bool,
    /// Takes this static program as `virtfn` instead of building one
    #[arg(long, value_name = "FILE")]
    virtfn: Option<PathBuf>,
}

/// Does what was asked for; the guest's exit status becomes ours.
///
/// # Errors
/// When the machine does not come up or dies.
pub(crate) fn run(lab: &Lab) -> Result<ExitCode> {
    match lab {
        Lab::Run { machine, command } => run_command(&boot(machine)?, command),
        Lab::Shell { machine } => shell::run(&boot(machine)?),
        Lab::Test(arguments) => test(arguments).map(|()| ExitCode::SUCCESS),
    }
}

pub(crate) fn boot(arguments: &MachineArguments) -> Result<Machine> {
    let image = match arguments.image {
        Userland::Small => Image::Small,
        Userland::Peers => Image::Peers,
        Userland::Full => Image::Full,
    };
    let mut topology = Topology::find(&arguments.topology)?;
    if arguments.no_modules {
        topology.modules.clear();
    }
    let kernel = arguments.kernel.as_deref().unwrap_or_else(|| topology.usual_kernel()).to_owned();
    Kernel::find(&kernel)?; // Before minutes of building, not after.
    let binaries = build::for_the_lab(arguments.virtfn.as_deref())?;
    progress::step(&format!("Booting {} on {kernel}", topology.name), || {
        Machine::boot(&Boot { topology, kernel, image, binaries })
    })
}

/// Runs the lab's tests in one process, so that they share machines, a few at a time.
///
/// # Errors
/// When one fails.
pub(crate) fn test(arguments: &TestArguments) -> Result<()> {
    let binaries = build::for_the_lab(arguments.virtfn.as_deref())?;
    let mut command = workspace::cargo();
    command.args(["test", "--quiet", "--package", "virtfn-lab", "--features", "lab"]);
    command.args(["--test", "lab", "--", "--test-threads"]).arg(MOST_ON_LOAN.to_string());
    command.args(&arguments.filter);
    command.env("VIRTFN_LAB_VIRTFN", &binaries.virtfn);
    command.env("VIRTFN_LAB_GUEST", &binaries.lab_guest);
    if let Some(package) = &binaries.package {
        command.env("VIRTFN_LAB_PACKAGE", package);
    }
    if arguments.all {
        command.env("VIRTFN_LAB_ALL", "1");
    }
    progress::step("Testing in the lab", || workspace::run(&mut command))
}

fn run_command(machine: &Machine, command: &[String]) -> Result<ExitCode> {
    let mut job = machine.spawn_argv(command.iter().map(String::as_str))?;
    job.close_stdin()?;
    let deadline = Instant::now() + RUN_LIMIT;
    loop {
        match job.next(deadline)? {
            Event::Stdout(bytes) => io::stdout().write_all(&bytes)?,
            Event::Stderr(bytes) => io::stderr().write_all(&bytes)?,
            Event::Ended(ending) => {
                io::stdout().flush()?;
                return Ok(ExitCode::from(u8::try_from(ending.status()).unwrap_or(u8::MAX)));
            }
        }
    }
}

//! `virtfn run`.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use virtfn_formats::vm::{VfioArg, read_qemu_args};
use virtfn_host::VlanId;
use virtfn_kernel::SysRoot;
use virtfn_pci::Address;

use crate::args::MacChoice;
use crate::context::{Context, live_root};
use crate::error::Error;
use crate::exit::Exit;
use crate::handover::vmm::{prepare, put_back};
use crate::handover::{Wanted, look};

/// Between two looks at whether the program has ended, or should.
const PAUSE: Duration = Duration::from_millis(50);
/// How cloud-hypervisor names a function: `--device path=/sys/bus/pci/devices/0000:0b:10.0/`.
const SYSFS: &str = "path=/sys/bus/pci/devices/";

/// Arguments of `virtfn run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn run -- qemu-system-x86_64 -m 2G … -device vfio-pci,host=0b:10.0
  virtfn run --mac 52:54:00:6d:90:02 --vlan 42 -- qemu-system-x86_64 … -device vfio-pci,host=0b:10.0
  virtfn run -- cloud-hypervisor … --device path=/sys/bus/pci/devices/0000:0b:10.0/
  virtfn run --device 0b:10.0 -- dpdk-testpmd -a 0b:10.0 -- -i

Every device that the program's arguments name, and each --device, is proved idle, bound for VFIO
and set up; the program may lock as much memory as it wants. When it ends, however it does, each
device is made what it was, and virtfn ends as the program did. If virtfn itself is killed,
`virtfn detach --gone DEVICE` puts a device back.")]
pub struct Args {
    /// A device that the arguments do not show
    #[arg(long, value_name = "DEVICE")]
    device: Vec<String>,
    /// The address of the VF, where one is given: six pairs of hex digits, or `auto`
    #[arg(long, value_name = "MAC|auto")]
    mac: Option<MacChoice>,
    /// The VLAN that each VF is locked into
    #[arg(long, value_name = "1..4094")]
    vlan: Option<VlanId>,
    /// Go on although somebody loses a device by it
    #[arg(long)]
    force: bool,
    /// The program and its arguments
    #[arg(required = true, last = true, value_name = "PROGRAM")]
    command: Vec<String>,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = live_root()?;
    let devices = devices(args, &root)?;
    let program = args.command.first().cloned().unwrap_or_default();
    let name = format!("{program} of virtfn run {}", std::process::id());
    // From here on a signal ends the program, and this one after it.
    let asked_to_end = Arc::new(AtomicBool::new(false));
    let interrupted = Arc::new(AtomicBool::new(false));
    for (signal, flag) in [
        (SIGTERM, &asked_to_end),
        (SIGHUP, &asked_to_end),
        (SIGINT, &interrupted),
        (SIGQUIT, &interrupted),
    ] {
        signal_hook::flag::register(signal, Arc::clone(flag)).map_err(Error::Signals)?;
    }
    let mut prepared = Vec::new();
    let ended = prepare_all(args, &root, &devices, &name, &mut prepared, context)
        .and_then(|()| supervise(&args.command, &asked_to_end));
    let back = put_all_back(&root, &prepared, context);
    let status = ended?;
    back?;
    Ok(Exit::Program(code(status)))
}

/// The functions that the program is given, each once.
fn devices(args: &Args, root: &SysRoot) -> Result<Vec<Address>, Error> {
    let host = look(root)?;
    let mut devices = Vec::new();
    for name in &args.device {
        devices.push(host.resolve(name)?);
    }
    for argument in read_qemu_args(&args.command) {
        match argument {
            VfioArg::Vfio(device) => devices.push(host.function(device.host)?.address),
            VfioArg::Retired(retired) => return Err(Error::Retired(retired)),
        }
    }
    for word in &args.command {
        let Some((_, path)) = word.split_once(SYSFS) else { continue };
        let end = path.find(['/', ',']).unwrap_or(path.len());
        devices.push(host.resolve(&path[..end])?);
    }
    devices.sort_unstable();
    devices.dedup();
    match devices.len() {
        0 => Err(Error::NoDeviceInArguments),
        1 => Ok(devices),
        _ if matches!(args.mac, Some(MacChoice::Given(_))) => Err(Error::SharedMac),
        _ => Ok(devices),
    }
}

fn prepare_all(
    args: &Args,
    root: &SysRoot,
    devices: &[Address],
    name: &str,
    prepared: &mut Vec<Address>,
    context: &mut Context<'_>,
) -> Result<(), Error> {
    let wanted = Wanted { mac: args.mac, vlan: args.vlan, ..Wanted::default() };
    for device in devices {
        let passed = wanted.of(&look(root)?, *device)?;
        prepared.push(prepare(root, &passed, name, args.force, context)?);
    }
    Ok(())
}

/// Runs the program to its end. A signal that a terminal sends reaches it as it reaches this one; one
/// that somebody sends to this one alone is handed on.
fn supervise(command: &[String], asked_to_end: &AtomicBool) -> Result<ExitStatus, Error> {
    let (program, words) = command.split_first().ok_or(Error::NoDeviceInArguments)?;
    let failed = |source| Error::Program { program: program.clone(), source };
    let unlimited = Rlimit { current: None, maximum: None };
    // Where this is not allowed, the program says itself what it lacks.
    let _ = setrlimit(Resource::Memlock, unlimited);
    let mut child = Command::new(program).args(words).spawn().map_err(failed)?;
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(status);
        }
        if asked_to_end.swap(false, Ordering::Relaxed) {
            end(&child);
        }
        std::thread::sleep(PAUSE);
    }
}

fn end(child: &Child) {
    // One that has ended meanwhile is seen at the next look.
    let _ = kill_process(Pid::from_child(child), Signal::TERM);
}

/// Every device is tried; the first failure is told, and the hint puts that one back.
fn put_all_back(
    root: &SysRoot,
    prepared: &[Address],
    context: &mut Context<'_>,
) -> Result<(), Error> {
    let mut first = Ok(());
    for device in prepared {
        let back = put_back(root, *device, false, context).map(drop);
        if first.is_ok() {
            first = back;
        }
    }
    first
}

/// As a shell has it: a signal counts as 128 plus its number.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

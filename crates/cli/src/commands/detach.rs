//! `virtfn detach`.

use virtfn_host::Host;
use virtfn_kernel::SysRoot;
use virtfn_pci::Address;
use virtfn_render::handover::{DetachView, Handed, Held};

use super::attach::Whom;
use crate::context::{Context, live_root};
use crate::error::Error;
use crate::exit::Exit;
use crate::handover::domain::Guest;
use crate::handover::look;
use crate::handover::monitor::Machine;
use crate::handover::vmm::put_back;

/// Arguments of `virtfn detach`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn detach MyGuest 0b:10.0
  virtfn detach MyGuest 0b:10.0 --live              back at its next start
  virtfn detach MyGuest 0b:10.0 --wait 120          a guest that takes its time
  virtfn detach --qmp /run/vm.qmp 0b:10.0           a QEMU without libvirt
  virtfn detach --gone 0b:10.0                      whoever had it is gone: put it back

The guest is asked to let go of the device and waited for. Then the device gets back the driver, the
address and the VLAN that it had before `virtfn attach`. A run that was cut short is made good by the
next: the same command again.")]
pub struct Args {
    /// The guest, unless --qmp names one, and the devices
    #[arg(required = true, value_name = "VM DEVICE")]
    names: Vec<String>,
    /// No guest has the devices any more: make them what they were before
    #[arg(long, conflicts_with_all = ["live", "config", "connect", "qmp"])]
    gone: bool,
    #[command(flatten)]
    from: Whom,
    /// Print one JSON document: the devices as they are now
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = live_root()?;
    if args.gone {
        return put_back_all(args, &root, context);
    }
    let mut handed = Vec::new();
    let vm;
    if let Some(socket) = &args.from.qmp {
        let mut machine = Machine::open(socket, args.from.force, args.from.wait())?;
        for name in &args.names {
            let address = address(&look(&root)?, name)?;
            handed.push(machine.detach(&root, address, context)?);
        }
        vm = machine.name();
    } else {
        let (name, devices) = args.names.split_first().ok_or(Error::NoDevice)?;
        if devices.is_empty() {
            return Err(Error::NoDevice);
        }
        let mut guest = Guest::open(&args.from.uri()?, name, args.from.how())?;
        for device in devices {
            let address = address(&look(&root)?, device)?;
            handed.push(guest.detach(&root, address, context)?);
        }
        vm = guest.name().to_owned();
    }
    show(args, &vm, handed, context)
}

fn put_back_all(args: &Args, root: &SysRoot, context: &mut Context<'_>) -> Result<Exit, Error> {
    let mut handed = Vec::new();
    let mut whose = Vec::new();
    for name in &args.names {
        let device = look(root)?.resolve(name)?;
        let who = put_back(root, device, args.from.force, context)?;
        whose.push(who.ok_or(Error::NotGiven(device))?);
        let held = Held { live: false, config: None, changed: true };
        handed.push(Handed::of(&look(root)?, device, held));
    }
    whose.dedup();
    show(args, &whose.join(", "), handed, context)
}

/// A guest's definition may name a device that is not here any more: its address does for that.
fn address(host: &Host, name: &str) -> Result<Address, Error> {
    match (host.resolve(name), name.parse()) {
        (Ok(address), _) | (Err(_), Ok(address)) => Ok(address),
        (Err(nearest), Err(_)) => Err(nearest.into()),
    }
}

fn show(
    args: &Args,
    vm: &str,
    handed: Vec<Handed>,
    context: &mut Context<'_>,
) -> Result<Exit, Error> {
    if args.json {
        context.out.document(&DetachView::new(vm, handed))?;
    } else {
        let lines: Vec<String> = handed.iter().map(|one| one.detached(vm)).collect();
        context.out.text(&format!("{}\n", lines.join("\n")))?;
    }
    Ok(Exit::Done)
}

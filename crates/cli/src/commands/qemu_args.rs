//! `virtfn qemu-args`.

use std::collections::BTreeSet;

use virtfn_doctor::{Obstacle, obstacles};
use virtfn_formats::vm::{QemuDevice, qemu_args};
use virtfn_host::Host;
use virtfn_observe::{Facet, Look};
use virtfn_pci::Address;
use virtfn_render::words::plain;
use virtfn_render::xml::{QemuArgsDevice, QemuArgsView};

use crate::args::{Json, Root};
use crate::context::{Context, open_root};
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn qemu-args`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn qemu-args 0b:10.0
  qemu-system-x86_64 -machine q35 -m 4G … $(virtfn qemu-args eth0/0 eth0/1)
  virtfn qemu-args 41:00.0 --json | jq '.devices[].obstacles'

What is not ready yet on this host is told beside it, with the command that mends it; the arguments
are printed all the same. virtfn run -- qemu-system-x86_64 … prepares the devices itself.")]
pub struct Args {
    /// The functions
    #[arg(required = true)]
    devices: Vec<String>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    root: Root,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let look = Look::at(&[Facet::Netdevs, Facet::Holders, Facet::Groups]);
    let host = virtfn_observe::host(&root, &look)?;
    let devices = args.devices.iter().map(|device| host.resolve(device));
    let devices = devices.collect::<Result<Vec<_>, _>>()?;
    let words: Vec<QemuDevice> = devices.iter().copied().map(QemuDevice::new).collect();
    let told = devices.iter().map(|device| ready(&host, *device, &devices));
    let view = QemuArgsView::new(qemu_args(&words), told.collect::<Result<_, _>>()?);
    if args.json.json {
        context.out.document(&view)?;
    } else {
        context.out.text(&view.text())?;
        tell(&view.devices);
    }
    Ok(Exit::Done)
}

/// What is in the way of one function; others of its group that go along are not.
fn ready(host: &Host, device: Address, along: &[Address]) -> Result<QemuArgsDevice, Error> {
    let found = obstacles(host, host.function(device)?);
    let found: Vec<Obstacle> = found.into_iter().filter(|one| !goes_along(one, along)).collect();
    Ok(QemuArgsDevice {
        address: device.to_string(),
        obstacles: found.iter().map(ToString::to_string).collect(),
        hints: found.iter().flat_map(Obstacle::hints).collect(),
    })
}

/// Each of these has an obstacle of its own: its driver.
fn goes_along(obstacle: &Obstacle, along: &[Address]) -> bool {
    match obstacle {
        Obstacle::Group { busy, .. } => busy.iter().all(|(other, _)| along.contains(other)),
        _ => false,
    }
}

fn tell(devices: &[QemuArgsDevice]) {
    for device in devices {
        let address = device.address.parse::<Address>().map(Address::short);
        let short = address.unwrap_or_else(|_| device.address.clone());
        for obstacle in &device.obstacles {
            anstream::eprintln!("note: {short}: not ready: {}", plain(obstacle));
        }
    }
    let mut told = BTreeSet::new();
    let hints = devices.iter().flat_map(|device| &device.hints);
    for hint in hints.filter(|hint| told.insert(*hint)) {
        anstream::eprintln!("hint: {}", plain(hint));
    }
}

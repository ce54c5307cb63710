//! Holds a function's VFIO files open, as a virtual machine does, until told to let go.
//!
//! Prints `holding` once it holds, and ends when its standard input closes. What it leaves open is
//! chosen, because the kernel treats each differently when the VFs are to go.

use std::fs;
use std::io::{self, Read, Write};

use anyhow::{Context, Result};
use clap::ValueEnum;
use virtfn_pci::Address;
use virtfn_vfio::{Container, Device, Group, GroupId};

use crate::sysfs;

/// What to hold, and under which name.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What stays open
    what: What,
    /// A function bound to vfio-pci
    address: Address,
    /// The process's name, as `ps` and /proc/PID/comm show it (at most 15 bytes)
    #[arg(long, default_value = "vfio-holder")]
    name: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// The group alone
    Group,
    /// Group, container and device, as a virtual machine does
    Device,
    /// The device alone: the group's and the container's files are closed again
    DeviceOnly,
}

/// What keeps the function in use: dropping it lets go.
#[allow(dead_code)] // Open files are held, not read.
enum Held {
    Group(Group),
    Machine(Device, Group, Container),
    Device(Device),
}

/// Holds until standard input closes.
///
/// # Errors
/// When the function has no group, or VFIO refuses.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    fs::write("/proc/self/comm", &arguments.name).context("/proc/self/comm")?;
    let held = hold(arguments.what, arguments.address)?;
    println!("holding");
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    drop(held);
    Ok(())
}

fn hold(what: What, address: Address) -> Result<Held> {
    let group = Group::open(group_of(address)?)?;
    if matches!(what, What::Group) {
        return Ok(Held::Group(group));
    }
    let container = Container::open()?;
    group.join(&container)?;
    let device = group.device(address)?;
    device.info()?;
    Ok(match what {
        What::DeviceOnly => Held::Device(device),
        _ => Held::Machine(device, group, container),
    })
}

/// A function's IOMMU group.
///
/// # Errors
/// When it has none.
pub(crate) fn group_of(address: Address) -> Result<GroupId> {
    let link = sysfs::function(address).join("iommu_group");
    let name = sysfs::link_name(&link).with_context(|| format!("{address}: no IOMMU group"))?;
    Ok(GroupId(name.parse().with_context(|| format!("{}: {name:?}", link.display()))?))
}

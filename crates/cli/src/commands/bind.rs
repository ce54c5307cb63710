//! `virtfn bind`.

use virtfn_formats::policy::Edit;
use virtfn_host::{
    DriverChoice, DriverWish, Function, Host, Policy, VfId, VfPolicy, VfWish, is_vfio_driver,
};
use virtfn_pci::Address;

use crate::change::{self, Change, Flags};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::keep::driver_wish;

/// Arguments of `virtfn bind`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn bind 0b:00.0/0 vfio-pci     for a VM or DPDK
  virtfn bind 0b:10.0 --default      back to the driver that the kernel picks
  virtfn bind 0b:10.0 --none         to no driver

The driver is reserved through driver_override, never through new_id, which would claim every
device of the kind. Refused (exit 3) while anybody uses the function.")]
#[command(group = clap::ArgGroup::new("choice").required(true))]
pub struct Args {
    /// The function: a VF, or a whole device
    device: String,
    /// The driver that shall have it
    #[arg(group = "choice")]
    driver: Option<String>,
    /// The driver that the kernel picks by itself
    #[arg(long, group = "choice")]
    default: bool,
    /// No driver
    #[arg(long, group = "choice")]
    none: bool,
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let (root, host) = change::look()?;
    let device = host.resolve(&args.device)?;
    let function = host.function(device)?;
    let vf = function.vf();
    let choice = choice(args);
    let change = Change {
        about: vf.map_or(device, |vf| vf.pf),
        stays: "its driver stays",
        shown: &|_, function| function == device,
        edit: edit(vf, driver_wish(&choice)),
        wish: |_: &Host, policy: Policy| {
            let driver = choice.clone();
            Ok(match vf {
                Some(vf) => {
                    policy.with_vf(vf, VfPolicy { driver: Some(driver), ..VfPolicy::default() })
                }
                None => policy.with_device(device, driver),
            })
        },
    };
    change::make(&root, &change, args.flags, context, |host, steps| said(host, device, steps))
}

/// The same for a policy's file.
fn edit(vf: Option<VfId>, driver: DriverWish) -> Edit {
    match vf {
        Some(vf) => {
            let wish = VfWish { driver: Some(driver), ..VfWish::default() };
            Edit { vf: vec![(vf.index, wish)], ..Edit::default() }
        }
        None => Edit { driver: Some(driver), ..Edit::default() },
    }
}

fn choice(args: &Args) -> DriverChoice {
    match &args.driver {
        Some(driver) => DriverChoice::Named(driver.clone()),
        None if args.default => DriverChoice::Default,
        None => DriverChoice::None,
    }
}

fn said(host: &Host, device: Address, steps: usize) -> String {
    let driver = host.functions.get(&device).and_then(|function| function.driver.clone());
    let has = driver
        .as_ref()
        .map_or_else(|| "no driver has it".into(), |driver| format!("{driver} has it"));
    let already = if steps == 0 { " already; nothing was to do" } else { "" };
    let mut said = format!("{}: {has}{already}.", device.short());
    if driver.is_some_and(|driver| is_vfio_driver(&driver)) {
        said.extend(group_note(host, device));
    }
    said
}

/// A group goes to one user whole: its other members must let go of their drivers too.
fn group_note(host: &Host, device: Address) -> Option<String> {
    let group = host.groups.get(&host.functions.get(&device)?.iommu_group?)?;
    let in_the_way = |function: &&Function| {
        let other = function.address != device && !function.is_bridge();
        other && function.driver.as_deref().is_some_and(|driver| !is_vfio_driver(driver))
    };
    let members = group.members.iter().filter_map(|member| host.functions.get(member));
    let others: Vec<String> =
        members.filter(in_the_way).map(|function| function.address.short()).collect();
    (!others.is_empty()).then(|| {
        format!(
            "\nNobody can use it yet: its IOMMU group {} holds {} too, and those still have drivers of their own (virtfn groups {} says why).",
            group.id,
            others.join(", "),
            device.short()
        )
    })
}

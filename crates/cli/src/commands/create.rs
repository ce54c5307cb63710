//! `virtfn create`.

use std::str::FromStr;

use virtfn_formats::policy::Edit;
use virtfn_host::{DriverChoice, Host, MacWish, Policy, VfAdmin, VfId, VfPolicy, VfWish};
use virtfn_pci::Address;
use virtfn_render::words::count;

use crate::change::{self, Change, Flags, derived_mac, indexes, of_pf};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::keep::driver_wish;

/// Arguments of `virtfn create`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn create 0b:00.0 --vfs 7                    the kernel picks their drivers
  virtfn create eth0 --vfs 7 --mac auto            with addresses that stay the same over reboots
  virtfn create eth0 --vfs 7 --driver vfio-pci     for VMs and DPDK: no other driver sees them
  virtfn create eth0 --vfs 4 --dry-run             what would be done

The kernel changes a number of VFs by removing all of them first: when the PF has another number,
this is refused while any VF is in use. Settings that the VFs have are given back to them.")]
pub struct Args {
    /// The physical function
    #[arg(value_name = "PF")]
    pf: String,
    /// How many virtual functions it shall have
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    vfs: u16,
    /// Give each a stable address, derived from the PF's own and its number
    #[arg(long, value_name = "auto")]
    mac: Option<Auto>,
    /// Who shall drive them: a driver, `default` (the kernel's choice) or `none`
    #[arg(long, value_name = "DRIVER")]
    driver: Option<String>,
    #[command(flatten)]
    flags: Flags,
}

/// The one word that `--mac` takes for many VFs.
#[derive(Clone, Copy, Debug)]
struct Auto;

impl FromStr for Auto {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if text == "auto" {
            Ok(Self)
        } else {
            Err("only `auto`: VFs cannot share an address (virtfn set VF --mac A sets one)")
        }
    }
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let (root, host) = change::look()?;
    let pf = host.resolve(&args.pf)?;
    host.pf(pf)?;
    let change = Change {
        about: pf,
        stays: "its VFs stay",
        shown: &|host, function| of_pf(host, pf, function),
        wish: |host: &Host, policy: Policy| wish(args, host, policy, pf),
        edit: edit(args),
    };
    change::make(&root, &change, args.flags, context, |_, steps| {
        let vfs = count(args.vfs.into(), "VF", "VFs");
        if steps == 0 {
            format!("{} has {vfs} already; nothing was to do.", pf.short())
        } else {
            format!("{} has {vfs}.", pf.short())
        }
    })
}

fn wish(args: &Args, host: &Host, policy: Policy, pf: Address) -> Result<Policy, Error> {
    let mut policy = policy.with_vfs(pf, args.vfs);
    for index in indexes(args.vfs) {
        let vf = VfId { pf, index };
        let mac = args.mac.map(|Auto| derived_mac(host, vf)).transpose()?;
        let admin = VfAdmin { mac, ..VfAdmin::default() };
        let driver = args.driver.as_deref().map(choice);
        if admin != VfAdmin::default() || driver.is_some() {
            policy = policy.with_vf(vf, VfPolicy { admin, driver, ..VfPolicy::default() });
        }
    }
    Ok(policy)
}

/// The same for a policy's file.
fn edit(args: &Args) -> Edit {
    let mac = args.mac.map(|Auto| MacWish::Auto);
    let driver = args.driver.as_deref().map(|driver| driver_wish(&choice(driver)));
    let wish = VfWish { mac, driver, ..VfWish::default() };
    let vf = indexes(args.vfs).map(|vf| (vf, wish.clone())).collect();
    Edit { vfs: Some(args.vfs), vf, driver: None }
}

fn choice(text: &str) -> DriverChoice {
    match text {
        "default" => DriverChoice::Default,
        "none" => DriverChoice::None,
        driver => DriverChoice::Named(driver.to_owned()),
    }
}

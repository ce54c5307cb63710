//! `virtfn groups`.

use virtfn_host::{Cpu, Host};
use virtfn_observe::{Facet, Look};
use virtfn_pci::Address;
use virtfn_predict::{CannotSuppose, with_vfs};
use virtfn_render::groups::Groups;
use virtfn_render::words::plain;

use crate::args::{Json, Root};
use crate::context::{Context, open_root};
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn groups`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn groups                    every IOMMU group, as the kernel made it
  virtfn groups 0c:00.0            may it go to a VM by itself?
  virtfn groups 0c:00.0 0d:00.0    may these two go to different VMs?
  virtfn groups --predict          the groups that there would be with the IOMMU on
  virtfn groups --predict --vfs 7 0b:00.0
                                   and with seven VFs on this PF

A prediction follows the rules of Linux 6.12. Exit code 5 says that some port on the way could not be
seen, and may change the answer.")]
pub struct Args {
    /// The functions in question; none: all groups
    devices: Vec<String>,
    /// Show the groups that the kernel would make, from config space and the firmware's tables
    #[arg(long)]
    predict: bool,
    /// Suppose this many VFs on the PFs in question (none: on every PF that can have them)
    #[arg(long, value_name = "N", requires = "predict",
          value_parser = clap::value_parser!(u16).range(1..))]
    vfs: Option<u16>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    root: Root,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let mut facets = vec![Facet::Groups, Facet::Config, Facet::Names, Facet::Kernel];
    if args.predict {
        facets.extend([Facet::Firmware, Facet::Details]);
    }
    if args.devices.iter().any(|device| device.ends_with("/any")) {
        facets.extend([Facet::Netdevs, Facet::Holders]);
    }
    let host = virtfn_observe::host(&root, &Look::at(&facets))?;
    let asked = args.devices.iter().map(|device| host.resolve(device));
    let asked = asked.collect::<Result<Vec<_>, _>>()?;
    let groups = if args.predict {
        if host.kernel.cpu.known().is_some_and(Cpu::is_power) {
            return Err(Error::GroupsByFirmware);
        }
        Groups::predicted(&suppose(host, &asked, args.vfs)?, &asked)
    } else {
        Groups::of(&host, &asked)
    };
    let out = &mut context.out;
    if args.json.json {
        out.document(&groups)?;
    } else {
        out.text(&groups.text(out.page()))?;
    }
    Ok(if groups.is_whole() { Exit::Done } else { Exit::Unseen })
}

/// The host with the VFs that are asked for: on the PFs in question, or as many as each can have.
fn suppose(host: Host, asked: &[Address], vfs: Option<u16>) -> Result<Host, Error> {
    let Some(vfs) = vfs else { return Ok(host) };
    if asked.is_empty() {
        let pfs: Vec<(Address, u16)> = host
            .functions
            .values()
            .filter_map(|function| Some((function.address, function.pf()?.total_vfs.min(vfs))))
            .collect();
        return suppose_where_possible(host, &pfs);
    }
    let is_pf = |address: &&Address| host.pf(**address).is_ok();
    let pfs: Vec<Address> = asked.iter().filter(is_pf).copied().collect();
    if let (true, Some(first)) = (pfs.is_empty(), asked.first()) {
        host.pf(*first)?;
    }
    pfs.into_iter().try_fold(host, |host, pf| Ok(with_vfs(&host, pf, vfs)?))
}

/// A PF that cannot have VFs is left out, and said; when none can, there is nothing to suppose.
fn suppose_where_possible(host: Host, pfs: &[(Address, u16)]) -> Result<Host, Error> {
    let (mut supposed, mut refused) = (host, Vec::new());
    for (pf, vfs) in pfs {
        match with_vfs(&supposed, *pf, *vfs) {
            Ok(more) => supposed = more,
            Err(why @ CannotSuppose::NoRoom { .. }) => refused.push(why),
            Err(other) => return Err(other.into()),
        }
    }
    if refused.len() == pfs.len()
        && let Some(first) = refused.first()
    {
        return Err(first.clone().into());
    }
    for why in refused {
        anstream::eprintln!("note: {}", plain(&why.to_string()));
    }
    Ok(supposed)
}

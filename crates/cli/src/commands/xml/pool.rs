//! `virtfn xml network`.

use virtfn_formats::vm::{Pool, PoolOf};
use virtfn_observe::{Facet, Look};
use virtfn_render::xml::XmlView;

use crate::args::{Json, Root};
use crate::context::{Context, open_root, resolve};
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn xml network`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn xml network eth0 > pool.xml && virsh net-define pool.xml
  virtfn xml network eth0 --name vfs

A guest's <interface type='network'><source network='vfs'/></interface> then takes the first VF that
is free. A pool names its PF by interface; where it has none, the VFs that there are by address.")]
pub(super) struct Args {
    /// The physical function
    #[arg(value_name = "PF")]
    device: String,
    /// What the network is called [default: virtfn-PF]
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    root: Root,
}

/// libvirt has its file by this name.
fn name(text: &str) -> Result<String, String> {
    let sound = !text.is_empty() && !text.contains(['/', '\n']);
    sound.then(|| text.to_owned()).ok_or_else(|| "a name without / and line breaks".to_owned())
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let address = resolve(&root, &args.device)?;
    let host = virtfn_observe::host(&root, &Look::at(&[Facet::Netdevs]))?;
    let (function, pf) = host.pf(address)?;
    let netdev = function.netdevs.first();
    let of = match netdev {
        Some(netdev) => PoolOf::Pf(netdev.clone()),
        None if pf.vfs.is_empty() => return Err(Error::NoPool(address)),
        None => PoolOf::Vfs(pf.vfs.values().copied().collect()),
    };
    let own_name =
        || format!("virtfn-{}", netdev.cloned().unwrap_or_else(|| address.libvirt_name()));
    let name = args.name.clone().unwrap_or_else(own_name);
    let xml = Pool { name, managed: true, of }.xml();
    super::print(XmlView::new("network", address.to_string(), xml, Vec::new()), args.json, context)
}

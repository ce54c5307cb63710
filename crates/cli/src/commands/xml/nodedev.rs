//! `virtfn xml nodedev`.

use virtfn_formats::vm::nodedev_xml;
use virtfn_host::Seen;
use virtfn_observe::{Facet, Look};
use virtfn_pci::Looked;
use virtfn_render::xml::XmlView;

use crate::args::{Json, Root};
use crate::context::{Context, open_root, resolve};
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn xml nodedev`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn xml nodedev eth0         a PF: how many VFs it can have, and which there are
  virtfn xml nodedev eth0/0       a VF: which PF it is of, and its IOMMU group
  virtfn xml nodedev 0b:00.0 --root host.tar.zst

It is what virsh nodedev-dumpxml prints, without a card's vital product data and mediated devices.
Exit code 5 says that config space could not be seen, and with it the kind of bridge and the links.")]
pub(super) struct Args {
    /// The function
    device: String,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    root: Root,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let address = resolve(&root, &args.device)?;
    let look = Look::at(&[Facet::Config, Facet::Names, Facet::Groups]).of([address]);
    let host = virtfn_observe::host(&root, &look)?;
    let function = host.function(address)?;
    let left_out = |why: &str| format!("the kind of bridge and the links are left out: {why}");
    let notes = match &function.config {
        Seen::Unreadable(unreadable) => vec![left_out(&unreadable.to_string())],
        Seen::Known(config) if matches!(config.capabilities().express(), Looked::NotVisible(_)) => {
            vec![left_out("root alone sees more than 64 bytes of config space")]
        }
        Seen::Known(_) | Seen::Absent => Vec::new(),
    };
    let xml = nodedev_xml(&host, address).unwrap_or_default();
    super::print(XmlView::new("nodedev", address.to_string(), xml, notes), args.json, context)
}

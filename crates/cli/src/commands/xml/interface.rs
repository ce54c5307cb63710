//! `virtfn xml interface`.

use clap::ValueEnum;
use virtfn_formats::vm::{Interface, Passed, Source, Teaming, Way};
use virtfn_host::{Host, Seen, VfAdmin, VfId, VlanId};
use virtfn_observe::{Facet, Look};
use virtfn_render::xml::XmlView;

use crate::args::{Json, MacChoice, Root};
use crate::change::derived_mac;
use crate::context::{Context, open_root, resolve};
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn xml interface`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn xml interface eth0/0 --mac 52:54:00:6d:90:02 --vlan 42 > vf.xml
  virtfn xml interface eth0/0                 with the address and VLAN that the VF has now
  virtfn xml interface eth0/0 --virtualport 802.1Qbh --profile finance
  virtfn xml interface eth0/0 --teaming ua-net0    leaves for a migration while ua-net0 stays

libvirt sets address and VLAN of the VF when a guest takes it, and puts them back afterwards. XML
without a VLAN clears the one that the VF has: so it is in there, unless --vlan says another.")]
pub(super) struct Args {
    /// The virtual function
    device: String,
    /// Its address, or `auto` for one derived from its PF's [default: the one that the PF has set]
    #[arg(long, value_name = "MAC|auto")]
    mac: Option<MacChoice>,
    /// Its VLAN; 0 for none [default: the one that the PF has set]
    #[arg(long, value_name = "0..4094", conflicts_with = "virtualport")]
    vlan: Option<VlanId>,
    /// Have the switch apply a profile; few switches and NICs (Cisco's VM-FEX) know it
    #[arg(long, value_name = "KIND", requires = "profile")]
    virtualport: Option<Port>,
    /// The profile's name
    #[arg(long, value_name = "NAME", requires = "virtualport", value_parser = profile)]
    profile: Option<String>,
    /// Pair it with a virtio interface of the guest, by the alias of that
    #[arg(long, value_name = "ALIAS")]
    teaming: Option<String>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    root: Root,
}

/// Kinds of virtual ports that a VF can have.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Port {
    /// 802.1Qbh, which became 802.1BR
    #[value(name = "802.1Qbh")]
    Qbh,
}

fn profile(text: &str) -> Result<String, String> {
    // PORT_PROFILE_MAX is 40, with the zero behind it (linux/if_link.h).
    let fits = (1..=39).contains(&text.len());
    fits.then(|| text.to_owned()).ok_or_else(|| "1 to 39 bytes".to_owned())
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.root.as_deref())?;
    let address = resolve(&root, &args.device)?;
    let look = Look::at(&[Facet::Netdevs, Facet::Admin]).of([address]);
    let host = virtfn_observe::host(&root, &look)?;
    let function = host.function(address)?;
    let Some(vf) = function.vf().filter(|_| function.ids.class >> 16 == 2) else {
        return Err(Error::NoInterface { device: address, is_vf: function.vf().is_some() });
    };
    let (now, mut notes) = settings(&host, vf);
    if args.mac.is_some() && (args.vlan.is_some() || args.virtualport.is_some()) {
        notes.clear();
    }
    let mac = match args.mac {
        Some(MacChoice::Given(mac)) => Some(mac),
        Some(MacChoice::Auto) => Some(derived_mac(&host, vf)?),
        None => now.mac.filter(|mac| mac.is_unicast()),
    };
    let vlan = args.vlan.or(now.vlan.filter(|_| args.virtualport.is_none()));
    let profile = args.profile.clone();
    let vlan = vlan.filter(|vlan| vlan.value() != 0);
    let way = Way::Interface(Interface { source: Source::Vf(address), mac, vlan, profile });
    let teaming = args.teaming.clone().map(|persistent| Teaming::Transient { persistent });
    let xml = Passed { teaming, ..Passed::new(way) }.xml();
    super::print(XmlView::new("interface", address.to_string(), xml, notes), args.json, context)
}

/// What the PF's driver says of the VF, and what could not be seen of that.
fn settings(host: &Host, vf: VfId) -> (VfAdmin, Vec<String>) {
    let unseen = |why: String| {
        let note = format!("the VF's address and VLAN could not be seen, and are left out: {why}");
        (VfAdmin::default(), vec![note])
    };
    let admin = host.pf(vf.pf).map(|(_, pf)| &pf.admin);
    match admin {
        Ok(Seen::Known(all)) => match all.get(&vf.index) {
            Some(admin) => (admin.clone(), Vec::new()),
            None => unseen("the kernel tells nothing of it".into()),
        },
        Ok(Seen::Absent) | Err(_) => unseen("no interface of its PF tells of it here".into()),
        Ok(Seen::Unreadable(unreadable)) => unseen(unreadable.to_string()),
    }
}

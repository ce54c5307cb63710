//! `virtfn attach`.

use std::path::PathBuf;
use std::time::Duration;

use virtfn_formats::vm::{Nic, Passed, Teaming, read_device};
use virtfn_host::VlanId;
use virtfn_kernel::SysRoot;
use virtfn_render::handover::{AttachView, Handed};
use virtfn_virt::handover::Asked;
use virtfn_virt::{Affect, Uri};

use crate::args::MacChoice;
use crate::context::{Context, live_root};
use crate::error::Error;
use crate::exit::Exit;
use crate::file;
use crate::handover::domain::{Guest, How};
use crate::handover::monitor::Machine;
use crate::handover::{Wanted, look};

/// Arguments of `virtfn attach`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn attach MyGuest 0b:10.0 --mac 52:54:00:6d:90:02 --vlan 42
  virtfn attach MyGuest 0b:00.0/any                 any VF that nobody uses
  virtfn attach MyGuest 41:00.0                     a whole device, as it is
  virtfn attach MyGuest 0b:10.0 --config            from its next start on
  virtfn attach MyGuest --xml vf.xml                what an XML file says
  virtfn attach MyGuest 0b:10.0 --failover ua-net0  leaves for a migration, virtio stays
  virtfn attach --qmp /run/vm.qmp 0b:10.0           a QEMU without libvirt

Without --live and --config the device goes into all that there is: the machine that runs, and the
definition that lasts. A VF keeps the address and the VLAN that it has, unless others are named; what
it was is written down, and `virtfn detach` makes it that again. Refused (exit 3) while anybody else
uses the device.")]
pub struct Args {
    /// The guest, unless --qmp names one, and the devices
    #[arg(required = true, value_name = "VM DEVICE")]
    names: Vec<String>,
    /// The VF's address: six pairs of hex digits, or `auto` for one derived from its PF's
    #[arg(long, value_name = "MAC|auto")]
    mac: Option<MacChoice>,
    /// The VLAN that the VF is locked into
    #[arg(long, value_name = "1..4094")]
    vlan: Option<VlanId>,
    /// The kind of profile that the switch applies: 802.1Qbh is the one for VFs
    #[arg(long, value_name = "802.1Qbh", value_parser = ["802.1Qbh"], requires = "profile")]
    virtualport: Option<String>,
    /// The profile that the switch applies
    #[arg(long, value_name = "NAME", requires = "virtualport", conflicts_with = "vlan")]
    profile: Option<String>,
    /// The guest's virtio interface, by its alias, that stays while the VF is away for a migration
    #[arg(long, value_name = "ALIAS")]
    failover: Option<String>,
    /// The VFIO driver that shall have the device, as mlx5_vfio_pci
    #[arg(long, value_name = "DRIVER")]
    model: Option<String>,
    /// Take the device from an XML file, as virsh attach-device does
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mac", "vlan", "profile", "failover", "model", "qmp"])]
    xml: Option<PathBuf>,
    /// The port of the guest that it is plugged into (with --qmp)
    #[arg(long, value_name = "ID", requires = "qmp")]
    bus: Option<String>,
    #[command(flatten)]
    to: Whom,
    /// Print the device as libvirt would be given it, and do nothing
    #[arg(long, conflicts_with = "qmp")]
    dry_run: bool,
    /// Print one JSON document: the devices as they are now
    #[arg(long)]
    json: bool,
}

/// Which guest, and how it is treated: the same for `detach`.
#[derive(Debug, clap::Args)]
pub(super) struct Whom {
    /// Change the machine that runs
    #[arg(long)]
    live: bool,
    /// Change the definition that lasts
    #[arg(long)]
    config: bool,
    /// The libvirt to speak to
    #[arg(long, value_name = "URI", default_value = "qemu:///system")]
    connect: String,
    /// The monitor of a QEMU that runs without libvirt (-qmp unix:SOCKET,server=on,wait=off)
    #[arg(long, value_name = "SOCKET", conflicts_with_all = ["live", "config", "connect"])]
    pub(super) qmp: Option<PathBuf>,
    /// How long the guest may take to let go of a device
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    wait: u64,
    /// Go on although somebody loses the device by it
    #[arg(long)]
    pub(super) force: bool,
}

impl Whom {
    pub(super) fn uri(&self) -> Result<Uri, Error> {
        Ok(self.connect.parse()?)
    }

    pub(super) const fn how(&self) -> How {
        let asked = match (self.live, self.config) {
            (false, false) => Asked::Nothing,
            (true, false) => Asked::Live,
            (false, true) => Asked::Config,
            (true, true) => Asked::Both,
        };
        How { asked, force: self.force, wait: self.wait() }
    }

    pub(super) const fn wait(&self) -> Duration {
        Duration::from_secs(self.wait)
    }
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = live_root()?;
    if let Some(socket) = &args.to.qmp {
        let mut machine = Machine::open(socket, args.to.force, args.to.wait())?;
        let mut handed = Vec::new();
        for name in &args.names {
            let host = look(&root)?;
            let passed = wanted(args, args.mac).of(&host, host.resolve(name)?)?;
            handed.push(machine.attach(&root, &passed, args.bus.clone(), context)?);
        }
        return show(args, &machine.name(), handed, context);
    }
    let (vm, devices) = args.names.split_first().ok_or(Error::NoDevice)?;
    let mut guest = Guest::open(&args.to.uri()?, vm, args.to.how())?;
    let passed = passed(args, &root, &guest, devices)?;
    if args.dry_run {
        return preview(&mut guest, &root, &passed, context);
    }
    let mut handed = Vec::new();
    for passed in &passed {
        handed.push(guest.attach(&root, passed, context)?);
    }
    show(args, vm, handed, context)
}

/// The devices that are meant, as the guest shall be given them.
fn passed(
    args: &Args,
    root: &SysRoot,
    guest: &Guest,
    devices: &[String],
) -> Result<Vec<Passed>, Error> {
    if let Some(path) = &args.xml {
        if !devices.is_empty() {
            return Err(Error::FileAndDevice);
        }
        let text = file::read(path)?;
        let told = |fault: virtfn_formats::Fault| Error::Xml {
            fault: fault.show(&path.display().to_string(), &text),
        };
        return Ok(vec![read_device(&text).map_err(told)?]);
    }
    if devices.is_empty() {
        return Err(Error::NoDevice);
    }
    if devices.len() > 1 && matches!(args.mac, Some(MacChoice::Given(_))) {
        return Err(Error::SharedMac);
    }
    let mac = match &args.failover {
        Some(alias) => Some(partner(guest, alias, args.mac)?),
        None => args.mac,
    };
    let mut all: Vec<Passed> = Vec::new();
    for device in devices {
        let host = look(root)?;
        let address = host.resolve(device)?;
        all.push(wanted(args, mac).of(&host, address)?);
    }
    Ok(all)
}

fn wanted(args: &Args, mac: Option<MacChoice>) -> Wanted {
    Wanted {
        mac,
        vlan: args.vlan,
        profile: args.profile.clone(),
        failover: args.failover.clone(),
        driver: args.model.clone(),
    }
}

/// The address of the virtio interface that stays: both of a failover pair have the same.
fn partner(guest: &Guest, alias: &str, asked: Option<MacChoice>) -> Result<MacChoice, Error> {
    let nics = guest.definition().map_or(&[][..], |definition| &definition.nics);
    let is_it = |nic: &&Nic| nic.alias.as_deref() == Some(alias);
    let stays = |nic: &Nic| nic.teaming == Some(Teaming::Persistent);
    let failed = |why| Error::NoPartner { vm: guest.name().into(), alias: alias.into(), why };
    let nic = nics.iter().find(is_it).ok_or_else(|| failed("it has no interface of this alias"))?;
    if nic.model.as_deref() != Some("virtio") || !stays(nic) {
        return Err(failed(
            "its interface of this alias is no virtio one with <teaming type='persistent'/>",
        ));
    }
    match (nic.mac, asked) {
        (Some(mac), None) => Ok(MacChoice::Given(mac)),
        (Some(mac), Some(MacChoice::Given(other))) if mac == other => Ok(MacChoice::Given(mac)),
        (Some(_), Some(_)) => Err(failed("both of a pair have one address, and --mac is another")),
        (None, _) => Err(failed("its interface of this alias has no address")),
    }
}

fn preview(
    guest: &mut Guest,
    root: &SysRoot,
    passed: &[Passed],
    context: &mut Context<'_>,
) -> Result<Exit, Error> {
    for passed in passed {
        let preview = guest.preview(root, passed)?;
        let place = match preview.affect {
            None => "has it already; nothing would be done",
            Some(Affect::Live) => "would get it, in the machine that runs",
            Some(Affect::Config) => "would get it, in the definition that lasts",
            Some(Affect::Both) => "would get it, now and at each start",
        };
        context.out.text(&format!("{} {place}:\n\n{}", guest.name(), preview.xml))?;
    }
    Ok(Exit::Done)
}

fn show(
    args: &Args,
    vm: &str,
    handed: Vec<Handed>,
    context: &mut Context<'_>,
) -> Result<Exit, Error> {
    if args.json {
        context.out.document(&AttachView::new(vm, handed))?;
    } else {
        let lines: Vec<String> = handed.iter().map(|one| one.attached(vm)).collect();
        context.out.text(&format!("{}\n", lines.join("\n")))?;
    }
    Ok(Exit::Done)
}

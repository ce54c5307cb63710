//! What can go wrong, and what to type next.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;

use virtfn_apply::ApplyError;
use virtfn_formats::vm::Retired;
use virtfn_host::{Nearest, Place, Unreadable, VfId};
use virtfn_kernel::ArchiveError;
use virtfn_pci::Address;
use virtfn_predict::{CannotSuppose, NoView};
use virtfn_render::paint::Tone;
use virtfn_render::words::plain;
use virtfn_virt::VirtError;
use virtfn_virt::handover::{Obstacle, Place as NoPlace};

use crate::exit::Exit;
use crate::refusal;

/// Why a command failed. Each says `OBJECT: WHAT FAILED: WHY`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A device that is not here, or is not what is meant.
    #[error(transparent)]
    Device(#[from] Nearest),
    /// A rule that doctor does not have.
    #[error(transparent)]
    Rule(Nearest),
    /// A word that is no use for a function.
    #[error(transparent)]
    Use(#[from] virtfn_doctor::UnknownUse),
    /// A recording that cannot be read or written.
    #[error(transparent)]
    Recording(#[from] ArchiveError),
    /// The machine cannot be looked at.
    #[error(transparent)]
    Look(#[from] virtfn_observe::Error),
    /// The machine's files cannot be reached at all.
    #[error("/: cannot be opened")]
    Root(#[source] io::Error),
    /// Standard output cannot be written.
    #[error("standard output: cannot be written")]
    Output(#[from] io::Error),
    /// A change that was refused, or failed.
    #[error("{}", refusal::headline(object, stays, error))]
    Apply {
        /// What it was about.
        object: String,
        /// What stays as it is.
        stays: String,
        /// Why.
        error: ApplyError,
    },
    /// A machine whose groups firmware makes.
    #[error(
        "groups: cannot be predicted: on POWER firmware says which devices go together, not ACS"
    )]
    GroupsByFirmware,
    /// A function that goes to no guest.
    #[error("{}: no guest's view: {why}", address.short())]
    NoGuest {
        /// Which.
        address: Address,
        /// Why not.
        why: NoView,
    },
    /// VFs that a PF cannot have.
    #[error(transparent)]
    Suppose(#[from] CannotSuppose),
    /// A PF without a MAC from which others could be derived.
    #[error("{0}: no address can be derived: its PF has no network interface here")]
    NoMac(VfId),
    /// A function that libvirt does not take as an interface.
    #[error("{}: no <interface>: {}", device.short(), if *is_vf {
        "it is no VF of a NIC, and libvirt sets an address through the PF's network interface"
    } else {
        "Interface type hostdev is currently supported on SR-IOV Virtual Functions only"
    })]
    NoInterface {
        /// The function.
        device: Address,
        /// Is it a VF, if of no NIC?
        is_vf: bool,
    },
    /// A PF of which no pool can be made.
    #[error("{}: no pool: it has neither a network interface nor VFs", .0.short())]
    NoPool(Address),
    /// A host whose name is not known.
    #[error("the node's name is not known: this host has none in /etc/hostname")]
    NoNode,
    /// A file that is there already.
    #[error("{}: not written: it is there already", .0.display())]
    Exists(PathBuf),
    /// A command that has no man page.
    #[error("{command}: no man page: there is no such command")]
    NoPage {
        /// What was asked for.
        command: String,
        /// Those that there are.
        commands: Vec<String>,
    },
    /// A file that cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A policy file with faults: each as a person reads it, over several lines.
    #[error("{}", faults.join("\n"))]
    Policy {
        /// The faults.
        faults: Vec<String>,
    },
    /// The machine has no policy, and none was named.
    #[error("/etc/virtfn/policy.yaml: there is no policy")]
    NoPolicy,
    /// The machine's policy cannot be seen.
    #[error("/{0}")]
    PolicyUnseen(Unreadable),
    /// Entries of a policy that cannot be followed on this machine, a sentence each.
    #[error("{}", .0.join("\n"))]
    Unmatched(Vec<String>),
    /// Devices that another program's configuration lays down too, a sentence each.
    #[error("nothing was changed: {}", .0.join("\n"))]
    Owned(Vec<String>),
    /// A change that the next apply would undo.
    #[error("{}: nothing was changed: {place} declares something else, and the next apply would undo it", device.short())]
    Declared {
        /// The device.
        device: Address,
        /// Where it is declared.
        place: Place,
    },
    /// A change that shall be kept in a policy which does not declare the device.
    #[error("{}: nothing was changed: the policy in /etc/virtfn does not declare it, so there is no place for the change", .0.short())]
    Undeclared(Address),
    /// A change that was made, and that its policy's file does not have.
    #[error("{}: the change is made on the machine, and not in the file", path.display())]
    NotSaved {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        why: virtfn_formats::policy::CannotEdit,
    },
    /// A PF that cannot be taken over, a sentence each.
    #[error("nothing was changed: {}", .0.join("\n"))]
    CannotAdopt(Vec<String>),
    /// Nothing of a format that would be a policy.
    #[error("{format}: nothing of it here is about SR-IOV")]
    NothingImported {
        /// The format.
        format: String,
        /// Where its files would be.
        places: Vec<String>,
    },
    /// An export of which nothing is left.
    #[error("{format}: nothing of the policy can be written in it")]
    NothingExported {
        /// The format.
        format: String,
    },
    /// One of virtfn's own files that is not as it shall be.
    #[error(transparent)]
    OwnFile(#[from] virtfn_apply::files::FileError),
    /// The program lies where the next start may not find it.
    #[error("{}: may be gone at the next start", program.display())]
    Passing {
        /// Where.
        program: PathBuf,
    },
    /// Files that are in place, and that somebody has yet to read.
    #[error("{}", failed.iter().map(|(line, why)| format!("`{line}` failed: {why}")).collect::<Vec<_>>().join("\n"))]
    NotInEffect {
        /// Each command, and why it failed.
        failed: Vec<(String, String)>,
    },
    /// No builder of initial RAM disks that is known.
    #[error("initramfs: neither initramfs-tools nor dracut is here")]
    NoInitramfs,
    /// No boot loader that is known.
    #[error(
        "kernel's command line: not changed: no boot loader is here that virtfn knows (GRUB with update-grub, kernel-install, proxmox-boot-tool)"
    )]
    NoLoader {
        /// What is to be added to it.
        flags: String,
    },
    /// libvirt or QEMU.
    #[error("{}", explained(.0))]
    Virt(#[from] VirtError),
    /// What stands in the way of a device and a guest.
    #[error("{}", .0.iter().map(|one| one.what.as_str()).collect::<Vec<_>>().join("\n"))]
    Obstacles(Vec<Obstacle>),
    /// A guest that has not what was asked for.
    #[error("{vm}: {why}")]
    NoPlace {
        /// The guest.
        vm: String,
        /// What it has not.
        why: NoPlace,
    },
    /// No device was named.
    #[error("no device: a guest and a device are meant")]
    NoDevice,
    /// A program whose arguments name no device.
    #[error("no device: the program's arguments name none, and neither does --device")]
    NoDeviceInArguments,
    /// An argument of what is no more.
    #[error("{}: no QEMU takes this any more: {}", .0.written, .0.why())]
    Retired(Retired),
    /// Signals that cannot be caught.
    #[error("signals: cannot be caught")]
    Signals(#[source] io::Error),
    /// A program that cannot be run.
    #[error("{program}: cannot be run")]
    Program {
        /// Which.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A device of which nothing was written down.
    #[error("{}: nothing is to be put back: no guest was given it by virtfn since this host started", .0.short())]
    NotGiven(Address),
    /// A file and a device were named.
    #[error("the XML file says which device, and another was named")]
    FileAndDevice,
    /// One address for several devices.
    #[error("--mac: one address, and more than one device")]
    SharedMac,
    /// Settings for a device that has none.
    #[error("{}: no VF of a network card whose PF has an interface here: it has no address or VLAN to set", .0.short())]
    NoSettings(Address),
    /// An XML file with a fault, as a person reads it.
    #[error("{fault}")]
    Xml {
        /// The fault.
        fault: String,
    },
    /// A guest without the interface that is to stay.
    #[error("{vm}: {alias}: {why}")]
    NoPartner {
        /// The guest.
        vm: String,
        /// The alias.
        alias: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A guest that has a device with other settings.
    #[error("{}: {vm} has it already, with {has}", device.short())]
    HasOther {
        /// The device.
        device: Address,
        /// The guest.
        vm: String,
        /// Its settings.
        has: String,
    },
    /// A device that a guest's process has and its manager does not know of.
    #[error("{}: {holder} of {vm} holds it, and libvirt does not know: its daemon was stopped while it attached or detached it", device.short())]
    Limbo {
        /// The device.
        device: Address,
        /// The guest.
        vm: String,
        /// Its process.
        holder: String,
    },
    /// A file that cannot be written.
    #[error("{}: cannot be written", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// The exit code that it ends in.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Apply { error, .. } => refusal::exit(error),
            Self::Owned(_) | Self::Declared { .. } | Self::CannotAdopt(_) => Exit::Refused,
            Self::Obstacles(all) => obstacles_exit(all),
            Self::NoDevice | Self::NoDeviceInArguments | Self::FileAndDevice | Self::SharedMac => {
                Exit::Usage
            }
            _ => Exit::Failed,
        }
    }

    /// What to type next, a command or a sentence each.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Device(device) => device_hints(device),
            Self::Rule(rule) => rule_hints(rule),
            Self::Apply { object, error, .. } => refusal::hints(object, error),
            Self::NoMac(vf) => {
                vec![format!("virtfn set {vf} --mac 52:54:00:12:34:56 sets one of your own")]
            }
            Self::NoInterface { device, .. } => {
                vec![format!("virtfn xml hostdev {} gives it as it is", device.short())]
            }
            Self::NoPool(pf) => {
                vec![format!("virtfn create {} --vfs N makes VFs", pf.short())]
            }
            Self::NoNode => vec!["--node NAME says it".into()],
            Self::Recording(ArchiveError::Unsound { .. }) => {
                vec!["a recording is a file made by `virtfn record`, or a folder with sys/ and proc/ in it".into()]
            }
            Self::Exists(path) => {
                vec![format!("to write over it: virtfn record {} --force", path.display())]
            }
            Self::NoPage { commands, .. } => vec![format!("commands: {}", commands.join(", "))],
            Self::Suppose(CannotSuppose::NotSeen(_)) => {
                vec!["root sees it; where there is none, virtfn doctor says why".into()]
            }
            Self::NoPolicy => vec!["virtfn plan --help shows one; -f FILE names another".into()],
            Self::Declared { place, .. } => vec![
                "to change the file too: the same command with --save".into(),
                format!("or change {} and apply it", place.path),
            ],
            Self::Undeclared(device) => vec![
                format!("virtfn import live {} prints an entry for it", device.short()),
                "to change the machine alone: the same command without --save".into(),
            ],
            Self::NotSaved { .. } => vec!["virtfn status shows what the file would undo".into()],
            Self::Unmatched(_) => vec!["virtfn list shows the PFs that are here".into()],
            Self::Owned(_) => vec![
                "virtfn adopt PF --dry-run shows what taking it over would change".into(),
                "or take the device out of that file, or out of the policy: two owners undo each other's work".into(),
                "to go on all the same: the same command with --force".into(),
            ],
            Self::Suppose(CannotSuppose::NoRoom { pf, .. }) => {
                vec![format!("virtfn doctor {} says what mends it", pf.short())]
            }
            Self::NoGuest { address, .. } => {
                vec![format!("virtfn show {} shows what it is", address.short())]
            }
            Self::GroupsByFirmware => {
                vec!["virtfn groups shows those that the kernel made of it".into()]
            }
            Self::CannotAdopt(_) => {
                vec!["what is to be done by hand is in that file; then the same command again".into()]
            }
            Self::NothingImported { places, .. } => {
                vec![format!("looked for: {}; or name files behind the format", places.join(", "))]
            }
            Self::NothingExported { .. } => {
                vec!["docs/formats.md lists what each format holds".into()]
            }
            Self::OwnFile(virtfn_apply::files::FileError::Foreign(path)) => {
                vec![format!("move {} away, and run this again", path.display())]
            }
            Self::Passing { program } => vec![
                format!("install -m 755 {} /usr/local/bin/virtfn", program.display()),
                "and then: /usr/local/bin/virtfn install".into(),
            ],
            Self::NotInEffect { .. } => {
                vec!["the files are in place; the same command again runs these again".into()]
            }
            Self::NoInitramfs => vec![
                "put /usr/bin/virtfn and /etc/virtfn into the image, and have its start run: virtfn apply".into(),
            ],
            Self::NoLoader { flags } => vec![
                format!("add to the kernel's command line, in the boot loader's own configuration: {flags}"),
                format!("on Fedora, RHEL and SUSE: grubby --update-kernel=ALL --args=\"{flags}\""),
            ],
            Self::Virt(error) => error.hints(),
            Self::Obstacles(all) => {
                all.iter().flat_map(|one| one.hints.iter().cloned()).collect()
            }
            Self::NoPlace { vm, why: NoPlace::NotRunning } => vec![
                format!("without --live it is changed for its next start: virtfn attach {vm} … --config"),
                format!("virsh start {vm}"),
            ],
            Self::NoPlace { why: NoPlace::Transient, .. } => {
                vec!["without --config it is changed as long as it runs".into()]
            }
            Self::NoDevice => vec![
                "virtfn attach VM DEVICE; virsh list --all has the guests".into(),
                "virtfn list shows the devices".into(),
            ],
            Self::NoDeviceInArguments => vec![
                "-device vfio-pci,host=0b:10.0 for QEMU; virtfn run --device 0b:10.0 -- … for others".into(),
            ],
            Self::Retired(retired) => vec![format!("write {}", retired.instead)],
            Self::NotGiven(device) => vec![format!("virtfn bind {} --default", device.short())],
            Self::FileAndDevice => vec!["leave out one of them".into()],
            Self::SharedMac => {
                vec!["--mac auto derives one for each, or attach them one after the other".into()]
            }
            Self::NoSettings(_) => vec!["without --mac, --vlan and --profile it is given as it is".into()],
            Self::NoPartner { vm, .. } => vec![
                format!("virsh edit {vm}: <model type='virtio'/> <alias name='ua-net0'/> <teaming type='persistent'/>"),
            ],
            Self::HasOther { device, vm, .. } => {
                vec![format!("virtfn detach {vm} {}, then attach it anew", device.short())]
            }
            Self::Limbo { device, vm, .. } => vec![
                format!("virsh qemu-monitor-command {vm} --hmp 'info pci' shows it; 'device_del hostdev0' there takes it out"),
                format!("or stop {vm}; then virtfn detach {vm} {} puts it back", device.short()),
            ],
            Self::OwnFile(_)
            | Self::Xml { .. }
            | Self::Signals(_)
            | Self::Program { .. }
            | Self::Recording(_)
            | Self::Read { .. }
            | Self::Policy { .. }
            | Self::PolicyUnseen(_)
            | Self::Suppose(_)
            | Self::Look(_)
            | Self::Use(_)
            | Self::Root(_)
            | Self::Output(_)
            | Self::Write { .. } => Vec::new(),
        }
    }
}

impl Error {
    /// What stands in the way.
    pub fn obstacle(obstacle: Obstacle) -> Self {
        Self::Obstacles(vec![obstacle])
    }

    /// A manager's call that failed, about a device.
    pub fn hands(function: Address, source: virtfn_apply::HandsError) -> Self {
        let error = ApplyError::Hands { function, source };
        Self::Apply { object: function.short(), stays: String::new(), error }
    }
}

/// Its own words, and what they mean where that is known.
pub(crate) fn explained(error: &VirtError) -> String {
    match error.explanation() {
        Some(why) => format!("{error}: {why}"),
        None => error.to_string(),
    }
}

/// Where nothing but somebody's loss stands in the way, it is a refusal.
fn obstacles_exit(all: &[Obstacle]) -> Exit {
    if all.iter().all(|one| one.protects) { Exit::Refused } else { Exit::Failed }
}

fn device_hints(device: &Nearest) -> Vec<String> {
    if device.nearest.is_empty() {
        return vec!["virtfn list --all shows what is here".into()];
    }
    vec![
        format!("nearest: {}", device.nearest.join(", ")),
        "virtfn list --all shows what is here".into(),
    ]
}

fn rule_hints(rule: &Nearest) -> Vec<String> {
    let nearest =
        (!rule.nearest.is_empty()).then(|| format!("nearest: {}", rule.nearest.join(", ")));
    nearest.into_iter().chain(["virtfn explain lists every rule".to_owned()]).collect()
}

/// Prints an error with its causes and hints, the one place where that is done.
pub fn report(error: &Error) -> Exit {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    let lines: Vec<_> = text.lines().map(plain).collect();
    anstream::eprintln!("{} {}", Tone::Bad.paint("error:"), lines.join("\n"));
    for hint in error.hints() {
        anstream::eprintln!("{} {}", Tone::Heading.paint("hint:"), plain(&hint));
    }
    error.exit()
}

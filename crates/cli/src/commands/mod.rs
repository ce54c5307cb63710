//! The subcommands, one a file.

mod adopt;
mod apply;
mod attach;
mod bind;
mod compare;
mod completions;
mod create;
mod destroy;
mod detach;
mod doctor;
mod explain;
mod export;
mod groups;
mod import;
mod install;
mod list;
mod man;
mod plan;
mod qemu_args;
mod record;
mod run;
mod set;
mod show;
mod status;
mod topology;
mod uninstall;
mod xml;

use clap::Subcommand;

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// What there is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List physical functions, their virtual functions, drivers, groups, and who uses what
    List(list::Args),
    /// Show one function in full: identity, registers, capabilities, drivers, settings
    Show(show::Args),
    /// Show the IOMMU groups, and which devices can go to different VMs
    Groups(groups::Args),
    /// Show the PCI Express tree with groups, access control and links, as text or a picture
    Topology(topology::Args),
    /// Compare what passes a device to guests: whole, as a VF, by macvtap, by virtio
    Compare(compare::Args),
    /// Judge whether this host is ready, and say what mends it
    Doctor(doctor::Args),
    /// Explain one of doctor's rules
    Explain(explain::Args),
    /// Make virtual functions
    Create(create::Args),
    /// Remove the virtual functions of a physical one
    Destroy(destroy::Args),
    /// Set a virtual function's address, VLAN, trust, rates and the like
    Set(set::Args),
    /// Give a function to a driver
    Bind(bind::Args),
    /// Give a function to a virtual machine
    Attach(attach::Args),
    /// Take a function back from a virtual machine
    Detach(detach::Args),
    /// Run a program on devices: bind them, start it, put them back when it ends
    Run(run::Args),
    /// Show what a policy file would change, step by step, and whom that interrupts
    Plan(plan::Args),
    /// Make this machine what a policy file says
    Apply(apply::Args),
    /// Say whether this machine is what its policy says
    Status(status::Args),
    /// Take over a physical function from another program's configuration
    Adopt(adopt::Args),
    /// Have every start of this machine apply its policy
    Install(install::Args),
    /// Take away what install wrote
    Uninstall(uninstall::Args),
    /// Read a machine, or another program's configuration, as a policy file
    Import(import::Args),
    /// Write a policy as another program's configuration
    Export(export::Args),
    /// Print a device as libvirt, Cloud Hypervisor or Proxmox VE want it said
    Xml(xml::Args),
    /// Print QEMU's arguments that give devices to a guest
    QemuArgs(qemu_args::Args),
    /// Write this host into a file, to be looked at elsewhere with --root
    Record(record::Args),
    /// Print a shell's completions
    Completions(completions::Args),
    /// Print a man page, or write all of them
    Man(man::Args),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, context: &mut Context<'_>) -> Result<Exit, Error> {
        match self {
            Self::List(args) => list::run(&args, context),
            Self::Show(args) => show::run(&args, context),
            Self::Groups(args) => groups::run(&args, context),
            Self::Topology(args) => topology::run(&args, context),
            Self::Compare(args) => compare::run(&args, context),
            Self::Doctor(args) => doctor::run(&args, context),
            Self::Explain(args) => explain::run(&args, context),
            Self::Create(args) => create::run(&args, context),
            Self::Destroy(args) => destroy::run(&args, context),
            Self::Set(args) => set::run(&args, context),
            Self::Bind(args) => bind::run(&args, context),
            Self::Attach(args) => attach::run(&args, context),
            Self::Detach(args) => detach::run(&args, context),
            Self::Run(args) => run::run(&args, context),
            Self::Plan(args) => plan::run(&args, context),
            Self::Apply(args) => apply::run(&args, context),
            Self::Status(args) => status::run(&args, context),
            Self::Adopt(args) => adopt::run(&args, context),
            Self::Install(args) => install::run(&args, context),
            Self::Uninstall(args) => uninstall::run(&args, context),
            Self::Import(args) => import::run(&args, context),
            Self::Export(args) => export::run(&args, context),
            Self::Xml(args) => xml::run(&args, context),
            Self::QemuArgs(args) => qemu_args::run(&args, context),
            Self::Record(args) => record::run(&args, context),
            Self::Completions(args) => completions::run(&args, context),
            Self::Man(args) => man::run(&args, context),
        }
    }
}

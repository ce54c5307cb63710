//! What a look at a machine is for: nothing else is read.

use std::collections::BTreeSet;

use virtfn_host::Function;
use virtfn_pci::Address;

/// A part of what can be known. The places of the functions, their ids, drivers, groups and the
/// links between PFs and VFs are always read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Facet {
    /// Config space.
    Config,
    /// What the kernel says of a PF's VFs to come.
    ToCome,
    /// The same, BARs and ways to reset.
    Details,
    /// What new VFs must find room beside: config space and windows of the bridges above a device,
    /// and the memory of the functions on its bus.
    Around,
    /// Attributes whose reading takes a device's lock.
    Locked,
    /// Whether the lock of each PF of the machine comes free: also of those that the look is not about.
    Locks,
    /// Network interfaces.
    Netdevs,
    /// The settings of VFs on the PF's side.
    Admin,
    /// What devlink says of PFs.
    Devlink,
    /// Who uses what, and which virtual machine that is.
    Holders,
    /// Which virtual machines have functions, or are given some when they start.
    Guests,
    /// Which modules would drive a function.
    Modules,
    /// IOMMU groups' kinds.
    Groups,
    /// The running kernel and its log.
    Kernel,
    /// What the firmware left.
    Firmware,
    /// What other owners' configuration says.
    Claims,
    /// The machine beside its functions: IOMMU registers, memory, limits, power.
    Platform,
    /// Names of vendors and devices.
    Names,
}

/// Which devices, and which facets of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The facets.
    pub facets: BTreeSet<Facet>,
    /// Whose; `None`: everybody's.
    pub devices: Option<BTreeSet<Address>>,
    /// Is nothing else of the machine wanted, not even its place?
    alone: bool,
}

impl Look {
    /// These facets of every device.
    #[must_use]
    pub fn at(facets: &[Facet]) -> Self {
        Self { facets: facets.iter().copied().collect(), devices: None, alone: false }
    }

    /// All that there is to know.
    #[must_use]
    pub fn everything() -> Self {
        use Facet::{
            Admin, Around, Claims, Config, Details, Devlink, Firmware, Groups, Guests, Holders,
            Kernel, Locked, Locks, Modules, Names, Netdevs, Platform, ToCome,
        };
        Self::at(&[
            Config, ToCome, Details, Around, Locked, Locks, Netdevs, Admin, Devlink, Holders,
            Guests, Modules, Groups, Kernel, Firmware, Claims, Platform, Names,
        ])
    }

    /// The same, of these devices and their VFs alone.
    #[must_use]
    pub fn of(mut self, devices: impl IntoIterator<Item = Address>) -> Self {
        self.devices = Some(devices.into_iter().collect());
        self
    }

    /// The same, without any other function: neither in the answer, nor looked at.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// The devices that are read, if not all are; their VFs come with them.
    pub(crate) fn only(&self) -> Option<&BTreeSet<Address>> {
        self.devices.as_ref().filter(|_| self.alone)
    }

    pub(crate) fn wants(&self, facet: Facet) -> bool {
        self.facets.contains(&facet)
    }

    /// A VF is covered by its PF too.
    pub(crate) fn covers(&self, function: &Function) -> bool {
        let named = |devices: &BTreeSet<Address>| {
            let by_pf = function.vf().is_some_and(|vf| devices.contains(&vf.pf));
            by_pf || devices.contains(&function.address)
        };
        self.devices.as_ref().is_none_or(named)
    }

    /// Are the settings of this PF's VFs wanted? A VF's are its PF's to tell.
    pub(crate) fn covers_settings(&self, function: &Function) -> bool {
        let named = |devices: &BTreeSet<Address>| {
            let vfs = function.pf().map(|pf| pf.vfs.values());
            vfs.into_iter().flatten().any(|vf| devices.contains(vf))
        };
        self.covers(function) || self.devices.as_ref().is_some_and(named)
    }
}

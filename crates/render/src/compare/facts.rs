//! What is compared: the device, its VF, and what is known of both.

use std::collections::BTreeSet;

use virtfn_doctor::{Finding, Object};
use virtfn_host::{Function, Host, MasterKind, Netdev, Pf, Reason, Seen, Unreadable, VfIndex};
use virtfn_pci::{Address, ConfigSpace, Walk};

/// The lists of modules that tell what this kernel has.
pub(super) const MODULES: &str = "virtfn/sharing-modules.json";

/// What is known of a device and its VF.
pub(super) struct Facts<'h> {
    pub(super) host: &'h Host,
    /// The device: a PF, where somebody asked about a VF.
    pub(super) device: &'h Function,
    /// Whose VF is in the second column.
    pub(super) vf: Column<'h>,
    /// What doctor says of the device, its VFs and the host, for VMs.
    pub(super) findings: &'h [Finding],
}

/// The VF of the second column.
#[derive(Clone, Copy)]
pub(super) enum Column<'h> {
    /// The one that was asked about.
    Asked(VfIndex, &'h Function),
    /// One that is there: the first that nobody is known to use, else the first.
    Made(VfIndex, &'h Function),
    /// None is there, and some can be made.
    ToCome,
    /// The device makes none.
    None,
}

/// What is known of a module of this kernel.
pub(super) enum Module {
    /// Loaded, part of the kernel, or to be loaded.
    There,
    Missing,
    NotSeen(Unreadable),
}

impl<'h> Facts<'h> {
    pub(super) fn of(host: &'h Host, asked: &'h Function, findings: &'h [Finding]) -> Self {
        let owner = asked.vf().and_then(|id| Some((id, host.functions.get(&id.pf)?)));
        let (device, vf) = match owner {
            Some((id, pf)) => (pf, Column::Asked(id.index, asked)),
            None => (asked, column(host, asked)),
        };
        Self { host, device, vf, findings }
    }

    pub(super) fn pf(&self) -> Option<&'h Pf> {
        self.device.pf()
    }

    /// The VF of the column, where there is one.
    pub(super) fn made(&self) -> Option<&'h Function> {
        match self.vf {
            Column::Asked(_, function) | Column::Made(_, function) => Some(function),
            Column::ToCome | Column::None => None,
        }
    }

    /// Is it a network function?
    pub(super) const fn is_network(&self) -> bool {
        self.device.ids.class >> 16 == 2
    }

    /// One whose interfaces speak Ethernet, as macvtap and bridges want it?
    pub(super) const fn is_ethernet(&self) -> bool {
        self.is_network() && self.device.ids.class >> 8 != 0x0207
    }

    /// A drive that shows itself as an NVMe controller?
    pub(super) const fn is_drive(&self) -> bool {
        self.device.ids.class >> 8 == 0x0108
    }

    /// The device's own interface on this host.
    pub(super) fn netdev(&self) -> Option<&'h Netdev> {
        self.host.netdevs_of(self.device.address).next()
    }

    /// Its name, or `PF` where it has none.
    pub(super) fn name(&self) -> &'h str {
        self.netdev().map_or("PF", |netdev| &netdev.name)
    }

    /// What its interface is enslaved to, and what that is; `None` where that could not be seen.
    pub(super) fn master(&self) -> Option<(&'h str, Option<MasterKind>)> {
        let master = self.netdev()?.master.as_deref()?;
        Some((master, self.host.platform.upkeep.masters.get(master).copied()))
    }

    /// What a rule found of a function.
    pub(super) fn found(&self, rule: &str, of: Address) -> Option<&'h Finding> {
        let object = Object::Function(of);
        self.findings.iter().find(|finding| finding.rule == rule && finding.object == object)
    }

    /// Has this kernel a module, loaded or not?
    pub(super) fn module(&self, name: &str) -> Module {
        let kernel = &self.host.kernel;
        let has =
            |seen: &Seen<BTreeSet<String>>| seen.known().is_some_and(|all| all.contains(name));
        if has(&kernel.loaded_modules) || has(&kernel.sharing_modules) {
            return Module::There;
        }
        if has(&self.host.platform.builtin_modules) {
            return Module::There;
        }
        match &kernel.sharing_modules {
            Seen::Known(_) => Module::Missing,
            Seen::Unreadable(why) => Module::NotSeen(why.clone()),
            Seen::Absent => Module::NotSeen(unrecorded(MODULES)),
        }
    }
}

fn column<'h>(host: &'h Host, function: &Function) -> Column<'h> {
    let Some(pf) = function.pf() else { return Column::None };
    let there = || pf.vfs.iter().filter_map(|(n, at)| Some((*n, host.functions.get(at)?)));
    let idle = |(_, vf): &(VfIndex, &Function)| vf.holders.known().is_some_and(Vec::is_empty);
    match there().find(idle).or_else(|| there().next()) {
        Some((index, vf)) => Column::Made(index, vf),
        None if pf.total_vfs > 0 => Column::ToCome,
        None => Column::None,
    }
}

/// What a recording does not say.
pub(super) fn unrecorded(path: &str) -> Unreadable {
    Unreadable { path: path.into(), why: Reason::Failed("not in this recording".into()) }
}

/// Where an attribute of a function is.
pub(super) fn at(function: &Function, name: &str) -> String {
    format!("sys/bus/pci/devices/{}/{name}", function.address)
}

/// A function's capabilities, as far as they could be read.
pub(super) fn walk(function: &Function) -> Option<Walk> {
    function.config.known().map(ConfigSpace::capabilities)
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    match items.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

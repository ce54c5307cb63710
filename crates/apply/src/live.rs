//! The live machine: looked at through the kernel's files, changed through the one door.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use virtfn_host::{
    EswitchMode, FirmwareVfs, Host, Limits, PageSize, ParamTime, Seen, VfId, VfIndex,
};
use virtfn_kernel::netlink::devlink::{Devlink, GroupChange};
use virtfn_kernel::{Door, LogTail, SysRoot, Watch, path};
use virtfn_observe::{Facet, Look};
use virtfn_pci::Address;
use virtfn_plan::{Action, Plan, Subject, Target};

use crate::error::{ApplyError, Cause};
use crate::guard;
use crate::machine::{Machine, Sight};
use crate::place::attribute;

/// The machine below a root, with somebody who sees every write.
pub struct Live<'a> {
    root: &'a SysRoot,
    door: Door<'a>,
    since: Instant,
    log: Option<LogTail>,
    /// The numbers of the ports of a PF's VFs, as they were asked for last.
    ports: Option<(Address, BTreeMap<VfIndex, u32>)>,
    /// The number of a PF's interface, while one setting of its VFs follows another.
    interface: Option<(Address, u32)>,
}

impl<'a> Live<'a> {
    /// The machine below `root`; `watch` sees every write.
    pub fn new(root: &'a SysRoot, watch: &'a mut dyn Watch) -> Self {
        let door = Door::open(root, watch);
        Self { root, door, since: Instant::now(), log: None, ports: None, interface: None }
    }

    fn here(&mut self, target: Target) -> Result<Address, Cause> {
        crate::machine::place(self, target)
            .ok_or_else(|| Cause::ReadBack(format!("{target} is not there")))
    }
}

impl Live<'_> {
    /// The number of the port that devlink has of a VF now.
    fn port(&mut self, vf: VfId) -> Result<u32, Cause> {
        let asked = self.ports.as_ref().filter(|(pf, _)| *pf == vf.pf);
        if let Some(port) = asked.and_then(|(_, ports)| ports.get(&vf.index)) {
            return Ok(*port);
        }
        let ports = Devlink::open().and_then(|mut devlink| devlink.ports(&vf.pf.into()));
        let ports = ports.map_err(|error| Cause::ReadBack(error.to_string()))?.vfs;
        let ports = ports.into_iter().map(|(index, port)| (index, port.index)).collect();
        let (_, ports) = self.ports.insert((vf.pf, ports));
        let port = ports.get(&vf.index).copied();
        port.ok_or_else(|| Cause::ReadBack(format!("devlink has no port of {vf}")))
    }

    /// Drivers remove groups together with VFs, or with the mode, or keep them: what a plan saw may
    /// be gone, and what it did not see may be there still.
    fn set_group(
        &mut self,
        pf: Address,
        name: &str,
        was: Option<Limits>,
        to: Option<Limits>,
    ) -> Result<(), Cause> {
        use rustix::io::Errno;
        let Some(to) = to else {
            return match self.door.set_group(&pf.into(), name, GroupChange::Remove) {
                Err(error) if error.errno() == Some(Errno::NODEV) => Ok(()),
                removed => Ok(removed?),
            };
        };
        let (first, other, unless) = match was {
            None => (GroupChange::Make(to), GroupChange::Set(to), Errno::EXIST),
            Some(_) => (GroupChange::Set(to), GroupChange::Make(to), Errno::NODEV),
        };
        match self.door.set_group(&pf.into(), name, first) {
            Err(error) if error.errno() == Some(unless) => {
                Ok(self.door.set_group(&pf.into(), name, other)?)
            }
            done => Ok(done?),
        }
    }

    /// The number of a function's own interface as it is now: a driver may make it anew with another
    /// mode of its switch, and the representors of VFs stand beside it.
    fn ifindex(&mut self, target: Target) -> Result<u32, Cause> {
        let folder = attribute(self.here(target)?, "net");
        let names = self.root.names(&folder, |_| true);
        let own = |name: &&String| {
            let port = self.root.text(&format!("{folder}/{name}/phys_port_name"));
            !port.known().is_some_and(|port| virtfn_host::is_representor(port))
        };
        let name = names.known().and_then(|names| names.iter().find(own));
        let number = name.and_then(|name| {
            let index =
                self.root.parse(&format!("{folder}/{name}/ifindex"), |text| text.parse().ok());
            index.known().copied()
        });
        number.ok_or_else(|| Cause::ReadBack(format!("{target} has no network interface")))
    }
}

/// Looks at functions as a run needs to see them.
pub(crate) fn observe(
    root: &SysRoot,
    about: &BTreeSet<Subject>,
    sight: Sight,
) -> Result<Host, ApplyError> {
    let mut facets = vec![Facet::ToCome, Facet::Locked, Facet::Netdevs, Facet::Admin];
    match sight {
        Sight::Whole => facets.extend([
            Facet::Devlink,
            Facet::Config,
            Facet::Details,
            Facet::Around,
            Facet::Locks,
            Facet::Holders,
            Facet::Guests,
            Facet::Kernel,
            Facet::Modules,
        ]),
        Sight::State { vectors, devlink } => {
            facets.extend(vectors.then_some(Facet::Config));
            facets.extend(devlink.then_some(Facet::Devlink));
        }
    }
    if about.contains(&Subject::Host) {
        facets.push(Facet::Platform);
    }
    let devices = about.iter().copied().filter_map(Subject::device);
    let look = Look::at(&facets).of(devices);
    let look = if sight == Sight::Whole { look } else { look.alone() };
    Ok(virtfn_observe::host(root, &look)?)
}

/// The number of reserved pages of a size (Documentation/admin-guide/mm/hugetlbpage.rst).
fn pages_path(size: PageSize) -> String {
    format!("sys/kernel/mm/hugepages/hugepages-{}kB/nr_hugepages", size.kib())
}

impl Machine for Live<'_> {
    fn observe(&mut self, about: &BTreeSet<Subject>, sight: Sight) -> Result<Host, ApplyError> {
        observe(self.root, about, sight)
    }

    fn settle_doubts(&mut self, host: &mut Host, plan: &Plan) -> bool {
        guard::settle_doubts(self.root, host, plan)
    }

    fn write(&mut self, action: &Action) -> Result<(), Cause> {
        if !matches!(action, Action::SetVf { .. }) {
            self.interface = None;
        }
        match action {
            Action::SetAutoprobe { pf, to, .. } => {
                let value = if *to { "1" } else { "0" };
                Ok(self.door.write(&attribute(*pf, "sriov_drivers_autoprobe"), value)?)
            }
            Action::SetNumVfs { pf, to, .. } => {
                self.ports = None;
                Ok(self.door.write(&attribute(*pf, "sriov_numvfs"), &to.to_string())?)
            }
            Action::SetVf { vf, to, .. } => {
                let ifindex = match self.interface.filter(|(pf, _)| *pf == vf.pf) {
                    Some((_, ifindex)) => ifindex,
                    None => self.ifindex(Target::Function(vf.pf))?,
                };
                self.interface = Some((vf.pf, ifindex));
                Ok(self.door.set_vf(ifindex, vf.index, *to)?)
            }
            Action::SetEswitch { pf, to, .. } => {
                self.ports = None;
                Ok(self.door.set_eswitch(&(*pf).into(), *to)?)
            }
            Action::SetGroup { pf, name, from, to } => self.set_group(*pf, name, *from, *to),
            Action::SetPort { vf, to, .. } => {
                let port = self.port(*vf)?;
                Ok(self.door.set_port(&vf.pf.into(), port, to)?)
            }
            Action::SetFirmware { pf, to, .. } => {
                let kept = ParamTime::Permanent;
                Ok(self.door.set_param(&(*pf).into(), to.name(), kept, &to.value())?)
            }
            Action::SetMsix { vf, to, .. } => {
                let address = self.here(Target::Vf(*vf))?;
                Ok(self.door.write(&attribute(address, "sriov_vf_msix_count"), &to.to_string())?)
            }
            Action::SetNetdev { target, to, .. } => {
                let ifindex = self.ifindex(*target)?;
                Ok(self.door.set_link(ifindex, to)?)
            }
            Action::SetHugepages { size, to, .. } => {
                let path = pages_path(*size);
                Ok(self.door.write(&path, &to.to_string())?)
            }
            Action::LoadModule { module } => Ok(self.door.load_module(module)?),
            Action::SetOverride { target, to, .. } => {
                // A newline clears it; nothing at all would never reach the kernel.
                let value = to.as_ref().map_or_else(|| "\n".into(), |driver| format!("{driver}\n"));
                let address = self.here(*target)?;
                Ok(self.door.write(&attribute(address, "driver_override"), &value)?)
            }
            Action::Unbind { target, .. } => {
                let address = self.here(*target)?;
                Ok(self.door.write(&attribute(address, "driver/unbind"), &address.to_string())?)
            }
            Action::Probe { target, .. } => {
                let address = self.here(*target)?;
                Ok(self.door.write("sys/bus/pci/drivers_probe", &address.to_string())?)
            }
        }
    }

    fn vf(&mut self, vf: VfId) -> Option<Address> {
        let link = self.root.link(&attribute(vf.pf, &format!("virtfn{}", vf.index)));
        path::last(link.known()?).parse().ok()
    }

    fn vfs(&mut self, pf: Address) -> Option<Vec<Address>> {
        let folder = format!("sys/bus/pci/devices/{pf}");
        let links = self.root.names(&folder, |name| name.starts_with("virtfn"));
        let at = |link: &String| {
            let name = self.root.link_name(&format!("{folder}/{link}"));
            name.known().and_then(|name| name.parse().ok())
        };
        Some(links.known()?.iter().filter_map(at).collect())
    }

    fn driver(&mut self, function: Address) -> Option<String> {
        match self.root.link_name(&attribute(function, "driver")) {
            Seen::Known(driver) => Some(driver),
            Seen::Absent | Seen::Unreadable(_) => None,
        }
    }

    fn is_settling(&mut self, function: Address) -> bool {
        let Some(driver) = self.driver(function) else { return false };
        let class = self.root.text(&attribute(function, "class"));
        let network = class.known().is_some_and(|class| class.starts_with("0x02"));
        if !network || virtfn_host::is_vfio_driver(&driver) {
            return false;
        }
        let netdevs = self.root.names(&attribute(function, "net"), |_| true);
        netdevs.known().is_none_or(Vec::is_empty)
    }

    fn eswitch(&mut self, pf: Address) -> Result<EswitchMode, String> {
        let mode = Devlink::open().and_then(|mut devlink| devlink.eswitch(&pf.into()));
        mode.map_err(|error| error.to_string())
    }

    fn firmware(&mut self, pf: Address) -> Result<FirmwareVfs, String> {
        let firmware = Devlink::open().and_then(|mut devlink| devlink.firmware_vfs(&pf.into()));
        let firmware = firmware.map_err(|error| error.to_string())?;
        firmware.ok_or_else(|| "its driver says nothing of it any more".into())
    }

    fn hugepages(&mut self, size: PageSize) -> Option<u64> {
        self.root.parse(&pages_path(size), |text| text.parse().ok()).known().copied()
    }

    fn new_log(&mut self) -> Vec<String> {
        if let Some(log) = &self.log {
            return log.new_lines();
        }
        self.log = self.root.log_tail();
        Vec::new()
    }

    fn now(&self) -> Duration {
        self.since.elapsed()
    }

    fn pause(&mut self, time: Duration) {
        std::thread::sleep(time);
    }
}

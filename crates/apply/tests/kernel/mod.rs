//! A kernel with the misbehaviour that is known of it, below the run that is tested: what the strict
//! model takes at once comes late here, is refused for a while, or is taken and not done; and the
//! run can be killed at any call that it makes.

use std::collections::{BTreeMap, BTreeSet};
use std::panic;
use std::time::Duration;

use rustix::io::Errno;
use virtfn_apply::{ApplyError, Cause, Machine, Sight};
use virtfn_host::{
    EswitchMode, FirmwareVfs, Holder, HolderKind, Host, MacAddress, PageSize, Seen, VfId, VfIndex,
};
use virtfn_kernel::WriteError;
use virtfn_pci::Address;
use virtfn_plan::{Action, Plan, Subject, Target};

use crate::model::{self, Refusal};

/// What this kernel does that a plan cannot foresee.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quirks {
    /// Settings of a new VF are refused with `EAGAIN` for so long.
    pub(crate) resets: Duration,
    /// A driver that is told to take a function has it so much later.
    pub(crate) binds_late: Duration,
    /// The interface of a new VF comes so much later.
    pub(crate) netdevs_late: Duration,
    /// `sriov_numvfs` is refused with `EAGAIN` so many times.
    pub(crate) numvfs_again: u8,
    /// `sriov_numvfs` is taken, and no more VFs than this are made.
    pub(crate) makes_at_most: Option<u16>,
    /// A driver does not take this VF, and nobody says so.
    pub(crate) never_binds: Option<u16>,
    /// Settings of this VF are refused for good, with `EOPNOTSUPP`.
    pub(crate) refuses: Option<u16>,
    /// The PF's interface gets another name with every look.
    pub(crate) renames: bool,
    /// Another mode of the switch is taken, and stays as it was.
    pub(crate) keeps_mode: bool,
    /// `vfio-pci` cannot be loaded.
    pub(crate) no_module: bool,
}

/// The machine and its clock.
pub(crate) struct Kernel {
    pub(crate) host: Host,
    pub(crate) quirks: Quirks,
    /// Writes that the kernel saw.
    pub(crate) writes: usize,
    /// Calls that the run may still make before it is killed.
    pub(crate) kill_after: Option<usize>,
    clock: Duration,
    made: BTreeMap<Address, Duration>,
    due: BTreeMap<Address, (Duration, String)>,
    looks: usize,
}

/// What a killed run leaves on its way out: nothing but what it had written.
#[derive(Debug)]
pub(crate) struct Killed;

impl Kernel {
    pub(crate) fn new() -> Self {
        Self {
            host: model::machine(),
            quirks: Quirks::default(),
            writes: 0,
            kill_after: None,
            clock: Duration::ZERO,
            made: BTreeMap::new(),
            due: BTreeMap::new(),
            looks: 0,
        }
    }

    /// The power goes: no VFs, and what firmware offers is in force.
    pub(crate) fn restart(&mut self) {
        let kept = [0, 1].map(|n| model::pf_mut(&mut self.host, model::port(n)).firmware.clone());
        let restarted = Self::new();
        (self.host, self.made, self.due) = (restarted.host, restarted.made, restarted.due);
        for (port, firmware) in kept.into_iter().enumerate() {
            let pf = model::pf_mut(&mut self.host, model::port(port));
            if let Seen::Known(firmware) = firmware {
                pf.total_vfs = u16::try_from(firmware.total).unwrap();
            }
            pf.firmware = firmware;
        }
    }

    /// Somebody opens the VFIO group of a VF, and lets go of it.
    pub(crate) fn hold(&mut self, vf: VfId, held: bool) {
        let holder = Holder {
            kind: HolderKind::Process,
            name: "qemu".into(),
            pid: Some(42),
            through: "/dev/vfio/7".into(),
            vm: None,
        };
        let holders = if held { vec![holder] } else { Vec::new() };
        if let Ok(function) = model::function_mut(&mut self.host, Target::Vf(vf)) {
            function.holders = Seen::Known(holders);
        }
    }

    /// Time passes until every driver has what it was told to take.
    pub(crate) fn wait_for_drivers(&mut self) {
        self.clock += Duration::from_secs(60);
        self.tick();
    }

    /// The call at which it is killed never comes back.
    fn tick(&mut self) {
        if let Some(left) = self.kill_after {
            if left == 0 {
                panic::resume_unwind(Box::new(Killed));
            }
            self.kill_after = Some(left - 1);
        }
        let clock = self.clock;
        let come = |(_, (at, _)): &(&Address, &(Duration, String))| *at <= clock;
        let due: Vec<(Address, String)> =
            self.due.iter().filter(come).map(|(at, (_, driver))| (*at, driver.clone())).collect();
        self.due.retain(|_, (at, _)| *at > clock);
        for (address, driver) in due {
            self.bound(address, driver);
        }
    }

    /// igbvf makes up an address for a VF that has none, and igb reports it as the VF's own.
    fn bound(&mut self, address: Address, driver: String) {
        let Some(function) = self.host.functions.get_mut(&address) else { return };
        let vf = function.vf();
        let made_up = driver == "igbvf";
        function.driver = Some(driver);
        model::make_netdevs(&mut self.host);
        let Some(vf) = vf.filter(|_| made_up) else { return };
        if let Seen::Known(all) = &mut model::pf_mut(&mut self.host, vf.pf).admin
            && let Some(admin) = all.get_mut(&vf.index)
            && admin.mac.is_none_or(|mac| mac.is_zero())
        {
            let [low, ..] = self.clock.as_millis().to_le_bytes();
            let [index, _] = vf.index.0.to_le_bytes();
            admin.mac = Some(MacAddress::new([2, 0xfe, 0, 0, low, index]));
        }
    }

    fn refuse(&self, action: &Action) -> Option<Errno> {
        match action {
            Action::SetNumVfs { .. } if self.quirks.numvfs_again > 0 => Some(Errno::AGAIN),
            Action::SetVf { vf, .. } => {
                let address = self.host.functions.get(&vf.pf)?.pf()?.vfs.get(&vf.index)?;
                let ready = *self.made.get(address)? + self.quirks.resets;
                let refused = self.quirks.refuses == Some(vf.index.0);
                let busy = (self.clock < ready).then_some(Errno::AGAIN);
                if refused { Some(Errno::OPNOTSUPP) } else { busy }
            }
            Action::LoadModule { .. } if self.quirks.no_module => Some(Errno::NOENT),
            _ => None,
        }
    }

    fn binds_never(&self, index: Option<u16>) -> bool {
        index.is_some() && self.quirks.never_binds == index
    }

    fn numvfs(&mut self, pf: Address, to: u16) -> Result<(), Refusal> {
        let made = to.min(self.quirks.makes_at_most.unwrap_or(to));
        let before = model::pf_mut(&mut self.host, pf).vfs.len();
        model::take(&mut self.host, &Action::SetNumVfs { pf, from: 0, to: made })?;
        let vfs: Vec<(VfIndex, Address)> =
            model::pf_mut(&mut self.host, pf).vfs.iter().map(|(i, at)| (*i, *at)).collect();
        if vfs.len() == before {
            return Ok(());
        }
        self.made.retain(|address, _| !vfs.iter().any(|(_, at)| at == address));
        for (index, address) in vfs {
            self.made.insert(address, self.clock);
            self.due.remove(&address);
            let taken = model::function_mut(&mut self.host, Target::Vf(VfId { pf, index }))
                .ok()
                .and_then(|function| function.driver.take());
            if let Some(driver) = taken {
                self.bind(address, index, driver);
            }
        }
        Ok(())
    }

    fn probe(&mut self, action: &Action, target: Target) -> Result<(), Refusal> {
        let before = model::function_mut(&mut self.host, target)?.driver.clone();
        model::take(&mut self.host, action)?;
        let function = model::function_mut(&mut self.host, target)?;
        let (address, vf) = (function.address, function.vf());
        if before.is_none()
            && let (Some(driver), Some(vf)) = (function.driver.take(), vf)
        {
            self.bind(address, vf.index, driver);
        }
        Ok(())
    }

    fn bind(&mut self, address: Address, index: VfIndex, driver: String) {
        if self.binds_never(Some(index.0)) {
            return;
        }
        if self.quirks.binds_late.is_zero() {
            self.bound(address, driver);
        } else {
            self.due.insert(address, (self.clock + self.quirks.binds_late, driver));
        }
    }
}

impl Machine for Kernel {
    fn observe(&mut self, _: &BTreeSet<Subject>, _: Sight) -> Result<Host, ApplyError> {
        self.tick();
        self.looks += 1;
        if self.quirks.renames
            && let Seen::Known(netdevs) = &mut self.host.netdevs
        {
            for netdev in netdevs {
                netdev.name = format!("ens{}", self.looks);
            }
        }
        Ok(self.host.clone())
    }

    fn settle_doubts(&mut self, _: &mut Host, _: &Plan) -> bool {
        self.tick();
        false
    }

    fn write(&mut self, action: &Action) -> Result<(), Cause> {
        // Killed before the write, or after it and before anybody hears of it.
        self.tick();
        self.writes += 1;
        let refused = |errno| Cause::Write(WriteError::Refused { path: action.object(), errno });
        if let Some(errno) = self.refuse(action) {
            self.quirks.numvfs_again = self.quirks.numvfs_again.saturating_sub(1);
            return Err(refused(errno));
        }
        let taken = match action {
            Action::SetNumVfs { pf, to, .. } => self.numvfs(*pf, *to),
            Action::Probe { target, .. } => self.probe(action, *target),
            Action::SetFirmware { .. } | Action::SetEswitch { .. } if self.quirks.keeps_mode => {
                Ok(())
            }
            action => model::take(&mut self.host, action),
        };
        self.tick();
        taken.map_err(|refusal| {
            refused(match refusal {
                Refusal::Busy => Errno::BUSY,
                Refusal::Range => Errno::RANGE,
                Refusal::NoDevice => Errno::NODEV,
                Refusal::Invalid => Errno::INVAL,
            })
        })
    }

    fn vf(&mut self, vf: VfId) -> Option<Address> {
        self.tick();
        model::pf_mut(&mut self.host, vf.pf).vfs.get(&vf.index).copied()
    }

    fn vfs(&mut self, pf: Address) -> Option<Vec<Address>> {
        self.tick();
        Some(model::pf_mut(&mut self.host, pf).vfs.values().copied().collect())
    }

    fn driver(&mut self, function: Address) -> Option<String> {
        self.tick();
        self.host.functions.get(&function)?.driver.clone()
    }

    fn is_settling(&mut self, function: Address) -> bool {
        self.tick();
        let made = self.made.get(&function).copied().unwrap_or_default();
        let bound = self.host.functions.get(&function).is_some_and(|f| f.driver.is_some());
        bound && self.clock < made + self.quirks.netdevs_late
    }

    fn eswitch(&mut self, pf: Address) -> Result<EswitchMode, String> {
        self.tick();
        model::pf_mut(&mut self.host, pf)
            .eswitch
            .known()
            .copied()
            .ok_or_else(|| "no devlink".into())
    }

    fn firmware(&mut self, pf: Address) -> Result<FirmwareVfs, String> {
        self.tick();
        let firmware = model::pf_mut(&mut self.host, pf).firmware.known().copied();
        firmware.ok_or_else(|| "no devlink".into())
    }

    fn hugepages(&mut self, _: PageSize) -> Option<u64> {
        self.tick();
        None
    }

    fn new_log(&mut self) -> Vec<String> {
        self.tick();
        Vec::new()
    }

    fn now(&self) -> Duration {
        self.clock
    }

    fn pause(&mut self, time: Duration) {
        self.clock += time;
        self.tick();
    }
}

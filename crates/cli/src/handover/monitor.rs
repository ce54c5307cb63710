//! Through QEMU's own monitor, where no libvirt stands between.

use std::path::{Path, PathBuf};
use std::time::Duration;

use virtfn_apply::{Live, Steps, Taker, hand_over, take_back};
use virtfn_formats::vm::Passed;
use virtfn_host::{Host, Policy};
use virtfn_kernel::SysRoot;
use virtfn_pci::Address;
use virtfn_render::handover::{Handed, Held};
use virtfn_virt::Qmp;
use virtfn_virt::handover::{
    Drivers, Goes, Obstacle, OnHost, Plug, Scene, Unplug, cannot_lock, obstacles,
};

use super::{CALL_LIMIT, about, failed, given, look, mind, options, session};
use crate::change::Teller;
use crate::context::Context;
use crate::error::Error;

/// A QEMU that runs, by the socket of its monitor.
pub struct Machine {
    monitor: Qmp,
    socket: PathBuf,
    /// May somebody lose something?
    pub force: bool,
    /// How long the guest may take to let go of a device.
    pub wait: Duration,
}

impl Machine {
    /// The machine behind this socket.
    ///
    /// # Errors
    /// When no QEMU answers there.
    pub fn open(socket: &Path, force: bool, wait: Duration) -> Result<Self, Error> {
        let monitor = Qmp::open(socket, CALL_LIMIT)?;
        Ok(Self { monitor, socket: socket.to_owned(), force, wait })
    }

    /// What it is called: its socket.
    #[must_use]
    pub fn name(&self) -> String {
        self.socket.display().to_string()
    }

    fn to(&self) -> String {
        format!("QEMU {}", self.name())
    }

    fn has(&mut self, address: Address) -> Result<bool, Error> {
        Ok(self.monitor.vfio_devices()?.iter().any(|device| device.host == Some(address)))
    }

    fn cannot_lock(&mut self, root: &SysRoot) -> Result<Option<Obstacle>, Error> {
        let Some(pid) = self.monitor.pid() else { return Ok(None) };
        let memory_bytes = self.monitor.memory_bytes()?;
        let memlock = virtfn_observe::memlock(root, &pid.to_string());
        let told = |memlock| cannot_lock(&self.name(), pid, memory_bytes, memlock);
        Ok(memlock.known().and_then(told))
    }

    /// Binds a device, sets it up, and plugs it in.
    ///
    /// # Errors
    /// When something stands in the way, or it failed: then the device is as it was.
    pub fn attach(
        &mut self,
        root: &SysRoot,
        passed: &Passed,
        bus: Option<String>,
        context: &mut Context<'_>,
    ) -> Result<Handed, Error> {
        let host = look(root)?;
        let (on_host, passed) = OnHost::of(&host, passed, Drivers::Best)
            .map_err(|obstacle| Error::obstacle(*obstacle))?;
        let address = on_host.function;
        if self.has(address)? {
            return Ok(Handed::of(&host, address, held(true, false)));
        }
        let scene = Scene { host: &host, goes: Goes::Now, others: &[], session: session() };
        let mut found = obstacles(&scene, &passed);
        found.extend(self.cannot_lock(root)?);
        mind(found, self.force)?;
        let name = self.to();
        let taker = Taker {
            function: address,
            about: about(address, on_host.vf),
            name: &name,
            steps: Steps::Ours,
        };
        let wish =
            |_: &Host, policy: Policy| Ok::<_, virtfn_apply::ApplyError>(on_host.policy(policy));
        let mut teller = Teller::start();
        let mut progress = |progress: virtfn_apply::Progress<'_>| teller.tell(&progress);
        let mut options = options(self.force, &mut progress);
        let mut live = Live::new(root, &mut *context.watch);
        let mut plug = Plug {
            monitor: &mut self.monitor,
            address,
            bus,
            failover_pair: failover(&passed),
            limit: self.wait,
        };
        let done = hand_over(&mut live, &taker, wish, &mut plug, &mut options);
        teller.clear();
        done.map_err(|error| failed(&taker, "it stays where it is", error))?;
        Ok(Handed::of(&look(root)?, address, held(true, true)))
    }

    /// Unplugs a device, and makes it what it was before.
    ///
    /// # Errors
    /// When the guest does not let go of it, or it failed.
    pub fn detach(
        &mut self,
        root: &SysRoot,
        address: Address,
        context: &mut Context<'_>,
    ) -> Result<Handed, Error> {
        let host = look(root)?;
        let name = self.to();
        // What an earlier run did not come to do is done now.
        if !self.has(address)? && given(address, &name).is_none() {
            return Ok(Handed::of(&host, address, held(false, false)));
        }
        let vf = host.function(address)?.vf();
        let taker =
            Taker { function: address, about: about(address, vf), name: &name, steps: Steps::Ours };
        let mut teller = Teller::start();
        let mut progress = |progress: virtfn_apply::Progress<'_>| teller.tell(&progress);
        let mut options = options(self.force, &mut progress);
        let mut live = Live::new(root, &mut *context.watch);
        let mut unplug = Unplug { monitor: &mut self.monitor, address, limit: self.wait };
        let done = take_back(&mut live, &taker, &mut unplug, &mut options);
        teller.clear();
        done.map_err(|error| failed(&taker, "it stays in the guest", error))?;
        Ok(Handed::of(&look(root)?, address, held(false, true)))
    }
}

/// Nothing keeps a definition of such a machine.
const fn held(live: bool, changed: bool) -> Held {
    Held { live, config: None, changed }
}

fn failover(passed: &Passed) -> Option<String> {
    match &passed.teaming {
        Some(virtfn_formats::vm::Teaming::Transient { persistent }) => Some(persistent.clone()),
        _ => None,
    }
}

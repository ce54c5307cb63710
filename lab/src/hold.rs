//! Processes in the guest that keep a VF in use.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::job::{Event, Job};
use crate::machine::Machine;

/// The name that a holder goes by in the guest.
pub const HOLDER_NAME: &str = "vfio-holder";
/// How long a holder may take to get hold of its VF, or to let go.
const LIMIT: Duration = Duration::from_secs(30);

/// What a holder keeps open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The VFIO group alone.
    Group,
    /// Group, container and device, as a virtual machine does.
    GroupAndDevice,
    /// The device alone, the group closed again.
    DeviceOnly,
}

/// A process that holds a VF. It lets go when this value drops.
pub struct Holder {
    /// Its process id in the guest.
    pub pid: u32,
    /// Its name, as the kernel shows it.
    pub name: String,
    job: Job,
}

impl Holder {
    /// Starts a process that holds a function which is bound to vfio-pci.
    ///
    /// # Errors
    /// When the process cannot get hold of it: with what it said.
    pub fn start(machine: &Machine, what: Hold, address: &str) -> Result<Self> {
        let what = match what {
            Hold::Group => "group",
            Hold::GroupAndDevice => "device",
            Hold::DeviceOnly => "device-only",
        };
        let mut job =
            machine.spawn_argv(["lab-guest", "hold", what, address, "--name", HOLDER_NAME])?;
        job.wait_for_line("holding", LIMIT)?;
        Ok(Self { pid: job.pid(), name: HOLDER_NAME.to_owned(), job })
    }

    /// Lets go, and returns when the kernel has closed its files.
    pub fn release(self) {}
}

impl Drop for Holder {
    fn drop(&mut self) {
        let deadline = Instant::now() + LIMIT;
        // A guest that is gone holds nothing any more.
        if self.job.close_stdin().is_err() {
            return;
        }
        while let Ok(Event::Stdout(_) | Event::Stderr(_)) = self.job.next(deadline) {}
    }
}

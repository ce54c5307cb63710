//! The agent: reads the host's requests from the lab's port and runs them, many at once.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use virtfn_lab_protocol::{Frame, FrameError, FromGuest, JobId, PORT_NAME, ToGuest};

use crate::jobs::Jobs;

/// How long the port may take to appear once its driver is loaded; seconds on a loaded host.
const PORT_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks for the port.
const PORT_PAUSE: Duration = Duration::from_millis(20);

/// The way back to the host, shared by all jobs.
#[derive(Clone)]
pub(crate) struct Host(Arc<Mutex<File>>);

impl Host {
    /// Tells the host something about a job.
    ///
    /// # Errors
    /// When the port fails: then the host is gone.
    pub(crate) fn tell(&self, job: JobId, message: FromGuest) -> Result<(), FrameError> {
        let frame = message.frame(job)?;
        // A poisoned lock is a thread that died between two frames; the port itself is whole.
        let mut port = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        frame.write_to(&mut *port)
    }
}

/// The word on the kernel's command line of a virtual machine inside a lab's machine: whoever asks it
/// something comes and goes.
const NESTED: &str = "lab.nested";

/// Serves until the host closes the port; a virtual machine inside another serves the next.
///
/// # Errors
/// When the port does not appear, or something on it is not understood.
pub(crate) fn run() -> Result<()> {
    let mut port = open_port()?;
    let host = Host(Arc::new(Mutex::new(port.try_clone()?)));
    let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
    // The kernel lets this write wait until the host listens.
    host.tell(JobId(0), FromGuest::Ready { kernel })?;
    let mut jobs = Jobs::new(host);
    let nested = fs::read_to_string("/proc/cmdline").is_ok_and(|line| line.contains(NESTED));
    loop {
        match Frame::read_from(&mut port)? {
            Some(frame) => {
                let job = frame.job;
                jobs.handle(job, ToGuest::parse(frame)?)?;
            }
            // Nobody listens now: the kernel answers at once, and has no event for who comes.
            None if nested => thread::sleep(PORT_PAUSE),
            None => return Ok(()),
        }
    }
}

fn open_port() -> Result<File> {
    // Where a virtio-iommu translates, no other virtio device works before its driver is there. A
    // kernel without one cannot be helped.
    let _ = Command::new("modprobe").args(["-q", "virtio_iommu"]).status();
    let loaded = Command::new("modprobe").args(["-a", "virtio_pci", "virtio_console"]).status();
    let loaded = loaded.context("cannot start modprobe")?;
    if !loaded.success() {
        bail!("modprobe of the port's driver: {loaded}");
    }
    let start = Instant::now();
    while start.elapsed() < PORT_LIMIT {
        if let Some(device) = find_port() {
            let opened = File::options().read(true).write(true).open(&device);
            return opened.with_context(|| device.display().to_string());
        }
        thread::sleep(PORT_PAUSE);
    }
    bail!("no virtio-serial port named {PORT_NAME} within {} s", PORT_LIMIT.as_secs())
}

fn find_port() -> Option<PathBuf> {
    let ports = fs::read_dir("/sys/class/virtio-ports").ok()?;
    let ours = ports.filter_map(Result::ok).find(|port| {
        fs::read_to_string(port.path().join("name")).is_ok_and(|name| name.trim() == PORT_NAME)
    })?;
    let device = PathBuf::from("/dev").join(ours.file_name());
    device.exists().then_some(device)
}

//! The host's end of the lab's port: sends requests, sorts answers by job.

use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;
use virtfn_lab_protocol::{Frame, FromGuest, JobId, ToGuest};

/// Where the answers of each job go; `None` once the guest is gone, which ends every job.
type Listeners = Arc<Mutex<Option<HashMap<JobId, Sender<FromGuest>>>>>;

/// The host's end of one guest's port.
pub(crate) struct Port {
    socket: Mutex<UnixStream>,
    listeners: Listeners,
    next: AtomicU32,
}

impl Port {
    /// Takes the socket over and returns the guest's own voice (job 0) with it.
    pub(crate) fn over(socket: UnixStream) -> Result<(Arc<Self>, Receiver<FromGuest>)> {
        let (sender, voice) = mpsc::channel();
        let listeners: Listeners = Arc::new(Mutex::new(Some(HashMap::from([(JobId(0), sender)]))));
        let incoming = socket.try_clone()?;
        let sorted = Arc::clone(&listeners);
        thread::spawn(move || sort(incoming, &sorted));
        let port = Self { socket: Mutex::new(socket), listeners, next: AtomicU32::new(1) };
        Ok((Arc::new(port), voice))
    }

    /// A new job's number and what the guest will tell of it.
    pub(crate) fn open_job(&self) -> (JobId, Receiver<FromGuest>) {
        let job = JobId(self.next.fetch_add(1, Ordering::Relaxed));
        let (sender, events) = mpsc::channel();
        if let Some(jobs) = self.listeners.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            jobs.insert(job, sender);
        }
        (job, events)
    }

    /// Hears no more of a job.
    pub(crate) fn close_job(&self, job: JobId) {
        if let Some(jobs) = self.listeners.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            jobs.remove(&job);
        }
    }

    /// Asks something of a job.
    ///
    /// # Errors
    /// When the guest is gone.
    pub(crate) fn ask(&self, job: JobId, request: ToGuest) -> Result<()> {
        let frame = request.frame(job)?;
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(frame.write_to(&mut *socket)?)
    }
}

fn sort(mut incoming: UnixStream, listeners: &Listeners) {
    while let Ok(Some(frame)) = Frame::read_from(&mut incoming) {
        let job = frame.job;
        let Ok(message) = FromGuest::parse(frame) else {
            break;
        };
        let jobs = listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listener) = jobs.as_ref().and_then(|jobs| jobs.get(&job)) {
            // A job that nobody follows any more was given up on purpose.
            let _ = listener.send(message);
        }
    }
    *listeners.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

//! One lock a PF, so that two runs do not undo each other's VFs.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use virtfn_plan::Subject;

use crate::error::ApplyError;

/// Another run is done sooner, or stuck.
const LIMIT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);

/// Locks on PFs; they end with it, and with the process.
#[derive(Debug)]
pub(crate) struct Locks(#[allow(dead_code, reason = "held, not read")] Vec<File>);

impl Locks {
    /// Takes the locks, the host's first and then in the order of addresses, so that two runs cannot wait
    /// for each other.
    pub(crate) fn take(
        folder: &Path,
        subjects: impl IntoIterator<Item = Subject>,
    ) -> Result<Self, ApplyError> {
        let mut devices: Vec<Subject> = subjects.into_iter().collect();
        devices.sort_unstable();
        devices.dedup();
        devices
            .into_iter()
            .map(|device| take_one(folder, device))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn take_one(folder: &Path, subject: Subject) -> Result<File, ApplyError> {
    let path = folder.join(format!("{subject}.lock"));
    let failed = |source| ApplyError::State { path: path.clone(), doing: "cannot lock", source };
    let mut options = OpenOptions::new();
    let mut file =
        options.create(true).read(true).write(true).truncate(false).open(&path).map_err(failed)?;
    let deadline = Instant::now() + LIMIT;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(ApplyError::Locked { subject, pid: owner(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
    sign(&mut file).map_err(failed)?;
    Ok(file)
}

fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())
}

fn owner(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

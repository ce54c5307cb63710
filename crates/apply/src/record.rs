//! What a run must not forget when it is killed: one file a subject below `/run/virtfn`.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ApplyError;

/// A record has one line; a larger file is not ours.
const MAX_BYTES: u64 = 1 << 20;

/// What a run wrote there, if it can be understood.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let length = std::fs::metadata(path).ok()?.len();
    let bytes = if length <= MAX_BYTES { std::fs::read(path).ok()? } else { return None };
    serde_json::from_slice(&bytes).ok()
}

/// Writes it, whole or not at all.
pub(crate) fn write(record: &impl Serialize, path: &Path) -> Result<(), ApplyError> {
    let write = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
        file.write_all(&serde_json::to_vec(record)?)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    let failed =
        |source| ApplyError::State { path: path.to_owned(), doing: "cannot write", source };
    write().map_err(failed)
}

/// Takes it away: nothing is owed any more.
pub(crate) fn remove(path: PathBuf) -> Result<(), ApplyError> {
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ApplyError::State { path, doing: "cannot remove", source: error })
        }
        _ => Ok(()),
    }
}

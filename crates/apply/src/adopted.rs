//! Files of configuration that go from one owner to another: each is changed whole or not at all,
//! and kept beside as it was.
//!
//! Killed in between, the files that were changed are as they shall be and the others as they were:
//! the same changes once more end in the same state.

use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use virtfn_pci::Address;
use virtfn_plan::Subject;

use crate::error::ApplyError;
use crate::lock::Locks;

/// A change of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Which.
    pub path: PathBuf,
    /// What it says now; `None`: there is none.
    pub before: Option<String>,
    /// What it shall say; `None`: there shall be none.
    pub after: Option<String>,
    /// Where it is kept as it was.
    pub backup: Option<PathBuf>,
}

/// Changes files, in their order, under the locks of the devices that they are about.
///
/// # Errors
/// When another run has a lock, or a file says something else than it was read to say, or cannot
/// be written. Files before it are changed then, and none after it.
pub fn change_files(
    state: &Path,
    devices: impl IntoIterator<Item = Address>,
    changes: &[FileChange],
) -> Result<(), ApplyError> {
    let failed =
        |path: &Path, doing, source| ApplyError::State { path: path.to_owned(), doing, source };
    std::fs::create_dir_all(state)
        .map_err(|source| failed(state, "cannot make the folder", source))?;
    let _locks = Locks::take(state, devices.into_iter().map(Subject::Device))?;
    for change in changes {
        apply(change).map_err(|source| failed(&change.path, "cannot be changed", source))?;
    }
    Ok(())
}

fn apply(change: &FileChange) -> io::Result<()> {
    // A link to a file stays one: what it leads to is changed.
    let path = change.path.canonicalize().unwrap_or_else(|_| change.path.clone());
    let now = read(&path)?;
    if now == change.after {
        return Ok(());
    }
    if now != change.before {
        return Err(io::Error::other("somebody changed it meanwhile"));
    }
    if let (Some(backup), Some(text)) = (&change.backup, &now) {
        keep(&path, backup, text)?;
    }
    match &change.after {
        Some(text) => replace(&path, text),
        None => std::fs::remove_file(&path),
    }
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// An older backup of another text is somebody's only copy of it.
fn keep(path: &Path, backup: &Path, text: &str) -> io::Result<()> {
    match read(backup)? {
        Some(there) if there == text => Ok(()),
        Some(_) => {
            let why = format!("{} is there already, with another text", backup.display());
            Err(io::Error::new(io::ErrorKind::AlreadyExists, why))
        }
        None => write(backup, text, Some(path)),
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    write(path, text, path.exists().then_some(path))
}

/// Writes beside the place, and puts it there; mode and owner are those of `like`, and without one
/// the file is root's alone.
fn write(path: &Path, text: &str, like: Option<&Path>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // Programs that read all files of a folder pass over names that begin with a dot.
    let mut file = tempfile::Builder::new().prefix(".virtfn-").suffix("~").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Some(like) = like {
        let metadata = std::fs::metadata(like)?;
        chown(file.path(), Some(metadata.uid()), Some(metadata.gid()))?;
        file.as_file().set_permissions(metadata.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(folder: &Path, before: Option<&str>, after: Option<&str>) -> FileChange {
        FileChange {
            path: folder.join("a"),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
            backup: Some(folder.join("a~")),
        }
    }

    #[test]
    fn a_file_is_changed_and_kept_and_a_second_run_has_nothing_to_do() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "old").unwrap();
        let state = folder.path().join("state");
        let changes = [change(folder.path(), Some("old"), Some("new"))];
        for _ in 0..2 {
            change_files(&state, [], &changes).unwrap();
            assert_eq!(std::fs::read_to_string(folder.path().join("a")).unwrap(), "new");
            assert_eq!(std::fs::read_to_string(folder.path().join("a~")).unwrap(), "old");
        }
        change_files(&state, [], &[change(folder.path(), Some("new"), Some("third"))]).unwrap_err();
        assert_eq!(std::fs::read_to_string(folder.path().join("a")).unwrap(), "new");
    }

    #[test]
    fn what_somebody_changed_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "other").unwrap();
        let error = change_files(folder.path(), [], &[change(folder.path(), Some("old"), None)]);
        assert!(matches!(error, Err(ApplyError::State { .. })));
        assert_eq!(std::fs::read_to_string(folder.path().join("a")).unwrap(), "other");
    }

    #[test]
    fn a_file_comes_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        change_files(folder.path(), [], &[change(folder.path(), None, Some("x"))]).unwrap();
        change_files(folder.path(), [], &[change(folder.path(), Some("x"), None)]).unwrap();
        assert!(!folder.path().join("a").exists() && folder.path().join("a~").exists());
    }
}

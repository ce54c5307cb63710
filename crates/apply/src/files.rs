//! Files of the machine that are virtfn's own: units, rules, hooks.
//!
//! Each appears whole or not at all, and is on the disk before the next. What is written first has
//! one name, so that a run that was killed leaves nothing that the next one does not take away. A
//! file that does not bear virtfn's mark is somebody else's, and stays.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The words in every file of ours by which it is known again.
pub const MARK: &str = "Written by `virtfn install`";
/// Beside the place of a file that is being written.
const FRESH: &str = "virtfn-new";

/// A file as it shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnFile {
    /// Where, below the root.
    pub path: String,
    /// What.
    pub content: Content,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A text with [`MARK`] in it.
    Text(String),
    /// The same, to be run.
    Script(String),
    /// A symbolic link.
    Link(String),
    /// The new text of a file that is not ours alone: a kernel's command line.
    Shared(String),
}

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// It is there as it shall be, or not there when it shall not.
    Same,
    /// It comes.
    Created,
    /// It becomes another.
    Changed,
    /// It goes.
    Removed,
}

/// Why a file is not as it shall be.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Somebody else's file is in its place.
    #[error("{}: not written by virtfn, and left as it is", .0.display())]
    Foreign(PathBuf),
    /// The system refused.
    #[error("{}: {doing}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// Waits until no other run writes files of ours below `root`, and keeps others from it.
///
/// # Errors
/// When the folder cannot be opened, or cannot be locked.
pub fn lock(root: &Path) -> Result<File, FileError> {
    let locked = File::open(root).and_then(|folder| folder.lock().map(|()| folder));
    locked.map_err(|source| FileError::Io {
        path: root.to_owned(),
        doing: "cannot be locked",
        source,
    })
}

/// What [`put`] would do.
///
/// # Errors
/// When somebody else's file is there, or it cannot be read.
pub fn look(root: &Path, file: &OwnFile) -> Result<FileChange, FileError> {
    let path = root.join(&file.path);
    let Some(there) = read(&path)? else { return Ok(FileChange::Created) };
    if there == file.content {
        return Ok(FileChange::Same);
    }
    if is_ours(&there) || matches!(file.content, Content::Shared(_)) {
        Ok(FileChange::Changed)
    } else {
        Err(FileError::Foreign(path))
    }
}

/// Makes a file what it shall be.
///
/// # Errors
/// As [`look`], and when it cannot be written: what was there is then still there.
pub fn put(root: &Path, file: &OwnFile) -> Result<FileChange, FileError> {
    let change = look(root, file)?;
    let path = root.join(&file.path);
    if change != FileChange::Same {
        write(&path, &file.content).map_err(|source| FileError::Io {
            path,
            doing: "cannot be written",
            source,
        })?;
    }
    Ok(change)
}

/// Whether [`remove`] would take something away.
///
/// # Errors
/// When somebody else's file is there, or it cannot be read.
pub fn look_at_leaving(root: &Path, path: &str) -> Result<FileChange, FileError> {
    let whole = root.join(path);
    match read(&whole)? {
        None if fresh(&whole).exists() => Ok(FileChange::Removed),
        None => Ok(FileChange::Same),
        Some(there) if is_ours(&there) => Ok(FileChange::Removed),
        Some(_) => Err(FileError::Foreign(whole)),
    }
}

/// Takes a file of ours away, with what a killed run left beside it and folders that it leaves
/// empty, as far as `virtfn` named them.
///
/// # Errors
/// As [`look_at_leaving`], and when it cannot be removed.
pub fn remove(root: &Path, path: &str) -> Result<FileChange, FileError> {
    let change = look_at_leaving(root, path)?;
    let whole = root.join(path);
    if change == FileChange::Removed {
        for file in [&whole, &fresh(&whole)] {
            match fs::remove_file(file) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    let path = file.clone();
                    return Err(FileError::Io { path, doing: "cannot be removed", source });
                }
                _ => {}
            }
        }
        remove_folder(&whole);
    }
    Ok(change)
}

/// A folder that only the file needed; one with something else in it stays.
fn remove_folder(file: &Path) {
    let Some(folder) = file.parent() else { return };
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    if name.ends_with("virtfn") || name.ends_with(".wants") {
        let _ = fs::remove_dir(folder);
    }
}

/// Runs a command that has new files read.
///
/// # Errors
/// With what it said, or with why it could not be started.
pub fn reload(words: &[&str]) -> Result<(), String> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    match Command::new(program).args(arguments).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("{}: {}", output.status, said.trim()))
        }
        Err(error) => Err(error.to_string()),
    }
}

fn read(path: &Path) -> Result<Option<Content>, FileError> {
    let failed = |source| FileError::Io { path: path.to_owned(), doing: "cannot be read", source };
    let about = match fs::symlink_metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if about.is_symlink() {
        let target = fs::read_link(path).map_err(failed)?;
        return Ok(Some(Content::Link(target.to_string_lossy().into_owned())));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    let runs = about.permissions().mode() & 0o111 != 0;
    Ok(Some(match (runs, text.contains(MARK)) {
        (_, false) => Content::Shared(text),
        (true, true) => Content::Script(text),
        (false, true) => Content::Text(text),
    }))
}

/// A link is ours when it points at something of our name.
fn is_ours(content: &Content) -> bool {
    match content {
        Content::Text(_) | Content::Script(_) => true,
        Content::Link(target) => target.contains("virtfn"),
        Content::Shared(_) => false,
    }
}

fn write(path: &Path, content: &Content) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let fresh = fresh(path);
    if fs::symlink_metadata(&fresh).is_ok() {
        fs::remove_file(&fresh)?;
    }
    let (text, mode) = match content {
        Content::Link(target) => {
            symlink(target, &fresh)?;
            return fs::rename(&fresh, path).and_then(|()| File::open(folder)?.sync_all());
        }
        Content::Text(text) | Content::Shared(text) => (text, 0o644),
        Content::Script(text) => (text, 0o755),
    };
    let mut file = File::create(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(folder)?.sync_all()
}

fn fresh(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{FRESH}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn text(words: &str) -> OwnFile {
        let content = Content::Text(format!("# {MARK}\n{words}\n"));
        OwnFile { path: "etc/x/virtfn.service".into(), content }
    }

    #[test]
    fn a_file_comes_once_changes_and_goes() {
        let root = tempfile::tempdir().unwrap();
        let at = root.path();
        assert_eq!(put(at, &text("a")).unwrap(), FileChange::Created);
        assert_eq!(put(at, &text("a")).unwrap(), FileChange::Same);
        assert_eq!(put(at, &text("b")).unwrap(), FileChange::Changed);
        assert_eq!(remove(at, &text("b").path).unwrap(), FileChange::Removed);
        assert_eq!(remove(at, &text("b").path).unwrap(), FileChange::Same);
        assert_eq!(fs::read_dir(at.join("etc/x")).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_run_left_goes_with_the_file() {
        let root = tempfile::tempdir().unwrap();
        let at = root.path();
        fs::create_dir_all(at.join("etc/x")).unwrap();
        fs::write(at.join("etc/x/.virtfn.service.virtfn-new"), "ha").unwrap();
        put(at, &text("a")).unwrap();
        assert_eq!(fs::read_dir(at.join("etc/x")).unwrap().count(), 1);
        fs::write(at.join("etc/x/.virtfn.service.virtfn-new"), "ha").unwrap();
        remove(at, &text("a").path).unwrap();
        assert_eq!(fs::read_dir(at.join("etc/x")).unwrap().count(), 0);
    }

    #[test]
    fn a_command_that_fails_says_how() {
        assert_eq!(reload(&["true"]), Ok(()));
        let why = reload(&["sh", "-c", "echo no such unit >&2; exit 4"]).unwrap_err();
        assert!(why.contains('4') && why.ends_with("no such unit"), "{why}");
        assert!(reload(&["/nowhere/at/all"]).is_err());
    }

    #[test]
    fn somebody_elses_file_stays() {
        let root = tempfile::tempdir().unwrap();
        let at = root.path();
        fs::create_dir_all(at.join("etc/x")).unwrap();
        fs::write(at.join("etc/x/virtfn.service"), "by hand\n").unwrap();
        assert!(matches!(put(at, &text("a")), Err(FileError::Foreign(_))));
        assert!(matches!(remove(at, &text("a").path), Err(FileError::Foreign(_))));
        assert_eq!(fs::read_to_string(at.join("etc/x/virtfn.service")).unwrap(), "by hand\n");
    }
}

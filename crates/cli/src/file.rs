//! Files that a person named: read within bounds, written whole or not at all.

use std::io::{self, Read as _, Write as _};
use std::path::Path;

use crate::error::Error;

/// Writes `text` beside its place, then puts it there, over what was there. Its owner alone can read
/// it: a machine's command line may hold what is nobody else's business.
///
/// What is no file, such as `/dev/stdout`, is written as it is: nothing can be put in its place.
///
/// # Errors
/// When it cannot be written; what was there is then still there.
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let is_special = path.metadata().is_ok_and(|there| !there.is_file());
    if is_special { std::fs::write(path, text) } else { replace(path, text) }.map_err(failed)
}

/// A text that a person named, as long as a file of configuration may be.
///
/// # Errors
/// When it cannot be read, is longer, or is no text.
pub fn read(path: &Path) -> Result<String, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let most = u64::try_from(virtfn_formats::MAX_FILE_BYTES).unwrap_or(u64::MAX);
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(most + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() > virtfn_formats::MAX_FILE_BYTES {
        return Err(failed(io::Error::other("too large for what it should be")));
    }
    Ok(text)
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

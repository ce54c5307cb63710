//! Files that a person asked for: written whole or not at all.

use std::io::{self, Write as _};
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

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

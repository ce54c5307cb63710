//! The policy files: those of the machine, or one that a person names.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use virtfn_formats::{MAX_FILE_BYTES, policy};
use virtfn_host::{Declared, Seen};
use virtfn_kernel::SysRoot;

use crate::error::Error;

/// The machine's own policy, and the folder with more of it, below the root.
const INSTALLED: &str = "etc/virtfn/policy.yaml";
const FOLDER: &str = "etc/virtfn/policy.d";

/// What the policy says: that of `file` (`-`: standard input), else the machine's own.
///
/// # Errors
/// When it cannot be read, or has faults: with all of them.
pub fn read(root: &SysRoot, file: Option<&Path>) -> Result<Declared, Error> {
    match file {
        Some(path) => {
            let failed = |source| Error::Read { path: path.to_owned(), source };
            parse(&path.display().to_string(), &text_of(path).map_err(failed)?)
        }
        None => installed(root)?.ok_or(Error::NoPolicy),
    }
}

/// The machine's own policy, if it has one: `policy.yaml`, then `policy.d` by name.
///
/// # Errors
/// When there is one that cannot be read, or has faults.
pub fn installed(root: &SysRoot) -> Result<Option<Declared>, Error> {
    let more = root.names(FOLDER, |name| name.ends_with(".yaml"));
    let more = match &more {
        Seen::Known(names) => names.iter().map(|name| format!("{FOLDER}/{name}")).collect(),
        Seen::Absent => Vec::new(),
        Seen::Unreadable(unreadable) => return Err(Error::PolicyUnseen(unreadable.clone())),
    };
    let mut whole: Option<Declared> = None;
    for path in std::iter::once(INSTALLED.to_owned()).chain(more) {
        match root.peek(&path, MAX_FILE_BYTES + 1) {
            Seen::Known(text) => {
                let mut declared = parse(&format!("/{path}"), &text)?;
                let whole = whole.get_or_insert_default();
                whole.pfs.append(&mut declared.pfs);
                whole.devices.append(&mut declared.devices);
                whole.host.append(&mut declared.host);
            }
            Seen::Absent => {}
            Seen::Unreadable(unreadable) => return Err(Error::PolicyUnseen(unreadable)),
        }
    }
    Ok(whole)
}

fn parse(path: &str, text: &str) -> Result<Declared, Error> {
    policy::read(path, text).map_err(|faults| Error::Policy {
        faults: faults.iter().map(|fault| fault.report(path, text)).collect(),
    })
}

/// A file's text, up to what any file of configuration has and one byte more; `-` is standard input.
///
/// # Errors
/// When it cannot be read, or is no text.
pub fn text_of(path: &Path) -> io::Result<String> {
    let limit = u64::try_from(MAX_FILE_BYTES + 1).unwrap_or(u64::MAX);
    let mut text = String::new();
    if path == Path::new("-") {
        io::stdin().take(limit).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(PathBuf::from(path))?.take(limit).read_to_string(&mut text)?;
    }
    Ok(text)
}

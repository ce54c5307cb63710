//! The read door: a machine's files, live or recorded, below one root.

use std::cell::RefCell;
use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;
use virtfn_host::{Reason, Seen, Unreadable};

use crate::archive::{self, ArchiveError};
use crate::tape::Tape;
use crate::tree::{Node, Tree};

/// The largest file that anything here reads whole; `modules.alias` of a large kernel has 3 MB.
pub const MAX_FILE_BYTES: usize = 16 << 20;
/// A page of memory on every machine that this runs on has so many bytes, or a multiple of it.
const PAGE_BYTES: usize = 4096;
/// The most names that a folder may have: a PF has at most 65,535 VFs.
const MAX_NAMES: usize = 1 << 17;

/// A machine's files below a root. Paths are relative (`sys/bus/pci/devices`), and none leaves it.
#[derive(Debug)]
pub struct SysRoot {
    files: Files,
    tape: Option<RefCell<Tape>>,
    locked_reader: Option<PathBuf>,
}

#[derive(Debug)]
enum Files {
    /// This machine.
    Live(OwnedFd),
    /// A recording, unpacked into a folder.
    Folder(OwnedFd),
    /// A recording, in memory.
    Memory(Tree),
}

impl SysRoot {
    /// This machine.
    ///
    /// # Errors
    /// When `/` cannot be opened.
    pub fn live() -> std::io::Result<Self> {
        Ok(Self::over(Files::Live(open_folder(Path::new("/"))?)))
    }

    /// A recording: a folder, or a `.tar.zst`.
    ///
    /// # Errors
    /// When it cannot be opened, or is not a sound recording.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let kind = std::fs::metadata(path).map_err(|e| ArchiveError::open(path, e))?;
        if kind.is_dir() {
            let folder = open_folder(path).map_err(|e| ArchiveError::open(path, e))?;
            return Ok(Self::over(Files::Folder(folder)));
        }
        Ok(Self::over(Files::Memory(archive::unpack(path)?)))
    }

    fn over(files: Files) -> Self {
        Self { files, tape: None, locked_reader: None }
    }

    /// From here on, keeps a copy of all that is read.
    #[must_use]
    pub fn taped(mut self) -> Self {
        self.tape = Some(RefCell::default());
        self
    }

    /// Reads what takes a device's lock through this program (see [`crate::locked`]), so that a
    /// lock that never comes free stops that program and not this one.
    #[must_use]
    pub fn with_locked_reader(mut self, program: PathBuf) -> Self {
        self.locked_reader = Some(program);
        self
    }

    pub(crate) fn locked_reader(&self) -> Option<&Path> {
        self.locked_reader.as_deref().filter(|_| self.is_live())
    }

    /// The copy of all that was read, if one was kept.
    #[must_use]
    pub fn into_tape(self) -> Option<Tape> {
        self.tape.map(RefCell::into_inner)
    }

    /// Is this the running machine?
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self.files, Files::Live(_))
    }

    /// The whole of a file, up to `MAX_FILE_BYTES`.
    pub fn read(&self, path: &str) -> Seen<Vec<u8>> {
        let seen = self.read_quietly(path);
        self.note(path, &seen, |bytes| Node::File(bytes.clone()));
        seen
    }

    fn read_quietly(&self, path: &str) -> Seen<Vec<u8>> {
        match &self.files {
            Files::Memory(tree) => tree.read(path).map(<[u8]>::to_vec),
            Files::Live(root) | Files::Folder(root) => seen(path, self.read_file(root, path)),
        }
    }

    /// A file's text, without the white space around it.
    pub fn text(&self, path: &str) -> Seen<String> {
        self.read(path).and_then(|bytes| trimmed(path, bytes))
    }

    pub(crate) fn text_quietly(&self, path: &str) -> Seen<String> {
        self.read_quietly(path).and_then(|bytes| trimmed(path, bytes))
    }

    /// A file's text, parsed; what does not parse is malformed.
    pub fn parse<T>(&self, path: &str, parse: impl FnOnce(&str) -> Option<T>) -> Seen<T> {
        self.text(path).and_then(|text| parse(&text).map_or_else(|| malformed(path), Seen::Known))
    }

    /// The lines of a large text that `keep` wants; only those are kept on a tape.
    pub fn lines(&self, path: &str, mut keep: impl FnMut(&str) -> bool) -> Seen<Vec<String>> {
        let seen = self.read_quietly(path).map(|bytes| {
            let text = String::from_utf8_lossy(&bytes);
            text.lines().filter(|line| keep(line)).map(str::to_owned).collect::<Vec<_>>()
        });
        self.note(path, &seen, |lines| {
            Node::File(
                lines.iter().flat_map(|line| [line.as_bytes(), b"\n"]).flatten().copied().collect(),
            )
        });
        seen
    }

    /// The text of a file of configuration, which no tape keeps: secrets may stand in it. What is
    /// no plain file (`/dev/null` in the place of one) has no text.
    pub fn peek(&self, path: &str, max_bytes: usize) -> Seen<String> {
        let bytes = match &self.files {
            Files::Memory(tree) => tree.read(path).map(<[u8]>::to_vec),
            Files::Live(_) | Files::Folder(_) => seen(path, self.read_plain(path, max_bytes)),
        };
        bytes.and_then(|bytes| match String::from_utf8(bytes) {
            Ok(text) if text.len() <= max_bytes => Seen::Known(text),
            Ok(_) => unreadable(path, Reason::TooLarge),
            Err(_) => malformed(path),
        })
    }

    /// The names in a folder that `keep` wants, in order, which no tape keeps.
    pub fn peek_names(&self, path: &str, keep: impl FnMut(&str) -> bool) -> Seen<Vec<String>> {
        self.names_quietly(path, keep)
    }

    /// Never waits: a pipe is opened without its other end, and not read.
    fn read_plain(&self, path: &str, max_bytes: usize) -> Result<Vec<u8>, Miss> {
        let fd = self.open_at(path, OFlags::RDONLY | OFlags::NONBLOCK).map_err(Miss::from)?;
        let stat = rustix::fs::fstat(&fd).map_err(Miss::from)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(Vec::new());
        }
        // A file that says its length is read to it, in one call; those of /proc say none.
        let most = max_bytes as u64 + 1;
        let limit = match u64::try_from(stat.st_size) {
            Ok(length @ 1..) => length.min(most),
            _ => most,
        };
        let mut bytes =
            Vec::with_capacity(usize::try_from(stat.st_size).unwrap_or(0).min(max_bytes));
        std::fs::File::from(fd).take(limit).read_to_end(&mut bytes).map_err(Miss::from)?;
        if bytes.len() > max_bytes { Err(Miss::Unreadable(Reason::TooLarge)) } else { Ok(bytes) }
    }

    /// The names in a folder that `keep` wants, in order.
    pub fn names(&self, path: &str, keep: impl FnMut(&str) -> bool) -> Seen<Vec<String>> {
        let seen = self.names_quietly(path, keep);
        self.note(path, &seen, |_| Node::Folder);
        if let (Some(tape), Seen::Known(names)) = (&self.tape, &seen) {
            tape.borrow_mut().folder(path, names);
        }
        seen
    }

    fn names_quietly(&self, path: &str, mut keep: impl FnMut(&str) -> bool) -> Seen<Vec<String>> {
        match &self.files {
            Files::Memory(tree) => tree.names(path).map(|names| {
                names.into_iter().filter(|name| keep(name)).map(str::to_owned).collect()
            }),
            Files::Live(root) | Files::Folder(root) => {
                seen(path, self.read_names(root, path, keep))
            }
        }
    }

    /// The text of a symbolic link.
    pub fn link(&self, path: &str) -> Seen<String> {
        let seen = self.peek_link(path);
        self.note(path, &seen, |text| Node::Link(text.clone()));
        seen
    }

    /// The same, which no tape keeps.
    pub fn peek_link(&self, path: &str) -> Seen<String> {
        match &self.files {
            Files::Memory(tree) => tree.link(path).map(str::to_owned),
            Files::Live(root) => {
                seen(path, link_text(rustix::fs::readlinkat(root, path, Vec::new())))
            }
            Files::Folder(root) => seen(path, read_link(root, path)),
        }
    }

    /// The last part of a link's text: the driver, the group, the PF that it points to.
    pub fn link_name(&self, path: &str) -> Seen<String> {
        self.link(path).map(|text| crate::path::last(&text).to_owned())
    }

    /// A fact that is no file on a live machine (an answer over netlink, a scan of `/proc`): asked
    /// for there, and read from `virtfn/NAME.json` in a recording.
    pub fn fact<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        ask: impl FnOnce() -> Seen<T>,
    ) -> Seen<T> {
        let path = format!("virtfn/{name}.json");
        if !self.is_live() {
            let parse = |bytes: Vec<u8>| match serde_json::from_slice(&bytes) {
                Ok(value) => Seen::Known(value),
                Err(_) => malformed(&path),
            };
            return self.read(&path).and_then(parse);
        }
        let answer = match ask() {
            Seen::Unreadable(Unreadable { why, .. }) => {
                Seen::Unreadable(Unreadable { path: path.clone(), why })
            }
            answer => answer,
        };
        self.note(&path, &answer, |value| {
            Node::File(serde_json::to_vec(value).unwrap_or_default())
        });
        answer
    }

    /// May this process read and write a node? The kernel is asked, and the node is not opened:
    /// opening one can claim it. `Absent` where it is not there, and in recordings, which have none.
    pub fn may_use(&self, path: &str) -> Seen<bool> {
        let Files::Live(root) = &self.files else { return Seen::Absent };
        let wanted = Access::READ_OK | Access::WRITE_OK;
        match rustix::fs::accessat(root, path, wanted, AtFlags::EACCESS) {
            Ok(()) => Seen::Known(true),
            Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Seen::Known(false),
            Err(errno) => seen(path, Err(Miss::from(errno))),
        }
    }

    /// Puts what was seen on the tape, if one runs.
    pub(crate) fn note<T>(&self, path: &str, seen: &Seen<T>, node: impl FnOnce(&T) -> Node) {
        let Some(tape) = &self.tape else { return };
        match seen {
            Seen::Known(value) => tape.borrow_mut().keep(path, node(value)),
            Seen::Unreadable(unreadable) => {
                tape.borrow_mut().keep(path, Node::Unreadable(unreadable.why.clone()));
            }
            Seen::Absent => {}
        }
    }

    /// Opens a path below the root; in a recording nothing may lead out of it, and nothing that is
    /// no file is opened for good.
    pub(crate) fn open_at(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY;
        match &self.files {
            Files::Live(root) => rustix::fs::openat(root, path, flags, Mode::empty()),
            Files::Folder(root) => open_inside(root, path, flags | OFlags::NONBLOCK),
            Files::Memory(_) => Err(Errno::ROFS),
        }
    }

    fn read_file(&self, _root: &OwnedFd, path: &str) -> Result<Vec<u8>, Miss> {
        let fd = self.open_at(path, OFlags::RDONLY).map_err(Miss::from)?;
        if !self.is_live() {
            let stat = rustix::fs::fstat(&fd).map_err(Miss::from)?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                return Err(Miss::Unreadable(Reason::Malformed));
            }
        }
        let mut file = std::fs::File::from(fd);
        let mut bytes = Vec::new();
        if self.is_live() && is_attribute(path) {
            bytes.resize(PAGE_BYTES, 0);
            let length = file.read(&mut bytes).map_err(Miss::from)?;
            bytes.truncate(length);
            if length < PAGE_BYTES {
                return Ok(bytes);
            }
        }
        let limit = MAX_FILE_BYTES as u64 + 1;
        file.take(limit).read_to_end(&mut bytes).map_err(Miss::from)?;
        if bytes.len() > MAX_FILE_BYTES {
            Err(Miss::Unreadable(Reason::TooLarge))
        } else {
            Ok(bytes)
        }
    }

    fn read_names(
        &self,
        _root: &OwnedFd,
        path: &str,
        mut keep: impl FnMut(&str) -> bool,
    ) -> Result<Vec<String>, Miss> {
        let fd = self.open_at(path, OFlags::RDONLY | OFlags::DIRECTORY).map_err(Miss::from)?;
        let mut names = Vec::new();
        for entry in Dir::read_from(fd.as_fd()).map_err(Miss::from)? {
            let entry = entry.map_err(Miss::from)?;
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            if name != "." && name != ".." && keep(name) {
                names.push(name.to_owned());
            }
            if names.len() > MAX_NAMES {
                return Err(Miss::Unreadable(Reason::TooLarge));
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// Is it an attribute, of which sysfs gives a page at once (`fs/kernfs/file.c`, `fs/sysfs/file.c`)? Less
/// than a page is all of it: no second call has to say so. Files of other kinds lie there too.
fn is_attribute(path: &str) -> bool {
    ["sys/devices/", "sys/bus/", "sys/class/"].iter().any(|folder| path.starts_with(folder))
}

fn open_folder(path: &Path) -> std::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

fn open_inside(root: &OwnedFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(root, path, flags, Mode::empty(), resolve)
}

fn read_link(root: &OwnedFd, path: &str) -> Result<String, Miss> {
    let link = open_inside(root, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC)
        .map_err(Miss::from)?;
    link_text(rustix::fs::readlinkat(&link, "", Vec::new()))
}

fn link_text(read: Result<std::ffi::CString, Errno>) -> Result<String, Miss> {
    let text = match read {
        // No link at all (EINVAL, or ENOENT for the empty path) is absence.
        Err(Errno::INVAL) => return Err(Miss::Gone),
        other => other.map_err(Miss::from)?,
    };
    text.into_string().map_err(|_| Miss::Unreadable(Reason::Malformed))
}

/// Why a read gave nothing.
#[derive(Debug)]
pub(crate) enum Miss {
    /// There is no such thing.
    Gone,
    /// There may be, but it was not to be read.
    Unreadable(Reason),
}

impl From<Errno> for Miss {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::Gone,
            Errno::ACCESS | Errno::PERM => Self::Unreadable(Reason::NotPermitted),
            other => Self::Unreadable(Reason::Failed(std::io::Error::from(other).to_string())),
        }
    }
}

impl From<std::io::Error> for Miss {
    fn from(error: std::io::Error) -> Self {
        match error.raw_os_error() {
            Some(code) => Errno::from_raw_os_error(code).into(),
            None => Self::Unreadable(Reason::Failed(error.to_string())),
        }
    }
}

pub(crate) fn seen<T>(path: &str, read: Result<T, Miss>) -> Seen<T> {
    match read {
        Ok(value) => Seen::Known(value),
        Err(Miss::Gone) => Seen::Absent,
        Err(Miss::Unreadable(why)) => Seen::Unreadable(Unreadable { path: path.to_owned(), why }),
    }
}

fn trimmed(path: &str, bytes: Vec<u8>) -> Seen<String> {
    match String::from_utf8(bytes) {
        Ok(text) => Seen::Known(text.trim().to_owned()),
        Err(_) => malformed(path),
    }
}

fn malformed<T>(path: &str) -> Seen<T> {
    unreadable(path, Reason::Malformed)
}

fn unreadable<T>(path: &str, why: Reason) -> Seen<T> {
    Seen::Unreadable(Unreadable { path: path.to_owned(), why })
}

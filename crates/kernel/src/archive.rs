//! Recordings as files: a tar archive in a zstd frame. A recording may come from anybody.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tar::EntryType;
use virtfn_host::Reason;

use crate::root::MAX_FILE_BYTES;
use crate::tree::{Node, Tree};

/// A host with 2,000 functions unpacks to some 30 MB; more than this is no recording.
const MAX_TOTAL_BYTES: u64 = 512 << 20;
const MAX_ENTRIES: usize = 1 << 20;
const MAX_PATH_BYTES: usize = 1024;
/// Where a recording keeps what could not be read when it was made.
const UNREADABLE: &str = "virtfn/unreadable.json";

/// Why a recording cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file itself.
    #[error("{}: {doing}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Its content.
    #[error("{}: not a sound recording: {why}", path.display())]
    Unsound {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl ArchiveError {
    pub(crate) fn open(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), doing: "cannot open the recording", source }
    }
}

/// Reads a recording into memory.
pub(crate) fn unpack(path: &Path) -> Result<Tree, ArchiveError> {
    let file = std::fs::File::open(path).map_err(|e| ArchiveError::open(path, e))?;
    let unsound = |why: String| ArchiveError::Unsound { path: path.to_owned(), why };
    let frame = ruzstd::decoding::StreamingDecoder::new(io::BufReader::new(file))
        .map_err(|_| unsound("it is no zstd file".into()))?;
    let tree = read_tar(frame.take(MAX_TOTAL_BYTES)).map_err(unsound)?;
    let foreign = !["sys", "proc"].iter().any(|folder| tree.names(folder).known().is_some());
    if foreign { Err(unsound("it has neither sys/ nor proc/".into())) } else { Ok(tree) }
}

fn read_tar(tar: impl Read) -> Result<Tree, String> {
    let mut tree = Tree::default();
    let mut archive = tar::Archive::new(tar);
    let broken = |e: io::Error| format!("it is cut short or damaged ({e})");
    for (count, entry) in archive.entries().map_err(broken)?.enumerate() {
        if count >= MAX_ENTRIES {
            return Err(format!("it has more than {MAX_ENTRIES} entries"));
        }
        let mut entry = entry.map_err(broken)?;
        let name = plain_path(&entry.path_bytes())?;
        if let Some(node) = read_entry(&mut entry, &name)? {
            tree.insert(&name, node);
        }
    }
    put_unreadable(&mut tree)?;
    Ok(tree)
}

fn read_entry(entry: &mut tar::Entry<'_, impl Read>, name: &str) -> Result<Option<Node>, String> {
    match entry.header().entry_type() {
        EntryType::Directory => Ok(Some(Node::Folder)),
        EntryType::Regular | EntryType::Continuous => {
            if entry.size() > MAX_FILE_BYTES as u64 {
                return Err(format!("`{name}` has {} bytes", entry.size()));
            }
            let mut bytes = Vec::new();
            let read = entry.read_to_end(&mut bytes);
            read.map_err(|e| format!("`{name}` is cut short or damaged ({e})"))?;
            Ok(Some(Node::File(bytes)))
        }
        EntryType::Symlink => {
            let target = entry.link_name_bytes().map(|bytes| String::from_utf8(bytes.into_owned()));
            match target {
                Some(Ok(text)) if text.len() <= MAX_PATH_BYTES => Ok(Some(Node::Link(text))),
                _ => Err(format!("the link `{name}` has no target that could be one")),
            }
        }
        EntryType::XGlobalHeader => Ok(None),
        other => Err(format!("`{name}` is neither file, folder nor link ({other:?})")),
    }
}

fn plain_path(bytes: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "a path in it is not text".to_owned())?;
    let escapes = text.starts_with('/') || text.split('/').any(|part| part == "..");
    if escapes || text.len() > MAX_PATH_BYTES {
        let shown: String = text.chars().take(80).collect();
        return Err(format!("the path `{shown}` leads out of it or is too long"));
    }
    Ok(text.trim_start_matches("./").to_owned())
}

fn put_unreadable(tree: &mut Tree) -> Result<(), String> {
    let Some(bytes) = tree.read(UNREADABLE).known().map(|bytes| bytes.to_vec()) else {
        return Ok(());
    };
    let reasons: BTreeMap<String, Reason> =
        serde_json::from_slice(&bytes).map_err(|e| format!("{UNREADABLE}: {e}"))?;
    for (path, why) in reasons {
        tree.insert(&plain_path(path.as_bytes())?, Node::Unreadable(why));
    }
    Ok(())
}

/// Writes a tree as a recording, beside its place and then into it.
pub(crate) fn pack(tree: &Tree, path: &Path) -> Result<(), ArchiveError> {
    let failed = |source| ArchiveError::Io { path: path.to_owned(), doing: "cannot write", source };
    let tar = write_tar(tree).map_err(failed)?;
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file =
        tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(failed)?;
    io::Write::write_all(&mut file, &ruzstd::encoding::compress_to_vec(&tar[..], level))
        .map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

fn write_tar(tree: &Tree) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut unreadable = BTreeMap::new();
    for (path, node) in tree.iter() {
        match node {
            Node::File(bytes) => {
                let mut header = header(EntryType::Regular, bytes.len() as u64);
                builder.append_data(&mut header, path, &bytes[..])?;
            }
            Node::Link(text) => {
                builder.append_link(&mut header(EntryType::Symlink, 0), path, text)?;
            }
            Node::Folder => {
                builder.append_data(&mut header(EntryType::Directory, 0), path, io::empty())?;
            }
            Node::Unreadable(why) => {
                unreadable.insert(path, why);
            }
        }
    }
    let bytes = serde_json::to_vec_pretty(&unreadable)?;
    builder.append_data(
        &mut header(EntryType::Regular, bytes.len() as u64),
        UNREADABLE,
        &bytes[..],
    )?;
    builder.into_inner()
}

/// No owner, no time: the same machine gives the same recording.
fn header(kind: EntryType, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
    header.set_mtime(0);
    header
}

//! Recordings that nobody should have made.

use std::fs;
use std::path::Path;

use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tar::{Builder, EntryType, Header};

/// One entry of an archive: its kind, its path, its link's target or its content.
pub struct Entry {
    pub kind: EntryType,
    pub path: &'static str,
    pub link: &'static str,
    pub content: Vec<u8>,
}

impl Entry {
    pub fn file(path: &'static str, content: &[u8]) -> Self {
        Self { kind: EntryType::Regular, path, link: "", content: content.to_vec() }
    }

    pub fn link(path: &'static str, link: &'static str) -> Self {
        Self { kind: EntryType::Symlink, path, link, content: Vec::new() }
    }

    pub fn of(kind: EntryType, path: &'static str) -> Self {
        Self { kind, path, link: "", content: Vec::new() }
    }
}

/// An archive of these entries, packed, written to `path`.
pub fn write(path: &Path, entries: &[Entry]) {
    let mut builder = Builder::new(Vec::new());
    for entry in entries {
        builder.append(&header(entry), &entry.content[..]).unwrap();
    }
    fs::write(path, packed(&builder.into_inner().unwrap())).unwrap();
}

pub fn packed(tar: &[u8]) -> Vec<u8> {
    compress_to_vec(tar, CompressionLevel::Fastest)
}

/// The names are put in byte by byte: the library would refuse to write them.
pub fn header(entry: &Entry) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(entry.kind);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_size(entry.content.len() as u64);
    let old = header.as_old_mut();
    old.name[..entry.path.len()].copy_from_slice(entry.path.as_bytes());
    old.linkname[..entry.link.len()].copy_from_slice(entry.link.as_bytes());
    header.set_cksum();
    header
}

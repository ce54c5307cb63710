//! The kernel's initramfs format: cpio "newc", as Documentation/driver-api/early-userspace/
//! buffer-format.rst describes it.
//!
//! The kernel unpacks archives that follow one another into one root, and a later entry replaces an
//! earlier one: so the slow, large part of an image is built once and what changes is appended.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Component, Path};

/// A directory's type bits, from stat(2).
const DIRECTORY: u32 = 0o040_000;
/// A regular file's type bits.
const FILE: u32 = 0o100_000;
/// A symbolic link's type bits.
const LINK: u32 = 0o120_000;
/// A character device's type bits.
const CHARACTER_DEVICE: u32 = 0o020_000;
/// Between two archives the kernel wants zeros up to a multiple of four bytes; the customary block
/// is 512.
const BLOCK_BYTES: u64 = 512;

/// Writes an archive, entry by entry; parent directories come by themselves.
pub(crate) struct Archive<W> {
    out: W,
    written_bytes: u64,
    inode: u32,
    directories: BTreeSet<String>,
}

struct Entry<'a> {
    path: &'a str,
    mode: u32,
    device: (u32, u32),
    body: &'a [u8],
}

impl<W: Write> Archive<W> {
    /// An archive that goes to `out`.
    pub(crate) fn new(out: W) -> Self {
        Self { out, written_bytes: 0, inode: 0, directories: BTreeSet::new() }
    }

    /// Adds a directory, and those above it.
    pub(crate) fn directory(&mut self, path: &str) -> io::Result<()> {
        let mut above = String::new();
        for part in Path::new(path).components() {
            let Component::Normal(part) = part else {
                continue;
            };
            if !above.is_empty() {
                above.push('/');
            }
            above.push_str(&part.to_string_lossy());
            if self.directories.insert(above.clone()) {
                let mode = DIRECTORY | 0o755;
                self.entry(&Entry { path: &above, mode, device: (0, 0), body: &[] })?;
            }
        }
        Ok(())
    }

    /// Adds a regular file with these permissions.
    pub(crate) fn file(&mut self, path: &str, permissions: u32, body: &[u8]) -> io::Result<()> {
        self.parent_of(path)?;
        self.entry(&Entry { path, mode: FILE | permissions, device: (0, 0), body })
    }

    /// Adds a symbolic link.
    pub(crate) fn link(&mut self, path: &str, target: &str) -> io::Result<()> {
        self.parent_of(path)?;
        self.entry(&Entry { path, mode: LINK | 0o777, device: (0, 0), body: target.as_bytes() })
    }

    /// Adds a character device.
    pub(crate) fn device(&mut self, path: &str, major: u32, minor: u32) -> io::Result<()> {
        self.parent_of(path)?;
        let mode = CHARACTER_DEVICE | 0o600;
        self.entry(&Entry { path, mode, device: (major, minor), body: &[] })
    }

    /// Ends the archive so that another can follow.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.inode = 0;
        self.entry(&Entry { path: "TRAILER!!!", mode: 0, device: (0, 0), body: &[] })?;
        self.pad(BLOCK_BYTES)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn parent_of(&mut self, path: &str) -> io::Result<()> {
        path.rsplit_once('/').map_or(Ok(()), |(parent, _)| self.directory(parent))
    }

    fn entry(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        self.inode += 1;
        let too_long = |_| io::Error::other(format!("{}: too long for cpio", entry.path));
        let body_bytes = u32::try_from(entry.body.len()).map_err(too_long)?;
        let name_bytes = u32::try_from(entry.path.len() + 1).map_err(too_long)?;
        let links = if entry.mode & 0o170_000 == DIRECTORY { 2 } else { 1 };
        let (major, minor) = entry.device;
        let fields =
            [self.inode, entry.mode, 0, 0, links, 0, body_bytes, 0, 0, major, minor, name_bytes, 0];
        self.put(b"070701")?;
        for field in fields {
            self.put(format!("{field:08x}").as_bytes())?;
        }
        self.put(entry.path.as_bytes())?;
        self.put(&[0])?;
        self.pad(4)?;
        self.put(entry.body)?;
        self.pad(4)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.written_bytes += bytes.len() as u64;
        Ok(())
    }

    fn pad(&mut self, multiple_bytes: u64) -> io::Result<()> {
        let missing = self.written_bytes.next_multiple_of(multiple_bytes) - self.written_bytes;
        for _ in 0..missing {
            self.put(&[0])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_aligned_and_ends_with_its_trailer() {
        let mut archive = Archive::new(Vec::new());
        archive.file("etc/hostname", 0o644, b"lab\n").unwrap();
        archive.link("bin", "usr/bin").unwrap();
        archive.device("dev/console", 5, 1).unwrap();
        let bytes = archive.finish().unwrap();
        assert_eq!(bytes.len() % 512, 0);
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(text.matches("070701").count(), 6, "etc, etc/hostname, bin, dev, console, end");
        assert!(text.trim_end_matches('\0').ends_with("TRAILER!!!"));
    }

    #[test]
    fn a_file_entry_has_the_fields_where_the_kernel_reads_them() {
        let mut archive = Archive::new(Vec::new());
        archive.file("x", 0o755, b"hello").unwrap();
        let bytes = archive.finish().unwrap();
        let field = |n: usize| std::str::from_utf8(&bytes[6 + 8 * n..14 + 8 * n]).unwrap();
        assert_eq!(field(1), "000081ed", "mode");
        assert_eq!(field(6), "00000005", "body length");
        assert_eq!(field(11), "00000002", "name length with its zero");
        assert_eq!(&bytes[110..112], b"x\0");
        assert_eq!(&bytes[112..117], b"hello");
    }

    #[test]
    fn a_directory_comes_once() {
        let mut archive = Archive::new(Vec::new());
        archive.file("a/b/one", 0o644, b"").unwrap();
        archive.file("a/b/two", 0o644, b"").unwrap();
        let bytes = archive.finish().unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes).matches("070701").count(), 5);
    }
}

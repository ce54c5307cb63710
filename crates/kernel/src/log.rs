//! The kernel's log.

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, SeekFrom, open, seek};
use rustix::io::{Errno, read};
use virtfn_host::{Reason, Seen, Unreadable};

use crate::root::SysRoot;
use crate::tree::Node;

/// Where a recording keeps it, as `dmesg` prints it.
const RECORDED: &str = "kernel.log";
/// The largest record that `/dev/kmsg` gives (`CONSOLE_EXT_LOG_MAX`).
const MAX_RECORD_BYTES: usize = 8192;
const MAX_RECORDS: usize = 1 << 18;

impl SysRoot {
    /// The lines of the kernel's log, without time stamps, oldest first. The ring may have lost the
    /// oldest: a line that is not there proves nothing.
    pub fn kernel_log(&self) -> Seen<Vec<String>> {
        if self.is_live() {
            let seen = live();
            self.note(RECORDED, &seen, |lines| Node::File(lines.join("\n").into_bytes()));
            return seen
                .map(|lines| lines.iter().map(|line| without_stamp(line).to_owned()).collect());
        }
        match self.lines(RECORDED, |_| true) {
            // Nobody's kernel says nothing: an empty file is one that could not be had.
            Seen::Known(lines) if lines.is_empty() => Seen::Absent,
            seen => {
                seen.map(|lines| lines.iter().map(|line| without_stamp(line).to_owned()).collect())
            }
        }
    }
}

/// The end of the kernel's log: what is written after it was opened.
#[derive(Debug)]
pub struct LogTail(OwnedFd);

impl SysRoot {
    /// The end of the live machine's log, if it may be read.
    #[must_use]
    pub fn log_tail(&self) -> Option<LogTail> {
        let kmsg = self.is_live().then(open_kmsg)?.ok()?;
        // The next record that there will be (Documentation/ABI/testing/dev-kmsg).
        seek(&kmsg, SeekFrom::End(0)).ok()?;
        Some(LogTail(kmsg))
    }
}

impl LogTail {
    /// What was written since it was opened, or since the last call.
    #[must_use]
    pub fn new_lines(&self) -> Vec<String> {
        let read = records(&self.0);
        let lines = read.known().map_or(&[][..], Vec::as_slice);
        lines.iter().map(|line| without_stamp(line).to_owned()).collect()
    }
}

fn open_kmsg() -> Result<OwnedFd, Errno> {
    open("/dev/kmsg", OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())
}

/// Reads `/dev/kmsg` record by record, without waiting for new ones.
fn live() -> Seen<Vec<String>> {
    match open_kmsg() {
        Ok(kmsg) => records(&kmsg),
        Err(errno) => unreadable(errno),
    }
}

fn unreadable(errno: Errno) -> Seen<Vec<String>> {
    crate::root::seen("dev/kmsg", Err(errno.into()))
}

fn records(kmsg: &OwnedFd) -> Seen<Vec<String>> {
    let mut lines = Vec::new();
    let mut record = [0; MAX_RECORD_BYTES];
    while lines.len() < MAX_RECORDS {
        match read(kmsg, &mut record) {
            Ok(0) | Err(Errno::AGAIN) => return Seen::Known(lines),
            Ok(length) => lines.extend(line(&record[..length])),
            // The ring ran over what was to be read next.
            Err(Errno::PIPE | Errno::INTR) => {}
            Err(errno) => return unreadable(errno),
        }
    }
    Seen::Unreadable(Unreadable { path: "dev/kmsg".into(), why: Reason::TooLarge })
}

/// `PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT\n KEY=VALUE…` as `[SECONDS] TEXT`; what user space
/// wrote (facility other than 0) is not the kernel's word.
fn line(record: &[u8]) -> Option<String> {
    let record = String::from_utf8_lossy(record);
    let (prefix, text) = record.split_once(';')?;
    let mut fields = prefix.split(',');
    let priority: u32 = fields.next()?.parse().ok()?;
    let micros: u64 = fields.nth(1)?.parse().ok()?;
    let text = text.lines().next()?;
    (priority >> 3 == 0)
        .then(|| format!("[{:5}.{:06}] {text}", micros / 1_000_000, micros % 1_000_000))
}

/// A line without `[    1.234567] `.
fn without_stamp(line: &str) -> &str {
    let stamped = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    match stamped {
        Some((stamp, text)) if stamp.trim().parse::<f64>().is_ok() => text,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_become_lines_and_lines_lose_their_stamp() {
        let record = b"6,339,5140900,-;igb 0000:0b:00.0: 7 VFs allocated\n SUBSYSTEM=pci\n";
        let text = line(record).unwrap();
        assert_eq!(text, "[    5.140900] igb 0000:0b:00.0: 7 VFs allocated");
        assert_eq!(without_stamp(&text), "igb 0000:0b:00.0: 7 VFs allocated");
        assert_eq!(line(b"30,1,1,-;from user space"), None);
        assert_eq!(without_stamp("[Firmware Bug]: x] y"), "[Firmware Bug]: x] y");
    }
}

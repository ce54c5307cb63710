//! Attributes whose reading takes the device's lock, and may never return.
//!
//! `driver_override` and `sriov_numvfs` wait behind whoever writes to the device, and a writer
//! waits for ever for a VM that does not let go of a VF. No signal reaches a process that waits so,
//! and one that has a thread waiting so cannot end. So another process reads them (this program,
//! started anew), and one that does not answer in time is left to its fate.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use virtfn_host::{Reason, Seen, Unreadable};

use crate::root::SysRoot;
use crate::tree::Node;

/// The word that makes a program a locked reader: `virtfn --read-locked PATH…`.
pub const WORD: &str = "--read-locked";
/// A lock that is merely busy is free again sooner.
const LIMIT: Duration = Duration::from_secs(2);
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// The locked reader's part: prints each file as one line of JSON, as soon as it has it.
///
/// # Errors
/// When standard output is gone.
pub fn serve(paths: impl Iterator<Item = String>) -> std::io::Result<()> {
    let root = SysRoot::live()?;
    let mut out = std::io::stdout().lock();
    for path in paths {
        let seen = root.text(&path);
        serde_json::to_writer(&mut out, &(path, seen))?;
        out.write_all(b"\n")?;
        out.flush()?;
    }
    Ok(())
}

impl SysRoot {
    /// The texts of attributes that take a device's lock; what gives no answer in time is
    /// [`Reason::TimedOut`].
    pub fn locked_texts(&self, paths: &[String]) -> BTreeMap<String, Seen<String>> {
        let texts = self.locked_peeks(paths);
        for (path, seen) in &texts {
            self.note(path, seen, |text| Node::File(text.clone().into_bytes()));
        }
        texts
    }

    /// The same, which no tape keeps: what a process has in its memory waits for whoever changes
    /// that memory, and secrets may stand in it.
    pub fn locked_peeks(&self, paths: &[String]) -> BTreeMap<String, Seen<String>> {
        let Some(program) = self.locked_reader().filter(|_| !paths.is_empty()) else {
            return paths.iter().map(|path| (path.clone(), self.text_quietly(path))).collect();
        };
        let mut texts = match ask(program, paths) {
            Ok(answer) => parse(&answer),
            Err(_) => BTreeMap::new(),
        };
        for path in paths {
            let late =
                || Seen::Unreadable(Unreadable { path: path.clone(), why: Reason::TimedOut });
            texts.entry(path.clone()).or_insert_with(late);
        }
        texts
    }
}

fn parse(answer: &[u8]) -> BTreeMap<String, Seen<String>> {
    answer
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect()
}

fn ask(program: &std::path::Path, paths: &[String]) -> std::io::Result<Vec<u8>> {
    let mut child = Command::new(program)
        .arg(WORD)
        .args(paths)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut answer = Vec::new();
    if let Some(mut pipe) = child.stdout.take() {
        let deadline = Instant::now() + LIMIT;
        let mut chunk = [0; 4096];
        while answer.len() < MAX_ANSWER_BYTES && readable(&pipe, deadline)? {
            match pipe.read(&mut chunk)? {
                0 => {
                    child.wait()?;
                    return Ok(answer);
                }
                count => answer.extend_from_slice(&chunk[..count]),
            }
        }
    }
    // It waits for a lock: the signal reaches it when it has it. Nobody waits for that.
    child.kill()?;
    Ok(answer)
}

fn readable(pipe: &std::process::ChildStdout, deadline: Instant) -> std::io::Result<bool> {
    let left = deadline.saturating_duration_since(Instant::now());
    let limit = Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    };
    let mut fds = [PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)];
    Ok(poll(&mut fds, Some(&limit))? > 0)
}

//! What the tests of whole commands share.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

pub mod big_host;
pub mod hostile;
pub mod made_host;
pub mod schema;
pub mod xml;

use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A command line that ran.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// The program under test, in a plain locale without colours.
pub fn virtfn() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_virtfn"));
    command.env_clear().env("LC_ALL", "C.UTF-8");
    command
}

/// Runs `virtfn` with these words.
pub fn run(words: &[&str]) -> Ran {
    finish(virtfn().args(words).output().unwrap())
}

/// Runs `virtfn` with these words on a recorded host.
pub fn on(host: &str, words: &[&str]) -> Ran {
    let path = recorded(host);
    finish(virtfn().args(words).arg("--root").arg(path).output().unwrap())
}

pub fn finish(output: Output) -> Ran {
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The folder of recorded hosts.
pub fn hosts() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/hosts")
}

/// A recorded host's file.
pub fn recorded(host: &str) -> PathBuf {
    hosts().join(format!("{host}.tar.zst"))
}

/// The names of all recorded hosts.
pub fn all_hosts() -> Vec<String> {
    let names = std::fs::read_dir(hosts()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names
        .filter_map(|name| Some(name.to_str()?.strip_suffix(".tar.zst")?.to_owned()))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no recorded hosts in {}", hosts().display());
    names
}

/// `object`, then what could have been meant.
pub fn errs(ran: &Ran, code: i32, says: &[&str]) {
    assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{}", ran.err);
    for word in says {
        assert!(ran.err.contains(word), "`{word}` is not in: {}", ran.err);
    }
}

/// A recorded host's own devices, and files of configuration that somebody put beside them.
pub fn with_files(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut tar = Vec::new();
    let file = std::fs::File::open(recorded("intel-default")).unwrap();
    let mut packed = ruzstd::decoding::StreamingDecoder::new(file).unwrap();
    std::io::Read::read_to_end(&mut packed, &mut tar).unwrap();
    tar::Archive::new(&tar[..]).unpack(folder.path()).unwrap();
    // A recording with virtfn's own facts has its claims among them: these are files.
    let _ = std::fs::remove_file(folder.path().join("virtfn/claims.json"));
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

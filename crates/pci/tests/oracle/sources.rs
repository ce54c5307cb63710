//! Where config spaces come from: recordings in archives, and single config files.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use virtfn_pci::ConfigSpace;

/// Config spaces that belong together.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) configs: Vec<ConfigSpace>,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The recordings the project keeps.
pub(crate) fn own_hosts() -> Vec<Source> {
    dumps(&repository().join("fixtures/hosts"))
}

/// More recordings and config files, where somebody put them beside the repository.
pub(crate) fn shared() -> Vec<Source> {
    let shared = repository().join("../shared");
    let mut sources = dumps(&shared.join("hosts"));
    sources.extend(dumps(&shared.join("real/hosts")));
    sources
        .extend(archives(&shared.join("real/config")).iter().map(|archive| config_files(archive)));
    sources
}

fn archives(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(".tar.zst"));
    paths.sort();
    paths
}

fn dumps(folder: &Path) -> Vec<Source> {
    archives(folder).iter().map(|archive| recorded_dump(archive)).collect()
}

/// The `lspci -xxxx` text of a recording.
fn recorded_dump(archive: &Path) -> Source {
    let mut configs = Vec::new();
    each_file(archive, |path, bytes| {
        if path.ends_with("oracle/lspci-xxxx") {
            configs = parse_dump(&String::from_utf8_lossy(bytes));
        }
    });
    assert!(!configs.is_empty(), "{} has a dump", archive.display());
    Source { name: archive.display().to_string(), configs }
}

/// Every `config` and `*.config` file of an archive.
fn config_files(archive: &Path) -> Source {
    let mut configs = Vec::new();
    each_file(archive, |path, bytes| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if (name == "config" || name.ends_with(".config")) && bytes.len() >= 64 {
            configs.push(ConfigSpace::new(bytes.to_vec()));
        }
    });
    assert!(!configs.is_empty(), "{} has config files", archive.display());
    Source { name: archive.display().to_string(), configs }
}

fn each_file(archive: &Path, mut see: impl FnMut(&Path, &[u8])) {
    let file = fs::File::open(archive).unwrap();
    let unpacked = ruzstd::decoding::StreamingDecoder::new(std::io::BufReader::new(file)).unwrap();
    for entry in tar::Archive::new(unpacked).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_file() {
            let path = entry.path().unwrap().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            see(&path, &bytes);
        }
    }
}

/// Lines of hex below a line that names the function; functions parted by empty lines.
fn parse_dump(text: &str) -> Vec<ConfigSpace> {
    let functions = text.split("\n\n").filter(|block| !block.trim().is_empty());
    functions
        .map(|block| ConfigSpace::new(block.lines().skip(1).flat_map(hex_line).collect()))
        .collect()
}

fn hex_line(line: &str) -> Vec<u8> {
    let (_, bytes) = line.split_once(": ").expect("an offset, then bytes");
    bytes.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("hex")).collect()
}

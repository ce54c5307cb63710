//! `lspci -F` run over config spaces, and its text taken apart.

use std::fmt::Write as _;
use std::process::Command;

use virtfn_pci::{Address, ConfigSpace};

/// What lspci said about one function.
#[derive(Default)]
pub(crate) struct Text {
    /// The first line, without the address.
    pub(crate) title: String,
    /// Lines about the header, continuations joined.
    pub(crate) header: Vec<String>,
    /// Capabilities in order.
    pub(crate) capabilities: Vec<Block>,
}

/// What lspci said about one capability.
pub(crate) struct Block {
    /// Its offset; `None` where lspci could not read it.
    pub(crate) offset: Option<u16>,
    /// Its version, on extended ones.
    pub(crate) version: Option<u8>,
    /// The rest of its first line.
    pub(crate) title: String,
    /// The lines below.
    pub(crate) lines: Vec<String>,
}

/// One text a config space, in their order; `None` where lspci gave up ("Internal bug").
pub(crate) fn decode(configs: &[ConfigSpace]) -> Vec<Option<Text>> {
    match (run(configs), configs) {
        (Ok(text), _) => {
            let blocks = text.split("\n\n").filter(|block| !block.trim().is_empty());
            blocks.map(|block| Some(parse(block))).collect()
        }
        (Err(error), [_]) => {
            assert!(error.contains("Internal bug"), "lspci: {error}");
            vec![None]
        }
        (Err(_), _) => {
            let (first, second) = configs.split_at(configs.len() / 2);
            let mut texts = decode(first);
            texts.extend(decode(second));
            texts
        }
    }
}

fn run(configs: &[ConfigSpace]) -> Result<String, String> {
    let dump = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(dump.path(), write_dump(configs)).expect("a dump written");
    let output = Command::new("lspci")
        .arg("-F")
        .arg(dump.path())
        .args(["-D", "-nvvv"])
        .output()
        .unwrap_or_else(|error| panic!("lspci (Debian package pciutils) is needed here: {error}"));
    let said = if output.status.success() { &output.stdout } else { &output.stderr };
    let said = String::from_utf8_lossy(said).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

/// Functions are numbered anew, so that every address is there once and order is kept.
fn write_dump(configs: &[ConfigSpace]) -> String {
    let mut dump = String::new();
    for (n, config) in (0u16..).zip(configs) {
        writeln!(dump, "{} function", Address::from_routing_id(0, n)).unwrap();
        for (row, bytes) in config.bytes().chunks(16).enumerate() {
            write!(dump, "{:02x}:", row * 16).unwrap();
            for byte in bytes {
                write!(dump, " {byte:02x}").unwrap();
            }
            dump.push('\n');
        }
        dump.push('\n');
    }
    dump
}

fn parse(block: &str) -> Text {
    let mut text = Text::default();
    for line in block.lines() {
        if !line.starts_with('\t') {
            text.title = line.split_once(' ').map_or("", |(_, title)| title).to_owned();
        } else if let Some(start) = line.strip_prefix("\tCapabilities: ") {
            text.capabilities.push(parse_start(start));
        } else if let Some(more) = line.strip_prefix("\t\t") {
            match text.capabilities.last_mut() {
                Some(capability) => capability.lines.push(more.trim().to_owned()),
                None => {
                    let last = text.header.last_mut().expect("a line to go on from");
                    last.push(' ');
                    last.push_str(more.trim());
                }
            }
        } else {
            text.header.push(line.trim().to_owned());
        }
    }
    text
}

/// `[54] Express …`, `[100 v2] Advanced …` or `<access denied>`.
fn parse_start(start: &str) -> Block {
    let parts = start.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    let Some((place, title)) = parts else {
        return Block { offset: None, version: None, title: start.to_owned(), lines: Vec::new() };
    };
    let (offset, version) = match place.split_once(" v") {
        Some((offset, version)) => (offset, version.parse().ok()),
        None => (place, None),
    };
    Block {
        offset: u16::from_str_radix(offset, 16).ok(),
        version,
        title: title.to_owned(),
        lines: Vec::new(),
    }
}

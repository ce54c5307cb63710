//! Real firmware's tables: the project's recordings, and those that lie beside the repository.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says how much it read"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use virtfn_acpi::{Oddity, Table, parse};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Files of an archive by name; none where the archive is not there.
fn files(archive: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(file) = fs::File::open(archive) else { return Vec::new() };
    let unpacked = ruzstd::decoding::StreamingDecoder::new(std::io::BufReader::new(file)).unwrap();
    let mut files = Vec::new();
    for entry in tar::Archive::new(unpacked).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_file() {
            let (name, mut bytes) = (entry.path().unwrap().display().to_string(), Vec::new());
            entry.read_to_end(&mut bytes).unwrap();
            files.push((name, bytes));
        }
    }
    files
}

/// How often each kind of oddity was seen, by its name.
fn count(odd: &mut BTreeMap<String, usize>, oddities: &[Oddity]) {
    for oddity in oddities {
        let name = format!("{oddity:?}");
        let name = name.split([' ', '{']).next().unwrap().to_owned();
        *odd.entry(name).or_default() += 1;
    }
}

#[test]
fn every_table_of_the_recordings_is_sound() {
    let mut seen = Vec::new();
    for entry in fs::read_dir(repository().join("fixtures/hosts")).unwrap() {
        for (name, bytes) in files(&entry.unwrap().path()) {
            let iommu = ["DMAR", "IVRS", "IORT", "VIOT"].iter().any(|table| name.ends_with(table));
            if iommu && name.contains("firmware/acpi/tables/") {
                let table = parse(&bytes).unwrap();
                assert!(table.oddities().is_empty(), "{name}: {:?}", table.oddities());
                seen.push(table.header().signature.clone());
            }
        }
    }
    println!("{} tables of recorded hosts", seen.len());
    for signature in ["DMAR", "IVRS", "VIOT"] {
        assert!(seen.iter().any(|seen| seen == signature), "{signature} is among the recordings");
    }
}

#[test]
fn every_real_table_is_read_and_the_odd_ones_say_why() {
    let archive = repository().join("../shared/real/acpi/tables.tar.zst");
    let tables: Vec<_> =
        files(&archive).into_iter().filter(|(name, _)| name.ends_with(".bin")).collect();
    let (mut odd, mut odd_tables, mut units) = (BTreeMap::new(), 0, 0);
    for (name, bytes) in &tables {
        let table = parse(bytes).unwrap();
        match &table {
            Table::Dmar(dmar) => units += dmar.units().count(),
            Table::Ivrs(ivrs) => units += ivrs.units.len(),
            other => panic!("{name} is read as {other:?}"),
        }
        if !table.oddities().is_empty() {
            odd_tables += 1;
            let said: Vec<_> = table.oddities().iter().map(ToString::to_string).collect();
            println!("{name}: {}", said.join("; "));
        }
        count(&mut odd, table.oddities());
    }
    println!("{} real tables, {units} units, {odd_tables} odd: {odd:?}", tables.len());
    if !tables.is_empty() {
        assert_eq!(tables.len(), 231);
        for kind in ["UnitWithoutRegisters", "EmptyRegion", "UnknownStructure"] {
            assert!(odd.contains_key(kind), "{kind} is among the real tables");
        }
    }
}

#[test]
fn damaged_firmware_test_logs_say_what_is_damaged() {
    let archive = repository().join("../shared/real/acpi/fwts.tar.zst");
    let (mut tables, mut odd) = (0, BTreeMap::new());
    for (name, text) in files(&archive) {
        for (signature, bytes) in acpidump(&String::from_utf8_lossy(&text)) {
            tables += 1;
            let table = parse(&bytes).unwrap();
            if ["IORT", "IVRS"].contains(&signature.as_str()) {
                println!("{name} {signature}: {:?}", table.oddities());
                assert!(!matches!(table, Table::Other { .. }), "{name}");
            }
            count(&mut odd, table.oddities());
        }
    }
    if tables > 0 {
        for kind in ["Checksum", "BrokenRange", "DanglingReference", "CutArray"] {
            assert!(odd.contains_key(kind), "{kind} is among the damaged tables");
        }
    }
    println!("{tables} tables of {}: {odd:?}", archive.display());
}

/// `SIGN @ 0x…`, then lines of offset, sixteen bytes of hex, and text.
fn acpidump(text: &str) -> Vec<(String, Vec<u8>)> {
    let mut tables: Vec<(String, Vec<u8>)> = Vec::new();
    for line in text.lines() {
        if let Some((signature, _)) = line.split_once(" @ ") {
            tables.push((signature.to_owned(), Vec::new()));
        } else if let (Some((_, rest)), Some((_, bytes))) =
            (line.split_once(": "), tables.last_mut())
        {
            let hex = rest.get(..47.min(rest.len())).unwrap_or_default();
            bytes
                .extend(hex.split_whitespace().map_while(|byte| u8::from_str_radix(byte, 16).ok()));
        }
    }
    tables
}

//! Any text as a file of somebody's configuration: every reader ends, says a bounded amount and
//! never panics. The first byte picks the format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use virtfn_formats::{File, MAX_CLAIMS, SOURCES, guest, read_program};

fuzz_target!(|bytes: &[u8]| {
    let Some((which, text)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let source = &SOURCES[usize::from(*which) % SOURCES.len()];
    let path = format!("{}/{}x{}", source.folders[0], source.named.0, source.named.1);
    let (first, second) = text.split_once('\0').unwrap_or((text, ""));
    let files = [File { path: &path, text: first }, File { path: "drop-in.conf", text: second }];
    let reading = (source.read)(&files);
    assert!(reading.claims.len() <= MAX_CLAIMS && reading.unread.len() <= MAX_CLAIMS);
    for run in &reading.runs {
        assert!(!run.path.starts_with('/'));
        assert!(read_program(files[0], run).claims.len() <= MAX_CLAIMS);
    }
    if let Some(domain) = guest::domain(text) {
        assert!(domain.devices.len() + domain.networks.len() <= MAX_CLAIMS);
    }
    let (devices, pools) = (guest::config(text), guest::mappings(text, None));
    assert!(devices.len() <= MAX_CLAIMS && pools.values().all(|one| one.len() <= MAX_CLAIMS));
    let _ = (guest::network(text), guest::reservations(text), guest::saved(text));
    let _ = guest::vmm("kvm", text);
});

//! Any bytes as an ACPI table: reading ends, says a bounded amount and never panics.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(table) = virtfn_acpi::parse(bytes) else {
        assert!(bytes.len() < 36);
        return;
    };
    assert!(table.oddities().len() <= 2 * bytes.len() + 4);
    for oddity in table.oddities() {
        assert!(!oddity.to_string().is_empty());
    }
});

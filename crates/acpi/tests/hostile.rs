//! Bytes that are anything at all.

use proptest::prelude::*;
use virtfn_acpi::parse;

/// Bytes behind a head that gets them to their parser.
fn table() -> impl Strategy<Value = Vec<u8>> {
    let signature = prop_oneof![Just(b"DMAR"), Just(b"IVRS"), Just(b"IORT"), Just(b"VIOT")];
    let body = proptest::collection::vec(prop_oneof![0u8..8, any::<u8>()], 0..400);
    (signature, body).prop_map(|(signature, mut body)| {
        let keep = body.len().min(4);
        body[..keep].copy_from_slice(&signature[..keep]);
        if let Some(offset) = body.get_mut(36..48) {
            offset.copy_from_slice(&[2, 0, 48, 0, 48, 0, 0, 0, 0, 0, 0, 0]);
        }
        body
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic_and_what_is_told_is_bounded(bytes in table()) {
        if let Ok(table) = parse(&bytes) {
            // Every oddity costs at least a byte, but for a handful about the table as a whole.
            prop_assert!(table.oddities().len() <= 2 * bytes.len() + 4);
            prop_assert!(serde_json::to_string(&table).is_ok());
            for oddity in table.oddities() {
                prop_assert!(!oddity.to_string().is_empty());
            }
        }
    }
}

//! Any text as a policy file: it is read or its faults are shown, and what was read and written
//! reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use virtfn_formats::policy;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match policy::read("policy.yaml", text) {
        Ok(declared) => {
            let written = policy::write(&declared);
            let again = policy::read("policy.yaml", &written).expect("what we write, we read");
            assert_eq!(again.without_places(), declared.without_places(), "{written}");
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            for fault in faults {
                assert!(fault.show("policy.yaml", text).starts_with("policy.yaml:"));
            }
        }
    }
});

//! Any text as a device's XML, a domain's, and QEMU's arguments: each is read or its fault is shown,
//! and a device that was read and written reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use virtfn_formats::vm::{Domain, free_port, read_device, read_qemu_args};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match read_device(text) {
        Ok(passed) => {
            let written = passed.xml();
            let again = read_device(&written).expect("what we write, we read");
            assert_eq!(again, passed, "{written}");
        }
        Err(fault) => assert!(fault.report("vf.xml", text).starts_with("vf.xml:")),
    }
    match Domain::read(text) {
        Ok(domain) => {
            let _ = (free_port(&domain), domain.lockable(domain.passed.len() + 1));
        }
        Err(fault) => assert!(fault.report("domain.xml", text).starts_with("domain.xml:")),
    }
    let args: Vec<String> = text.split('\n').map(str::to_owned).collect();
    assert!(read_qemu_args(&args).len() <= args.len());
});

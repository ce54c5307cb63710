//! Any text as a file of a foreign format: it is read, the policy that it becomes can be written and
//! read, and goes out to every format. The first byte picks the format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use virtfn_formats::exchange::{FORMATS, Terms, export, import};
use virtfn_formats::{File, MAX_CLAIMS, policy};

fuzz_target!(|bytes: &[u8]| {
    let Some((which, text)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let format = &FORMATS[usize::from(*which) % FORMATS.len()];
    let (first, second) = text.split_once('\0').unwrap_or((text, ""));
    let files = [
        File { path: "etc/10-x.link", text: first },
        File { path: "etc/10-x.link.d/y.conf", text: second },
    ];
    let imported = import(format, &files, &Terms::default());
    assert!(imported.lost.len() <= 2 * MAX_CLAIMS && imported.faults.len() <= 2 * MAX_CLAIMS);
    let written = policy::write(&imported.declared);
    policy::read("policy.yaml", &written).expect("what is imported is a policy");
    // Numbers of VFs multiply what is written: those of real cards are enough.
    if imported.declared.pfs.iter().map(|pf| u32::from(pf.vfs)).sum::<u32>() > 512 {
        return;
    }
    for format in FORMATS {
        let _ = export(format, &imported.declared, &Terms::default());
    }
});

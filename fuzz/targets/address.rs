//! Any text as a PCI address: what is read is written and read back the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use virtfn_pci::Address;

fuzz_target!(|text: &str| {
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string().parse(), Ok(address));
        assert_eq!(address.short().parse(), Ok(address));
        assert_eq!(address.libvirt_name().parse(), Ok(address));
    }
});

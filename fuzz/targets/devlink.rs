//! One message of devlink's: any bytes are read in every way, and none panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use virtfn_kernel::netlink::devlink::parse;

fuzz_target!(|message: &[u8]| {
    let _ = parse(message);
});

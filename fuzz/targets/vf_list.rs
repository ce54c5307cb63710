//! The VFs in an rtnetlink answer: any bytes give a list, and none panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use virtfn_kernel::netlink::parse_vf_list;

fuzz_target!(|message: &[u8]| {
    let list = parse_vf_list(message);
    assert!(list.vfs.len() <= message.len());
});

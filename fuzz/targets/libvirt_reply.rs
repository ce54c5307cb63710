//! One message from libvirt's daemon: any bytes are read as every kind of answer, and none panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use virtfn_virt::libvirt::replies::{self, Happened};
use virtfn_virt::libvirt::{Header, split};
use virtfn_virt::xdr::Decoder;

fuzz_target!(|message: &[u8]| {
    let whole = split(message).ok().flatten().unwrap_or(message.len());
    let mut decoder = Decoder::of(message[..whole].get(4..).unwrap_or_default());
    let _ = Header::read(&mut decoder);
    // What follows the header, and, where there is none, the bytes themselves.
    for body in [decoder.rest(), message] {
        let _ = replies::fault(body);
        let _ = replies::auth_types(body);
        let _ = replies::domain(body);
        let _ = replies::domains(body);
        let _ = replies::network(body);
        let _ = replies::networks(body);
        let _ = replies::string(body);
        let _ = replies::number(body);
        let _ = replies::hyper(body);
        let _ = replies::device_event(body, Happened::DeviceRemoved);
        let _ = replies::lifecycle_event(body);
    }
});

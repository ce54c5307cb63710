//! Any bytes as a config space: decoding ends, visits no place twice and never panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use virtfn_pci::{Address, ConfigSpace, Looked};

fuzz_target!(|bytes: &[u8]| {
    let config = ConfigSpace::new(bytes.to_vec());
    if let Some(header) = config.header() {
        assert!(header.bars().len() <= 6);
    }
    let walk = config.capabilities();
    let mut places: Vec<_> = walk.found.iter().map(|found| found.offset).collect();
    places.sort_unstable();
    assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "a place was visited twice");
    for oddity in &walk.oddities {
        assert!(!oddity.to_string().is_empty());
    }
    if let Looked::Found(sriov) = walk.sriov() {
        let pf = Address::from_routing_id(0, sriov.vf_device);
        for index in [0, 1, sriov.num_vfs, sriov.total_vfs, u16::MAX] {
            assert_ne!(sriov.vf_routing_id(pf, index), Some(pf), "a VF at its PF's place");
        }
        assert!(sriov.vf_bars().len() <= 6);
    }
});

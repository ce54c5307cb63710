//! Tables made by hand, right and wrong, a line of intent each.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use virtfn_acpi::dmar::{ScopeKind, Structure};
use virtfn_acpi::ivrs::Device;
use virtfn_acpi::{Oddity, Table, iort, parse, viot};

/// A table of this signature with its length and checksum put right.
fn table(signature: &[u8; 4], body: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![0; 36];
    bytes[..4].copy_from_slice(signature);
    bytes[10..16].copy_from_slice(b"VIRTFN");
    bytes.extend(body.concat());
    let length = u32::try_from(bytes.len()).unwrap();
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    bytes[9] = bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte)).wrapping_neg();
    bytes
}

fn dmar(structures: &[&[u8]]) -> Vec<u8> {
    // 46 bits, interrupt remapping and opt-in, ten reserved bytes.
    let head: &[u8] = &[45, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    table(b"DMAR", &[&[head], structures].concat())
}

/// A remapping unit: flags, base, scopes.
fn unit(include_all: bool, base: u64, scopes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(16 + scopes.len()).unwrap();
    let mut unit = vec![0, 0, length, 0, include_all.into(), 0, 0, 0];
    unit.extend(base.to_le_bytes());
    unit.extend(scopes);
    unit
}

fn region(base: u64, limit: u64, scopes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(24 + scopes.len()).unwrap();
    let mut region = vec![1, 0, length, 0, 0, 0, 0, 0];
    region.extend(base.to_le_bytes());
    region.extend(limit.to_le_bytes());
    region.extend(scopes);
    region
}

/// An endpoint at 00:02.0.
const GRAPHICS: [u8; 8] = [1, 8, 0, 0, 0, 0, 2, 0];

fn oddities(bytes: &[u8]) -> Vec<Oddity> {
    parse(bytes).unwrap().oddities().to_vec()
}

#[test]
fn a_sound_dmar_is_read_whole() {
    let graphics = unit(false, 0xfed9_0000, &GRAPHICS);
    let rest = unit(true, 0xfed9_1000, &[3, 8, 0, 0, 2, 0xf0, 0x1f, 0]);
    let memory = region(0x8b80_0000, 0x8fff_ffff, &GRAPHICS);
    let bytes = dmar(&[&graphics, &rest, &memory]);
    let Table::Dmar(dmar) = parse(&bytes).unwrap() else { panic!("a DMAR") };
    assert_eq!(dmar.oddities, []);
    assert!(dmar.header.checksum_ok && dmar.header.oem_id == "VIRTFN");
    assert_eq!(dmar.address_width, 46);
    assert!(dmar.interrupt_remapping && dmar.dma_control_opt_in && !dmar.x2apic_opt_out);
    let units: Vec<_> = dmar.units().collect();
    assert_eq!(units[0].scopes[0].address(0).unwrap().short(), "00:02.0");
    assert_eq!((units[1].include_all, units[1].scopes[0].kind), (true, ScopeKind::IoApic));
    assert_eq!(units[1].scopes[0].address(0).unwrap().short(), "f0:1f.0");
    assert_eq!(dmar.reserved_memory().next().unwrap().limit, 0x8fff_ffff);
}

#[test]
fn a_path_of_two_steps_has_no_address() {
    let far = [1, 10, 0, 0, 0, 0, 0x1c, 0, 0, 1];
    let bytes = dmar(&[&unit(false, 0xfed9_0000, &far)]);
    let Table::Dmar(dmar) = parse(&bytes).unwrap() else { panic!("a DMAR") };
    let scope = &dmar.units().next().unwrap().scopes[0];
    assert_eq!((scope.path.len(), scope.address(0)), (2, None));
}

#[test]
fn each_odd_dmar_says_what_is_odd() {
    let all = unit(true, 0xfed9_1000, &[]);
    let at = 48;
    let none = Oddity::UnitWithoutRegisters { at, include_all: true, base: 0 };
    let ends = all.len() + at;
    let cases: Vec<(Vec<u8>, Vec<Oddity>)> = vec![
        (dmar(&[]), vec![Oddity::NoUnit]),
        (dmar(&[&unit(true, 0, &[])]), vec![none]),
        (dmar(&[&all, &all]), vec![Oddity::TwoIncludeAll { segment: 0 }]),
        (
            dmar(&[&all, &unit(false, 0x1000, &GRAPHICS)]),
            vec![Oddity::IncludeAllNotLast { segment: 0 }],
        ),
        (
            dmar(&[&unit(false, 0x1000, &[])]),
            vec![Oddity::NoDevice { at, item: "the remapping unit" }],
        ),
        (
            dmar(&[&all, &region(0, 0, &GRAPHICS)]),
            vec![Oddity::EmptyRegion { at: ends, base: 0, limit: 0 }],
        ),
        (
            dmar(&[&all, &region(0x1000, 0x1234, &GRAPHICS)]),
            vec![Oddity::UnalignedRegion { at: ends, base: 0x1000, limit: 0x1234 }],
        ),
        (dmar(&[&all, &[9, 0, 4, 0]]), vec![Oddity::UnknownStructure { at: ends, kind: 9 }]),
        (dmar(&[&all, &[0, 0, 0, 0]]), vec![Oddity::NoLength { at: ends, kind: 0, length: 0 }]),
        (dmar(&[&all, &[0, 0]]), vec![Oddity::Scrap { at: ends, bytes: 2 }]),
        (
            dmar(&[&all, &[9, 0, 64, 0]]),
            vec![
                Oddity::Overrun { at: ends, kind: 9, length: 64, left: 4 },
                Oddity::UnknownStructure { at: ends, kind: 9 },
            ],
        ),
        (
            dmar(&[&all, &[1, 0, 8, 0, 0, 0, 0, 0]]),
            vec![Oddity::Short { at: ends, item: "the reserved memory region", length: 8 }],
        ),
        (
            dmar(&[&unit(false, 0x1000, &[1, 7, 0, 0, 0, 0, 2])]),
            vec![Oddity::BadPath { at: at + 16 }],
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(oddities(&bytes), expected);
    }
}

#[test]
fn length_and_checksum_are_held_against_the_bytes() {
    let mut bytes = dmar(&[&unit(true, 0x1000, &[])]);
    bytes[40] ^= 0x10;
    assert_eq!(oddities(&bytes), [Oddity::Checksum { sum: 0x10 }]);
    bytes[40] = 0;
    bytes.push(0xaa);
    assert_eq!(oddities(&bytes), [Oddity::Length { told: 64, there: 65 }]);
    bytes.truncate(60);
    assert!(oddities(&bytes).contains(&Oddity::Length { told: 64, there: 60 }));
    assert!(parse(&bytes[..35]).unwrap_err().to_string().contains("35 bytes"));
}

#[test]
fn named_devices_and_the_rest_of_dmar_are_read() {
    let affinity = [3, 0, 20, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
    let named = *b"\x04\0\x0e\0\0\0\0\x03\\_SB.A\0";
    let mut named = named.to_vec();
    named[2] = u8::try_from(named.len()).unwrap();
    let ats = [&[2, 0, 16, 0, 1, 0, 0, 0][..], &GRAPHICS].concat();
    let integrated = [&[5, 0, 16, 0, 1, 0, 0, 0][..], &GRAPHICS].concat();
    let properties = [&[6, 0, 16, 0, 0, 0, 0, 0][..], &GRAPHICS].concat();
    let bytes =
        dmar(&[&unit(true, 0x1000, &[]), &affinity, &named, &ats, &integrated, &properties]);
    let Table::Dmar(dmar) = parse(&bytes).unwrap() else { panic!("a DMAR") };
    assert_eq!(dmar.oddities, []);
    assert_eq!(dmar.structures[1], Structure::Affinity { base: 0x1000, proximity: 1 });
    let name = "\\_SB.A".to_owned();
    assert_eq!(dmar.structures[2], Structure::NamedDevice { number: 3, name });
    assert!(matches!(&dmar.structures[3], Structure::RootPortAts(ports) if ports.all_ports));
    assert!(matches!(&dmar.structures[4], Structure::IntegratedAts { required: true, .. }));
    assert!(
        matches!(&dmar.structures[5], Structure::IntegratedProperties { scopes, .. } if scopes.len() == 1)
    );
}

/// A unit at 00:00.2 with these device entries, of type 10.
fn ivhd(base: u32, entries: &[u8]) -> Vec<u8> {
    let length = u8::try_from(24 + entries.len()).unwrap();
    let mut block = vec![0x10, 0, length, 0, 2, 0, 0x40, 0];
    block.extend(u64::from(base).to_le_bytes());
    block.extend([0; 8]);
    block.extend(entries);
    block
}

fn ivrs(blocks: &[&[u8]]) -> Vec<u8> {
    // 48 bits of physical and 64 of virtual address.
    let head: &[u8] = &[0, 0x30, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    table(b"IVRS", &[&[head], blocks].concat())
}

#[test]
fn a_sound_ivrs_is_read_whole() {
    let entries = [
        &[3, 8, 0, 0, 4, 0xfe, 0xff, 0][..], // 00:01.0 to ff:1f.6
        &[0x43, 0, 0xff, 0, 0, 0xa4, 0, 0, 4, 0xff, 0xff, 0], // ff00–ffff as 00:14.4
        &[0x48, 0, 0, 0xd7, 9, 0xa0, 0, 1],  // interrupt controller 9
        &[2, 3, 0, 0],
    ];
    let memory = [
        &[0x22, 8, 32, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &[0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0],
    ];
    let bytes = ivrs(&[&ivhd(0xfeb8_0000, &entries.concat()), &memory.concat()]);
    let Table::Ivrs(ivrs) = parse(&bytes).unwrap() else { panic!("an IVRS") };
    assert_eq!(ivrs.oddities, []);
    assert_eq!((ivrs.physical_bits, ivrs.virtual_bits), (0x30, 64));
    assert_eq!((ivrs.units[0].device_id, ivrs.units[0].base), (2, 0xfeb8_0000));
    assert_eq!(
        ivrs.units[0].devices,
        [
            Device::Range { first: 8, last: 0xfffe, alias: None },
            Device::Range { first: 0xff00, last: 0xffff, alias: Some(0xa4) },
            Device::Special { handle: 9, id: 0xa0, variety: 1 },
            Device::One { id: 3, alias: None },
        ]
    );
    assert_eq!(ivrs.reserved_memory[0].first, Some(1));
    assert_eq!((ivrs.reserved_memory[0].start, ivrs.reserved_memory[0].length), (0x1000, 0x2000));
}

#[test]
fn each_odd_ivrs_says_what_is_odd() {
    let one = [2, 8, 0, 0];
    let base = 0xfeb8_0000;
    let cases: Vec<(Vec<u8>, Oddity)> = vec![
        (ivrs(&[]), Oddity::NoUnit),
        (
            ivrs(&[&ivhd(0, &one)]),
            Oddity::UnitWithoutRegisters { at: 48, include_all: false, base: 0 },
        ),
        (ivrs(&[&ivhd(base, &[])]), Oddity::NoDevice { at: 48, item: "the remapping unit" }),
        (ivrs(&[&ivhd(base, &[3, 8, 0, 0, 2, 0, 0, 0])]), Oddity::BrokenRange { at: 72 }),
        (ivrs(&[&ivhd(base, &[4, 8, 0, 0, 2, 0, 0, 0])]), Oddity::BrokenRange { at: 72 }),
        (ivrs(&[&ivhd(base, &[2, 0, 0, 0, 0x48, 0])]), Oddity::Scrap { at: 76, bytes: 2 }),
        (
            ivrs(&[&ivhd(base, &[2, 0, 0, 0, 5, 0, 0, 0])]),
            Oddity::UnknownStructure { at: 76, kind: 5 },
        ),
        (
            ivrs(&[&ivhd(base, &one), &[0x51, 0, 4, 0]]),
            Oddity::UnknownStructure { at: 76, kind: 0x51 },
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(oddities(&bytes), [expected]);
    }
}

/// A root complex at 48 whose ids go to `node`, and an SMMUv3 at 104.
fn iort(node: u8, count: u8) -> Vec<u8> {
    let mut root = vec![0; 56];
    root[..3].copy_from_slice(&[2, 56, 0]);
    (root[8], root[12], root[24], root[32]) = (1, 36, 1, 48);
    (root[40], root[41], root[48]) = (0xff, 0xff, node);
    let mut smmu = vec![0; 68];
    smmu[..4].copy_from_slice(&[4, 68, 0, 1]);
    smmu[18] = 5;
    table(b"IORT", &[&[count, 0, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0], &root, &smmu])
}

#[test]
fn a_sound_iort_leads_from_root_complex_to_smmu() {
    let Table::Iort(iort) = parse(&iort(104, 2)).unwrap() else { panic!("an IORT") };
    assert_eq!(iort.oddities, []);
    let [root, smmu] = &iort.nodes[..] else { panic!("two nodes") };
    assert_eq!(root.body, iort::NodeBody::RootComplex { ats: true, segment: 0, address_bits: 48 });
    assert_eq!((root.mappings[0].count, root.mappings[0].node), (0x10000, smmu.at));
    assert_eq!(smmu.body, iort::NodeBody::SmmuV3 { base: 0x5_0000, flags: 0, model: 0 });
}

#[test]
fn each_odd_iort_says_what_is_odd() {
    assert_eq!(oddities(&iort(100, 2)), [Oddity::DanglingReference { at: 48, to: 100 }]);
    assert_eq!(oddities(&iort(104, 3)), [Oddity::NodeCount { told: 3, there: 2 }]);
    let mut many = iort(104, 2);
    many[48 + 8] = 9;
    assert!(oddities(&many).contains(&Oddity::CutArray { at: 48, told: 9, there: 1 }));
    let outside = table(b"IORT", &[&[0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0]]);
    assert_eq!(oddities(&outside), [Oddity::NodesOutside { at: 0xff }]);
}

#[test]
fn a_viot_leads_from_functions_to_their_unit() {
    let with = |output: u8| {
        let head = [2, 0, 48, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let unit = [3, 0, 16, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut range = [0; 24];
        (range[0], range[2], range[14], range[15], range[16]) = (1, 24, 0xff, 0xff, output);
        table(b"VIOT", &[&head, &unit, &range])
    };
    let Table::Viot(viot) = parse(&with(48)).unwrap() else { panic!("a VIOT") };
    assert_eq!(viot.oddities, []);
    assert_eq!(viot.nodes[0].body, viot::NodeBody::VirtioIommuPci { segment: 0, routing_id: 0x10 });
    assert_eq!(oddities(&with(64)), [Oddity::DanglingReference { at: 64, to: 64 }]);
}

#[test]
fn another_table_keeps_its_header() {
    let bytes = table(b"FACP", &[&[1, 2, 3]]);
    assert!(
        matches!(parse(&bytes).unwrap(), Table::Other { header, .. } if header.signature == "FACP")
    );
}

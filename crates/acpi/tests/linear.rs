//! Reading takes time in proportion to the bytes, on the tables that cost most a byte.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it measured"
)]

use virtfn_acpi::parse;

type Structure<'a> = &'a dyn Fn(u32) -> Vec<u8>;

/// `count` structures made by `structure` behind the head of a table with this signature.
fn table(signature: &[u8; 4], count: u32, structure: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let mut bytes = vec![0; 48];
    bytes[..4].copy_from_slice(signature);
    bytes[40] = 48; // where the nodes of an IORT start
    bytes.extend((0..count).flat_map(structure));
    let length = u32::try_from(bytes.len()).unwrap();
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    bytes
}

/// Nanoseconds this thread has had a processor (`/proc/thread-self/schedstat`, first field):
/// unlike the clock on the wall, it does not count what else the machine does.
fn processor_ns() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// What `times` readings of `bytes` take together.
fn cost(bytes: &[u8], times: u32) -> f64 {
    let start = processor_ns();
    for _ in 0..times {
        assert!(parse(bytes).is_ok());
    }
    processor_ns() - start
}

#[test]
fn one_large_table_costs_what_eight_small_ones_do() {
    /// Linear gives 1, quadratic 8.
    const MOST: f64 = 3.0;
    /// The kernel may count in ticks as long as this.
    const TICK_NS: f64 = 1e7;
    let unit = |n: u32| {
        let [low, high, ..] = n.to_le_bytes();
        vec![0, 0, 16, 0, 1, 0, low, high, 0, 0x10, 0, 0, 0, 0, 0, 0]
    };
    let node = |_| {
        let mut node = vec![0; 40];
        (node[0], node[1], node[8], node[12], node[16]) = (2, 40, 1, 20, 1);
        node
    };
    let block = |_| [&[0x10, 0, 28, 0][..], &[0; 20], &[2, 8, 0, 0]].concat();
    let tables: [(&[u8; 4], Structure<'_>); 4] =
        [(b"DMAR", &unit), (b"IORT", &node), (b"IVRS", &block), (b"VIOT", &node)];
    for (signature, structure) in tables {
        let small = cost(&table(signature, 1_000, structure), 40);
        let large = cost(&table(signature, 8_000, structure), 5);
        let ratio = large / (small + TICK_NS);
        println!("{}: {ratio:.1} times", String::from_utf8_lossy(signature));
        assert!(ratio < MOST, "{}: {ratio:.1} times", String::from_utf8_lossy(signature));
    }
}

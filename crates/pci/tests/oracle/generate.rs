//! Config spaces nobody built: well-formed lists of random registers, and damaged ones.

use virtfn_pci::ConfigSpace;

use crate::sources::Source;

/// Ids and sizes of the standard capabilities that we decode.
const STANDARD: [(u8, usize); 6] =
    [(0x01, 8), (0x05, 24), (0x10, 60), (0x11, 12), (0x13, 8), (0x0d, 8)];
/// Ids and sizes of the extended capabilities that we decode.
const EXTENDED: [(u16, usize); 11] = [
    (0x01, 0x48),
    (0x03, 12),
    (0x0b, 12),
    (0x0d, 8),
    (0x0e, 8),
    (0x0f, 8),
    (0x10, 0x40),
    (0x13, 16),
    (0x1b, 8),
    (0x1d, 0x40),
    (0x15, 12),
];

/// Small, seeded, the same on every machine (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    /// Whole bytes, sparse ones and empty ones: registers have many zeros.
    fn byte(&mut self) -> u8 {
        let bytes = self.next().to_le_bytes();
        match bytes[0] % 4 {
            0 => 0,
            1 => bytes[1] & bytes[2],
            _ => bytes[1],
        }
    }
}

/// `count` config spaces with lists as they should be and random registers.
pub(crate) fn valid(seed: u64, count: usize) -> Source {
    let mut random = Random(seed);
    let configs = (0..count).map(|_| ConfigSpace::new(whole(&mut random))).collect();
    Source { name: format!("valid, seed {seed:#x}"), configs }
}

/// `count` config spaces that were whole before some bytes were changed and the end cut off.
pub(crate) fn damaged(seed: u64, count: usize) -> Source {
    let mut random = Random(seed);
    let configs = (0..count).map(|_| ConfigSpace::new(damage(&mut random))).collect();
    Source { name: format!("damaged, seed {seed:#x}"), configs }
}

fn whole(random: &mut Random) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..4096).map(|_| random.byte()).collect();
    bytes[0x06] |= 0x10;
    // A header that fits its class: lspci doubts others, and does not go on.
    let bridge = random.below(3) == 0;
    bytes[0x0e] = u8::from(bridge) | bytes[0x0e] & 0x80;
    (bytes[0x0b], bytes[0x0a]) = if bridge { (0x06, 0x04) } else { (0x02, 0x00) };
    bytes[0x3d] %= 5;
    standard_list(&mut bytes, random);
    extended_list(&mut bytes, random);
    bytes
}

fn standard_list(bytes: &mut [u8], random: &mut Random) {
    let (mut pointer, mut at) = (0x34, 0x40);
    let mut ids = STANDARD.to_vec();
    while !ids.is_empty() {
        let (id, size) = ids.swap_remove(random.below(ids.len()));
        if at + size > 0x100 {
            break;
        }
        bytes[pointer] = u8::try_from(at).unwrap();
        bytes[at] = id;
        if id == 0x10 {
            bytes[at + 2] = bytes[at + 2] & 0xf0 | 2;
        }
        if id == 0x13 {
            bytes[at + 2] = 6;
        }
        (pointer, at) = (at + 1, at + size + 4 * random.below(2));
    }
    bytes[pointer] = 0;
}

fn extended_list(bytes: &mut [u8], random: &mut Random) {
    let (mut last, mut at) = (None, 0x100);
    let mut ids = EXTENDED.to_vec();
    while !ids.is_empty() {
        let (id, size) = ids.swap_remove(random.below(ids.len()));
        if let Some(last) = last {
            point(bytes, last, at);
        }
        bytes[at..at + 2].copy_from_slice(&id.to_le_bytes());
        if id == 0x15 {
            // One entry, of a register that exists and a size that does.
            bytes[at + 8] = 1 << 5 | bytes[at + 8] & 3;
            bytes[at + 9] = bytes[at + 9] & 0xc0 | (random.next().to_le_bytes()[0] % 20);
            bytes[at + 4] |= 0x10;
        }
        if id == 0x10 {
            vf_registers(&mut bytes[at + 0x24..at + 0x3c], random);
        }
        (last, at) = (Some(at), at + size + 4 * random.below(20));
    }
    point(bytes, last.unwrap(), 0);
}

/// lspci takes every VF register for one of 32 or 64 bits, the last one too.
fn vf_registers(bytes: &mut [u8], random: &mut Random) {
    for register in bytes.chunks_mut(4) {
        let wide = if random.below(2) == 0 { 4 } else { 0 };
        register[0] = register[0] & !6 | wide;
    }
    bytes[20] &= !6;
}

/// Writes the upper twelve bits of an extended capability's head.
fn point(bytes: &mut [u8], at: usize, next: usize) {
    let [low, high] = u16::try_from(next << 4).unwrap().to_le_bytes();
    bytes[at + 2] = bytes[at + 2] & 0xf | low;
    bytes[at + 3] = high;
}

fn damage(random: &mut Random) -> Vec<u8> {
    let mut bytes = whole(random);
    for _ in 0..=random.below(8) {
        let at = match random.below(4) {
            // Pointers of the standard list, heads of the extended one, and anywhere.
            0 => 0x34,
            1 => 0x41 + 4 * random.below(48),
            2 => 0x102 + 4 * random.below(256),
            _ => 0x34 + random.below(4096 - 0x34),
        };
        bytes[at] = if random.below(4) == 0 { 0xff } else { random.byte() };
    }
    let keep = match random.below(5) {
        0 => 64,
        1 => 256,
        2 => 64 + 16 * random.below(252),
        _ => 4096,
    };
    bytes.truncate(keep);
    bytes
}

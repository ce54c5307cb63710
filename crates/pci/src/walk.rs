//! The walk along both capability lists, over bytes that may be anything.
//!
//! A list is a chain of offsets, which a broken or hostile function can tie into a loop, point
//! into its header or at misaligned places, or lay over one another. Each place is visited once,
//! so the walk ends; what was odd is told beside what was found.

use crate::capability::{Capability, CapabilityId, Context, PortType};
use crate::config::{ConfigSpace, EXTENDED_LEN, Registers, STANDARD_LEN};
use crate::found::{Cut, Found, Oddity, Walk};
use crate::header::Status;

/// Where the list pointer is (PCI 3.0 §6.7); a CardBus bridge has it elsewhere.
const LIST_POINTER: u16 = 0x34;
const CARDBUS_LIST_POINTER: u16 = 0x14;
/// First byte after the header, before which no capability can be.
const FIRST_STANDARD: u16 = 0x40;
/// Where the extended list starts, always.
const FIRST_EXTENDED: u16 = 0x100;

pub(crate) fn walk(config: &ConfigSpace) -> Walk {
    let mut walker = Walker::new(config);
    if config.is_silent() {
        walker.walk.standard_cut = Some(Cut::Silent);
        walker.walk.extended_cut = Some(Cut::Silent);
        return walker.walk;
    }
    walker.walk.standard_cut = walker.standard();
    walker.walk.extended_cut = walker.extended();
    walker.compare();
    walker.walk
}

struct Walker<'a> {
    config: &'a ConfigSpace,
    context: Context,
    visited: Visited,
    walk: Walk,
}

impl<'a> Walker<'a> {
    fn new(config: &'a ConfigSpace) -> Self {
        let vendor = config.u16_at(0).unwrap_or_default();
        let device = config.u16_at(2).unwrap_or_default();
        Self {
            config,
            context: Context { port: None, vendor, device },
            visited: Visited::default(),
            walk: Walk {
                found: Vec::new(),
                oddities: Vec::new(),
                standard_cut: None,
                extended_cut: None,
            },
        }
    }

    /// Follows the list that starts in the header; says why if not to its end.
    fn standard(&mut self) -> Option<Cut> {
        let missing = |at: u16| Some(Cut::BytesMissing { at });
        let Some(status) = self.config.u16_at(0x06) else { return missing(0x06) };
        if !Status::of(status).has(Status::CAPABILITIES) {
            return None;
        }
        let pointer_at = self.list_pointer();
        let Some(pointer) = self.config.u8_at(pointer_at.into()) else {
            return missing(pointer_at);
        };
        let (mut from, mut next) = (pointer_at, self.aligned(pointer_at, pointer.into()));
        while next != 0 {
            if let Some(cut) = self.step_to(from, next, FIRST_STANDARD) {
                return Some(cut);
            }
            let Some(head) = self.config.u16_at(next.into()) else { return missing(next) };
            let [id, pointer] = head.to_le_bytes();
            if id == 0xff {
                return Some(self.all_ones(next));
            }
            self.found(CapabilityId::Standard(id), next, None);
            (from, next) = (next, self.aligned(next, pointer.into()));
        }
        None
    }

    fn list_pointer(&self) -> u16 {
        const CARDBUS: u8 = 2;
        let cardbus = self.config.u8_at(0x0e).is_some_and(|kind| kind & 0x7f == CARDBUS);
        if cardbus { CARDBUS_LIST_POINTER } else { LIST_POINTER }
    }

    /// Follows the list that starts at 0x100; says why if not to its end.
    fn extended(&mut self) -> Option<Cut> {
        let (mut from, mut next) = (FIRST_EXTENDED, FIRST_EXTENDED);
        if self.config.u32_at(next.into()).is_none() && !self.may_be_extended() {
            return None;
        }
        while next != 0 {
            if let Some(cut) = self.step_to(from, next, FIRST_EXTENDED) {
                return Some(cut);
            }
            let Some(head) = self.config.u32_at(next.into()) else {
                return Some(Cut::BytesMissing { at: next });
            };
            match head {
                0 => return None,
                // Ones at the start are how an absent list reads; later they break the chain.
                u32::MAX if next == FIRST_EXTENDED => return None,
                u32::MAX => return Some(self.all_ones(next)),
                _ => {}
            }
            let [low, high, version, _] = head.to_le_bytes();
            let id = CapabilityId::Extended(u16::from_le_bytes([low, high]));
            self.found(id, next, Some(version & 0xf));
            let pointer = crate::bits::field16(head, 20, 12);
            (from, next) = (next, self.aligned(next, pointer));
        }
        None
    }

    /// Whether an extended space is there although its bytes are not. A conventional function has
    /// none, and the kernel then offers 256 bytes.
    fn may_be_extended(&self) -> bool {
        let express = self.walk.found.iter().any(|found| found.id == CapabilityId::EXPRESS);
        express || self.walk.standard_cut.is_some()
    }

    /// Judges the way from the capability at `from` to `to`.
    fn step_to(&mut self, from: u16, to: u16, lowest: u16) -> Option<Cut> {
        let oddity = if to < lowest {
            Oddity::OutOfPlace { from, to }
        } else if self.visited.again(to) {
            Oddity::Loop { from, to }
        } else {
            return None;
        };
        self.walk.oddities.push(oddity);
        Some(Cut::Broken { at: from })
    }

    fn aligned(&mut self, from: u16, pointer: u16) -> u16 {
        if pointer & 3 != 0 {
            self.walk.oddities.push(Oddity::Misaligned { from, pointer });
        }
        pointer & !3
    }

    fn all_ones(&mut self, at: u16) -> Cut {
        self.walk.oddities.push(Oddity::AllOnes { at });
        Cut::Broken { at }
    }

    fn found(&mut self, id: CapabilityId, offset: u16, version: Option<u8>) {
        let registers = Registers::new(self.config, offset);
        if id == CapabilityId::EXPRESS {
            self.context.port = registers.u16(0x02).map(PortType::of);
        }
        let body = Capability::read(id, registers, self.context);
        self.walk.found.push(Found { id, offset, version, body });
    }

    /// Looks for capabilities that lie over one another, past their space, or are there twice.
    fn compare(&mut self) {
        let mut spans: Vec<_> = self.walk.found.iter().map(Span::of).collect();
        spans.sort_unstable_by_key(|span| span.start);
        for span in &spans {
            if span.end > span.space_end() {
                self.walk.oddities.push(Oddity::Overrun { at: span.start });
            }
        }
        for pair in spans.windows(2) {
            if usize::from(pair[1].start) < pair[0].end {
                let (first, second) = (pair[0].start, pair[1].start);
                self.walk.oddities.push(Oddity::Overlap { first, second });
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        for found in &self.walk.found {
            if is_single(found.id) && !seen.insert(found.id) {
                self.walk.oddities.push(Oddity::Twice { at: found.offset, id: found.id });
            }
        }
    }
}

/// Those that virtfn judges by: a second one would make the first look a matter of luck.
fn is_single(id: CapabilityId) -> bool {
    const SINGLE: [CapabilityId; 10] = [
        CapabilityId::POWER_MANAGEMENT,
        CapabilityId::MSI,
        CapabilityId::EXPRESS,
        CapabilityId::MSI_X,
        CapabilityId::AER,
        CapabilityId::SERIAL_NUMBER,
        CapabilityId::ACS,
        CapabilityId::ARI,
        CapabilityId::ATS,
        CapabilityId::SRIOV,
    ];
    SINGLE.contains(&id)
}

/// The bytes of one capability, as far as they are known.
struct Span {
    start: u16,
    end: usize,
}

impl Span {
    fn of(found: &Found) -> Self {
        const HEAD: u16 = 4;
        let len = found.body.span().unwrap_or(HEAD).max(HEAD);
        Self { start: found.offset, end: usize::from(found.offset) + usize::from(len) }
    }

    fn space_end(&self) -> usize {
        if self.start < FIRST_EXTENDED { STANDARD_LEN } else { EXTENDED_LEN }
    }
}

/// Which double words of the config space the walk has been at.
#[derive(Default)]
struct Visited([u64; 16]);

impl Visited {
    /// Whether `offset` was visited before; it is from now on.
    fn again(&mut self, offset: u16) -> bool {
        let word = usize::from(offset / 4);
        let (slot, bit) = (&mut self.0[word / 64 % 16], 1 << (word % 64));
        let before = *slot & bit != 0;
        *slot |= bit;
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::found::Looked;
    use proptest::prelude::*;

    /// A config space of `len` bytes with the capability list on, from `at` on.
    fn listed(len: usize, at: u8) -> Vec<u8> {
        let mut bytes = vec![0; len];
        bytes[0x06] = 0x10;
        bytes[0x34] = at;
        bytes
    }

    fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
        bytes[at..at + what.len()].copy_from_slice(what);
    }

    fn walked(bytes: Vec<u8>) -> Walk {
        ConfigSpace::new(bytes).capabilities()
    }

    /// An Express endpoint at 0x40 and SR-IOV at 0x100.
    fn pf(len: usize) -> Walk {
        let mut bytes = listed(4096, 0x40);
        put(&mut bytes, 0x40, &[0x10, 0, 2, 0]);
        put(&mut bytes, 0x100, &[0x10, 0, 1, 0]);
        bytes.truncate(len);
        walked(bytes)
    }

    #[test]
    fn absent_and_not_visible_differ() {
        assert!(matches!(pf(4096).sriov(), Looked::Found(_)));
        assert_eq!(pf(4096).acs(), Looked::Absent);
        assert_eq!(pf(256).sriov(), Looked::NotVisible(Cut::BytesMissing { at: 0x100 }));
        assert!(matches!(pf(256).express(), Looked::Found(_)));
        assert_eq!(pf(64).express(), Looked::NotVisible(Cut::BytesMissing { at: 0x40 }));
        assert_eq!(pf(64).sriov(), Looked::NotVisible(Cut::BytesMissing { at: 0x100 }));
        assert_eq!(pf(0x120).sriov(), Looked::NotVisible(Cut::BytesMissing { at: 0x100 }));
        assert!(matches!(pf(0x120).first(CapabilityId::SRIOV), Looked::Found(_)));
    }

    #[test]
    fn a_conventional_function_has_no_extended_space_to_miss() {
        let mut bytes = listed(256, 0x40);
        put(&mut bytes, 0x40, &[0x01, 0]);
        let walk = walked(bytes);
        assert_eq!((walk.extended_cut, walk.sriov()), (None, Looked::Absent));
    }

    #[test]
    fn a_loop_ends_where_it_comes_back() {
        let mut bytes = listed(4096, 0x40);
        put(&mut bytes, 0x40, &[0x01, 0x50]);
        put(&mut bytes, 0x50, &[0x09, 0x40]);
        put(&mut bytes, 0x100, &[0x03, 0, 1, 0x10]);
        let walk = walked(bytes);
        assert_eq!(walk.found.len(), 3);
        assert_eq!(
            walk.oddities,
            [Oddity::Loop { from: 0x50, to: 0x40 }, Oddity::Loop { from: 0x100, to: 0x100 }]
        );
        assert_eq!(walk.msi(), Looked::NotVisible(Cut::Broken { at: 0x50 }));
    }

    #[test]
    fn what_is_odd_is_named() {
        let mut bytes = listed(4096, 0x41);
        put(&mut bytes, 0x40, &[0x01, 0x44]);
        put(&mut bytes, 0x44, &[0x01, 0xfc]);
        put(&mut bytes, 0xfc, &[0x11, 0x20]);
        put(&mut bytes, 0x100, &[0x03, 0, 1, 0x20]);
        put(&mut bytes, 0x200, &[0xff; 4]);
        let pm = CapabilityId::POWER_MANAGEMENT;
        assert_eq!(
            walked(bytes).oddities,
            [
                Oddity::Misaligned { from: 0x34, pointer: 0x41 },
                Oddity::OutOfPlace { from: 0xfc, to: 0x20 },
                Oddity::AllOnes { at: 0x200 },
                Oddity::Overrun { at: 0xfc },
                Oddity::Overlap { first: 0x40, second: 0x44 },
                Oddity::Overlap { first: 0xfc, second: 0x100 },
                Oddity::Twice { at: 0x44, id: pm },
            ]
        );
    }

    #[test]
    fn silence_hides_everything() {
        let walk = walked(vec![0xff; 4096]);
        assert_eq!(walk.sriov(), Looked::NotVisible(Cut::Silent));
        assert_eq!(walk.msi(), Looked::NotVisible(Cut::Silent));
        assert!(walk.found.is_empty());
    }

    #[test]
    fn work_is_bounded_by_the_double_words_there_are() {
        // Every double word a capability that points to the next: the longest chain there is.
        let mut bytes = listed(4096, 0x40);
        for at in (0x40..0x100).step_by(4) {
            put(&mut bytes, at, &[0x09, u8::try_from(at + 4).unwrap_or(0)]);
        }
        for at in (0x100..0x1000).step_by(4) {
            let next = u16::try_from((at + 4) % 0x1000).unwrap() << 4;
            put(&mut bytes, at, &[0x23, 0]);
            put(&mut bytes, at + 2, &next.to_le_bytes());
        }
        let walk = walked(bytes);
        assert_eq!(walk.found.len(), (0x1000 - 0x40) / 4);
        assert_eq!((walk.oddities, walk.extended_cut), (vec![], None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_and_every_place_once(
            seed in proptest::collection::vec(any::<u8>(), 0..300),
            len in 0usize..5000,
        ) {
            let bytes: Vec<u8> = seed.iter().copied().cycle().take(len).collect();
            let config = ConfigSpace::new(bytes);
            let walk = config.capabilities();
            let mut places: Vec<_> = walk.found.iter().map(|found| found.offset).collect();
            places.sort_unstable();
            let all = places.len();
            places.dedup();
            prop_assert_eq!(places.len(), all);
            prop_assert!(serde_json::to_string(&(config.header(), walk)).is_ok());
        }
    }
}

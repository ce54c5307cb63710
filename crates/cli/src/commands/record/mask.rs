//! Replaces MAC addresses and serial numbers in what was read, each by the same one everywhere, so
//! that a masked recording is as consistent as the machine was.
//!
//! Addresses are looked for in every text (six or more pairs of hex digits in a row, as in sysfs,
//! in JSON and in the kernel's log), serial numbers in config space (Device Serial Number) and in
//! the texts that repeat them. What stays the same: addresses of all zeros or all ones, which name
//! nobody, and the order of addresses, since the ports of one card follow each other.

use std::collections::{BTreeMap, BTreeSet};

use virtfn_kernel::Tape;
use virtfn_pci::{CapabilityId, ConfigSpace};
use virtfn_render::record::Masked;

const MAC_LEN: usize = 6;
/// An EUI-64: a device serial number, a GUID.
const SERIAL_LEN: usize = 8;
/// An IPoIB address: flags, queue pair, subnet prefix, GUID.
const INFINIBAND_LEN: usize = 20;

/// A tape without the addresses and serial numbers of its machine, and what was replaced.
pub(super) fn mask(tape: Tape) -> (Tape, Masked) {
    let mut found = Found::default();
    let tape = tape.map_files(|path, bytes| {
        found.look_in(path, &bytes);
        bytes
    });
    let masks = Masks::for_all(&found);
    let tape = tape.map_files(|path, bytes| masks.apply(path, bytes));
    let masked = Masked {
        macs: masks.macs.len(),
        serials: masks.serials.len(),
        left: masks.names_that_spell(&found.netdevs),
    };
    (tape, masked)
}

/// What there is to mask.
#[derive(Default)]
struct Found {
    macs: BTreeSet<[u8; MAC_LEN]>,
    serials: BTreeSet<[u8; SERIAL_LEN]>,
    netdevs: BTreeSet<String>,
}

impl Found {
    fn look_in(&mut self, path: &str, bytes: &[u8]) {
        if let Some((_, rest)) = path.split_once("/net/") {
            self.netdevs.extend(rest.split('/').next().map(str::to_owned));
        }
        if is_config(path) {
            self.serials.extend(serial_at(bytes).map(|(_, serial)| serial));
            return;
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        for run in runs(text) {
            let octets = run.octets(text);
            match parts(&octets) {
                Parts::Mac(at) => self.macs.extend(array(&octets, at)),
                Parts::Serial(at) => self.serials.extend(array(&octets, at)),
                Parts::Neither => {}
            }
        }
    }
}

/// What stands for what.
struct Masks {
    macs: BTreeMap<[u8; MAC_LEN], [u8; MAC_LEN]>,
    serials: BTreeMap<[u8; SERIAL_LEN], [u8; SERIAL_LEN]>,
}

impl Masks {
    fn for_all(found: &Found) -> Self {
        let macs = found.macs.iter().filter(|mac| names_somebody(*mac));
        let serials = found.serials.iter().filter(|serial| names_somebody(*serial));
        // 02 is locally administered and unicast: no vendor's address, and fit for an interface.
        let mac = |(n, mac): (u32, &[u8; MAC_LEN])| {
            let [a, b, c, d] = n.to_be_bytes();
            (*mac, [0x02, 0, a, b, c, d])
        };
        let serial = |(n, serial): (u64, &[u8; SERIAL_LEN])| (*serial, n.to_be_bytes());
        Self {
            macs: (1..).zip(macs).map(mac).collect(),
            serials: (1..).zip(serials).map(serial).collect(),
        }
    }

    fn apply(&self, path: &str, mut bytes: Vec<u8>) -> Vec<u8> {
        if is_config(path) {
            if let Some((at, serial)) = serial_at(&bytes)
                && let Some(mask) = self.serials.get(&serial)
            {
                put_serial(&mut bytes, at, mask);
            }
            return bytes;
        }
        match String::from_utf8(bytes) {
            Ok(text) => self.apply_to_text(text).into_bytes(),
            Err(binary) => binary.into_bytes(),
        }
    }

    fn apply_to_text(&self, text: String) -> String {
        let mut masked = text.clone();
        for run in runs(&text) {
            let mut octets = run.octets(&text);
            match parts(&octets) {
                Parts::Mac(at) => replace(&mut octets, at, &self.macs),
                Parts::Serial(at) => replace(&mut octets, at, &self.serials),
                Parts::Neither => {}
            }
            masked.replace_range(run.start..run.end, &run.write(&octets));
        }
        for (mac, mask) in &self.macs {
            let (own, other) = (interface_id(mac), interface_id(mask));
            if masked.contains(&own) {
                masked = masked.replace(&own, &other);
            }
        }
        masked
    }

    /// The interfaces whose names hold the digits of an address (`enx525400123456`).
    fn names_that_spell(&self, netdevs: &BTreeSet<String>) -> Vec<String> {
        let digits: BTreeSet<String> = self.macs.keys().map(|mac| hex(mac, "")).collect();
        let spells = |name: &&String| {
            let name = name.to_ascii_lowercase();
            name.get(name.len().saturating_sub(2 * MAC_LEN)..)
                .is_some_and(|end| digits.contains(end))
        };
        netdevs.iter().filter(spells).cloned().collect()
    }
}

fn replace<const N: usize>(octets: &mut [u8], at: usize, masks: &BTreeMap<[u8; N], [u8; N]>) {
    let mask = array(octets, at).and_then(|own| masks.get(&own));
    if let (Some(mask), Some(place)) = (mask, octets.get_mut(at..at + N)) {
        place.copy_from_slice(mask);
    }
}

fn array<const N: usize>(octets: &[u8], at: usize) -> Option<[u8; N]> {
    octets.get(at..at + N)?.try_into().ok()
}

fn names_somebody(octets: &[u8]) -> bool {
    octets.iter().any(|octet| *octet != 0) && octets.iter().any(|octet| *octet != 0xff)
}

/// The lower half of an IPv6 address that was made from a MAC (RFC 4291, appendix A), as text.
fn interface_id(mac: &[u8; MAC_LEN]) -> String {
    let [a, b, c, d, e, f] = mac.map(u16::from);
    format!("{:x}:{:x}:{:x}:{:x}", (a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f)
}

/// What a run of octets holds, and where.
enum Parts {
    Mac(usize),
    Serial(usize),
    Neither,
}

const fn parts(octets: &[u8]) -> Parts {
    match octets.len() {
        MAC_LEN => Parts::Mac(0),
        // `BOOTIF=01-52-54-…`: the hardware's type comes first.
        7 => Parts::Mac(1),
        SERIAL_LEN => Parts::Serial(0),
        INFINIBAND_LEN => Parts::Serial(INFINIBAND_LEN - SERIAL_LEN),
        _ => Parts::Neither,
    }
}

/// Pairs of hex digits with one kind of mark between them.
struct Run {
    start: usize,
    end: usize,
    mark: u8,
}

impl Run {
    fn octets(&self, text: &str) -> Vec<u8> {
        let run = text.as_bytes().get(self.start..self.end).unwrap_or_default();
        run.chunks(3)
            .filter_map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?))
            .collect()
    }

    fn write(&self, octets: &[u8]) -> String {
        hex(octets, if self.mark == b':' { ":" } else { "-" })
    }
}

fn hex(octets: &[u8], mark: &str) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(mark)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Every run of at least six pairs, from left to right.
fn runs(text: &str) -> Vec<Run> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let begins = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        match begins.then(|| run_at(bytes, at)).flatten() {
            Some(run) => {
                at = run.end;
                found.push(run);
            }
            None => at += 1,
        }
    }
    found
}

fn run_at(bytes: &[u8], start: usize) -> Option<Run> {
    let is_pair = |at: usize| {
        let pair = bytes.get(at..at + 2);
        let ends = bytes.get(at + 2).is_none_or(|next| !next.is_ascii_hexdigit());
        ends && pair.is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
    };
    let mark = *bytes.get(start + 2).filter(|mark| matches!(mark, b':' | b'-'))?;
    if !is_pair(start) {
        return None;
    }
    let mut end = start + 2;
    while bytes.get(end) == Some(&mark) && is_pair(end + 1) {
        end += 3;
    }
    (end - start >= 3 * MAC_LEN - 1).then_some(Run { start, end, mark })
}

fn is_config(path: &str) -> bool {
    path.ends_with("/config")
}

/// Where a config space has its serial number, and the number, highest octet first.
fn serial_at(config: &[u8]) -> Option<(usize, [u8; SERIAL_LEN])> {
    let walk = ConfigSpace::new(config.to_vec()).capabilities();
    let at = usize::from(walk.first(CapabilityId::SERIAL_NUMBER).found()?.offset) + 4;
    let mut serial: [u8; SERIAL_LEN] = array(config, at)?;
    serial.reverse();
    Some((at, serial))
}

fn put_serial(config: &mut [u8], at: usize, serial: &[u8; SERIAL_LEN]) {
    if let Some(place) = config.get_mut(at..at + SERIAL_LEN) {
        place.copy_from_slice(serial);
        place.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let mut found = Found::default();
        found.look_in("virtfn/links.json", text.as_bytes());
        Masks::for_all(&found).apply_to_text(text.to_owned())
    }

    #[test]
    fn every_way_to_write_an_address_is_masked_alike() {
        let text = "igb: 52:54:00:6D:90:02 BOOTIF=01-52-54-00-6d-90-02 \
                    2001:db8::5054:ff:fe6d:9002/64 \"52:54:00:6d:90:03\"";
        assert_eq!(
            masked(text),
            "igb: 02:00:00:00:00:01 BOOTIF=01-02-00-00-00-00-01 \
             2001:db8::0:ff:fe00:1/64 \"02:00:00:00:00:02\""
        );
    }

    #[test]
    fn what_is_no_address_stays() {
        for text in [
            "0000:0b:00.0 00:00:00:00:00:00 ff:ff:ff:ff:ff:ff",
            "12:34:56 11:22:33:44:55 x52:54:00:6d:90:02",
            "52:54:00:6d:90:02:", // cut below
        ] {
            let told = masked(text);
            assert!(told == text || text.ends_with("02:"), "{told}");
        }
        assert_eq!(masked("52:54:00:6d:90:02:"), "02:00:00:00:00:01:");
    }

    #[test]
    fn a_serial_number_is_masked_in_config_space_and_in_text() {
        let mut config = vec![0; 4096];
        config[0x100..0x104].copy_from_slice(&0x0001_0003_u32.to_le_bytes());
        config[0x104..0x10c].copy_from_slice(&0x001b_21ff_ff7f_c310_u64.to_le_bytes());
        let mut found = Found::default();
        found.look_in("sys/devices/x/config", &config);
        let masks = Masks::for_all(&found);
        let (_, serial) = serial_at(&masks.apply("sys/devices/x/config", config)).unwrap();
        assert_eq!(serial, [0, 0, 0, 0, 0, 0, 0, 1]);
        let text = masks.apply_to_text("serial 00-1b-21-ff-ff-7f-c3-10".into());
        assert_eq!(text, "serial 00-00-00-00-00-00-00-01");
    }

    #[test]
    fn names_that_spell_an_address_are_told() {
        let mut found = Found::default();
        found.look_in("sys/devices/x/net/enx5254006d9002/address", b"52:54:00:6d:90:02\n");
        let masks = Masks::for_all(&found);
        assert_eq!(masks.names_that_spell(&found.netdevs), ["enx5254006d9002"]);
    }
}

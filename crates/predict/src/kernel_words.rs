//! What the kernel's log says of the places of VF BARs.

use virtfn_host::Host;
use virtfn_pci::Address;

/// The last word on one VF BAR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// Which VF BAR.
    pub(crate) bar: u8,
    /// Has it a place? `false` only where the kernel said that it found none.
    pub(crate) placed: bool,
    /// Bytes for all VFs, where they were named.
    pub(crate) size: Option<u64>,
}

/// What was said of a PF's VF BARs, the last word on each. A log that cannot be read says nothing.
pub(crate) fn vf_bars(host: &Host, pf: Address) -> Vec<Said> {
    let mut all: Vec<Said> = Vec::new();
    let own = format!("{pf}: ");
    for line in host.kernel.log.known().map_or(&[][..], Vec::as_slice) {
        let Some(now) = line.split_once(&own).and_then(|(_, said)| parse(said)) else {
            continue;
        };
        match all.iter_mut().find(|said| said.bar == now.bar) {
            Some(said) => {
                let size = now.size.or(said.size);
                *said = Said { size, ..now };
            }
            None => all.push(now),
        }
    }
    all
}

/// `VF BAR 0 [mem size 0x001fc000 64bit]: can't assign; no space`, `… : assigned`,
/// `… : contains BAR 0 for 127 VFs` (Linux 6.9 on); before that `BAR 7: no space for […]`,
/// `BAR 7: failed to assign […]`, `BAR 7: assigned […]`, where 7 is VF BAR 0.
fn parse(said: &str) -> Option<Said> {
    let (bar, rest) = match said.strip_prefix("VF BAR ") {
        Some(rest) => number(rest)?,
        None => {
            let (line, rest) = number(said.strip_prefix("BAR ")?)?;
            (line.checked_sub(7)?, rest)
        }
    };
    if bar >= 6 {
        return None;
    }
    let denied = ["can't assign", "failed to assign", "no space", "can't claim"]
        .iter()
        .any(|words| rest.contains(words));
    let telling = denied || rest.contains("assigned") || rest.contains("contains BAR");
    telling.then(|| Said { bar, placed: !denied, size: size(rest) })
}

fn number(text: &str) -> Option<(u8, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// `[mem size 0x001fc000 64bit]` or `[mem 0xfe800000-0xfe81ffff 64bit pref]`.
fn size(text: &str) -> Option<u64> {
    let (_, inside) = text.split_once("[mem ")?;
    let hex = |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
    let word = |text: &str| text.split([' ', ']']).next().and_then(hex);
    if let Some(size) = inside.strip_prefix("size ") {
        return word(size);
    }
    let (start, rest) = inside.split_once('-')?;
    word(rest)?.checked_sub(hex(start)?)?.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_saying_it_are_understood() {
        for (line, bar, placed, size) in [
            ("VF BAR 0 [mem size 0x001fc000 64bit]: can't assign; no space", 0, false, 0x1f_c000),
            ("VF BAR 3 [mem 0xfe820000-0xfe83ffff 64bit pref]: assigned", 3, true, 0x2_0000),
            ("BAR 7: no space for [mem size 0x001fc000 64bit]", 0, false, 0x1f_c000),
            ("BAR 10: assigned [mem 0xfe820000-0xfe83ffff 64bit pref]", 3, true, 0x2_0000),
        ] {
            assert_eq!(parse(line), Some(Said { bar, placed, size: Some(size) }), "{line}");
        }
    }

    #[test]
    fn other_lines_say_nothing() {
        for line in [
            "BAR 0: assigned [mem 0xfe820000-0xfe83ffff]",
            "VF BAR 0 [mem 0x00000000-0x00003fff 64bit]",
            "VF BAR 99999 [mem]: assigned",
            "BAR 99: assigned [mem 0x0-0x1]",
            "VF BAR ",
            "BAR 14: assigned [mem 0xfe820000-0xfe83ffff]",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn nonsense_has_no_size() {
        for text in
            ["[mem 0x9-0x1]", "[mem size x]", "[mem 0x0-0xffffffffffffffff]", "[io 0x1-0x2]"]
        {
            assert_eq!(size(text), None, "{text}");
        }
    }
}

//! How single facts are put into words.

use std::borrow::Cow;

/// `text` with nothing in it that a terminal would obey: names and log lines come from outside.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unprintable) {
        Cow::Owned(text.chars().map(|c| if is_unprintable(c) { '\u{fffd}' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// Control characters, and those that turn the direction of writing.
fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A place below the root as it is called on the machine; the kernel's log and its
/// answers over netlink are no files there.
#[must_use]
pub fn place(path: &str) -> String {
    if path == "kernel.log" {
        "kernel log".into()
    } else if path.starts_with("netlink ") {
        path.into()
    } else {
        format!("/{}", path.trim_start_matches('/'))
    }
}

/// A link's speed.
#[must_use]
pub fn speed(mbps: u32) -> String {
    match (mbps / 1000, mbps % 1000) {
        (0, _) => format!("{mbps} Mb/s"),
        (gbps, 0) => format!("{gbps} Gb/s"),
        (gbps, rest) => {
            let tenths = format!("{rest:03}");
            format!("{gbps}.{} Gb/s", tenths.trim_end_matches('0'))
        }
    }
}

/// A size in bytes, in the largest unit that leaves it whole.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut left = bytes;
    let mut unit = 0;
    while left >= 1024 && left.is_multiple_of(1024) && unit + 1 < UNITS.len() {
        left /= 1024;
        unit += 1;
    }
    format!("{left} {}", UNITS[unit])
}

/// `1 VF`, `2 VFs`.
#[must_use]
pub fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// `text` in lines of at most `width` columns, broken between words; a longer word stays whole.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        let full = line.chars().count() + 1 + word.chars().count() > width;
        match (line.is_empty(), full) {
            (true, _) => line.push_str(word),
            (false, true) => lines.push(word.to_owned()),
            (false, false) => {
                line.push(' ');
                line.push_str(word);
            }
        }
    }
    lines
}

/// What a function is by its class (the base classes and subclasses of the PCI Code and ID
/// Assignment Specification that hosts have).
#[must_use]
pub const fn class(class: u32) -> &'static str {
    match class >> 8 {
        0x0101 => "IDE controller",
        0x0104 => "RAID controller",
        0x0106 => "SATA controller",
        0x0107 => "SAS controller",
        0x0108 => "NVMe drive",
        0x0200 => "Ethernet controller",
        0x0207 => "InfiniBand controller",
        0x0280 => "network controller",
        0x0300 | 0x0380 => "display controller",
        0x0302 => "3D controller",
        0x0403 => "audio device",
        0x0600 => "host bridge",
        0x0601 => "ISA bridge",
        0x0604 => "PCI bridge",
        0x0c03 => "USB controller",
        0x0c05 => "SMBus",
        0x0806 => "IOMMU",
        0x0b40 => "co-processor",
        0x1200 => "accelerator",
        _ => match class >> 16 {
            0x01 => "storage controller",
            0x02 => "network controller",
            0x03 => "display controller",
            0x04 => "multimedia device",
            0x05 => "memory controller",
            0x06 => "bridge",
            0x07 => "communication controller",
            0x08 => "system device",
            0x0c => "serial bus controller",
            0x0d => "wireless controller",
            0x10 => "encryption controller",
            0x11 => "signal processor",
            0x12 => "accelerator",
            _ => "device",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_and_sizes_are_put_as_people_say_them() {
        for (mbps, text) in
            [(10, "10 Mb/s"), (1000, "1 Gb/s"), (2500, "2.5 Gb/s"), (100_000, "100 Gb/s")]
        {
            assert_eq!(speed(mbps), text);
        }
        for (bytes, text) in [
            (0, "0 B"),
            (1536, "1536 B"),
            (16_384, "16 KiB"),
            (1 << 20, "1 MiB"),
            (3 << 30, "3 GiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("", 7), [""]);
        assert_eq!(wrap("incomprehensible", 4), ["incomprehensible"]);
    }

    #[test]
    fn nothing_from_outside_moves_the_cursor() {
        assert_eq!(plain("eth0"), "eth0");
        assert_eq!(plain("\u{1b}[2Jx\u{202e}"), "\u{fffd}[2Jx\u{fffd}");
    }
}

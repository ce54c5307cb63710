//! What the kernel's command line does to ACS: `pci=disable_acs_redir=` and `pci=config_acs=`.
//!
//! `drivers/pci/pci.c`, `__pci_config_acs` and `pci_dev_str_match`: devices are `[DOMAIN:]BUS:DEV.FN`,
//! with `/DEV.FN` for each step further down, or `pci:VENDOR:DEVICE[:SUBVENDOR:SUBDEVICE]` where 0
//! fits all; several are parted by `;`. The last word of a kind counts.

use virtfn_host::{Function, Host};
use virtfn_pci::AcsFlags;

use crate::isolation::parents;

/// What `disable_acs_redir` switches off.
const REDIRECTION: AcsFlags =
    AcsFlags::REQUEST_REDIRECT.with(AcsFlags::COMPLETION_REDIRECT).with(AcsFlags::EGRESS_CONTROL);
/// The services in the order of their bits, as `config_acs` counts them from the right.
const BITS: usize = 7;

/// What the command line leaves of the services that the kernel would switch on.
pub(crate) fn left_on(host: &Host, function: &Function, wanted: AcsFlags) -> AcsFlags {
    let line = host.kernel.command_line.known().map_or("", String::as_str);
    let mut bits = wanted.bits();
    if value(line, "disable_acs_redir").is_some_and(|list| names(list, host, function)) {
        bits &= !REDIRECTION.bits();
    }
    if let Some(flags) = value(line, "config_acs").and_then(|list| configured(list, host, function))
    {
        bits = apply(flags, bits);
    }
    AcsFlags::of(bits)
}

/// The value of an option of `pci=`, of which there may be several.
fn value<'a>(line: &'a str, option: &str) -> Option<&'a str> {
    let words = line.split_whitespace().filter_map(|word| word.strip_prefix("pci="));
    let options = words.flat_map(|word| word.split(','));
    options.filter_map(|one| one.strip_prefix(option)?.strip_prefix('=')).next_back()
}

/// Does a list name the function?
fn names(list: &str, host: &Host, function: &Function) -> bool {
    list.split(';').any(|device| is_it(device, host, function))
}

/// The flags that a `FLAGS@DEVICE` of a list gives the function: the first that fits.
fn configured<'a>(list: &'a str, host: &Host, function: &Function) -> Option<&'a str> {
    let mut entries = list.split(';').filter_map(|entry| entry.split_once('@'));
    entries.find(|(_, device)| is_it(device, host, function)).map(|(flags, _)| flags)
}

/// `1` switches on, `0` off, `x` leaves as it is; the rightmost is the lowest bit.
fn apply(flags: &str, bits: u16) -> u16 {
    flags.chars().rev().take(BITS).enumerate().fold(bits, |bits, (at, flag)| match flag {
        '1' => bits | 1 << at,
        '0' => bits & !(1 << at),
        _ => bits,
    })
}

fn is_it(device: &str, host: &Host, function: &Function) -> bool {
    match device.strip_prefix("pci:") {
        Some(ids) => has_ids(ids, function),
        None => is_at(device, host, function),
    }
}

/// Subsystem ids are not looked at where they are asked for: then the device is not taken for it.
fn has_ids(ids: &str, function: &Function) -> bool {
    let mut parts = ids.split(':').map(|id| u16::from_str_radix(id, 16).ok());
    let fits = |asked: Option<Option<u16>>, own: u16| match asked {
        Some(Some(id)) => id == 0 || id == own,
        Some(None) | None => false,
    };
    let both = fits(parts.next(), function.ids.vendor) && fits(parts.next(), function.ids.device);
    both && parts.all(|rest| rest == Some(0))
}

/// An address, or a path of device and function numbers from one down.
fn is_at(path: &str, host: &Host, function: &Function) -> bool {
    let way: Vec<&Function> = std::iter::once(function).chain(parents(host, function)).collect();
    let hops: Vec<&str> = path.rsplit('/').collect();
    let Some((first, below)) = hops.split_last() else { return false };
    let Some(top) = way.get(below.len()) else { return false };
    let fits = |(hop, at): (&&str, &&Function)| {
        *hop == format!("{:02x}.{}", at.address.device(), at.address.function())
            || *hop == format!("{:x}.{}", at.address.device(), at.address.function())
    };
    first.parse() == Ok(top.address) && below.iter().zip(&way).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_option_of_a_kind_counts() {
        let line = "quiet pci=noaer,disable_acs_redir=00:1c.0 pci=disable_acs_redir=00:1d.0 x=1";
        assert_eq!(value(line, "disable_acs_redir"), Some("00:1d.0"));
        assert_eq!(value(line, "config_acs"), None);
    }

    #[test]
    fn flags_are_counted_from_the_right() {
        assert_eq!(apply("1x0", 0b001), 0b100);
        assert_eq!(apply("xxxxxxxxxxx1", 0), 1);
        assert_eq!(apply("111111111", 0), 0x7f);
    }
}

//! More about single functions: config space, BARs, resets, and what takes their locks.

use std::collections::BTreeSet;

use virtfn_host::{Function, Host, Reason, Resource, Role, Seen, Unreadable};
use virtfn_kernel::SysRoot;
use virtfn_pci::{Address, ConfigSpace};

use crate::functions::{Paths, parse_hex};
use crate::look::{Facet, Look};

/// Config space is 4,096 bytes at most; a recording may claim more.
const MAX_CONFIG_BYTES: usize = 4096;

pub(crate) fn read(root: &SysRoot, host: &mut Host, paths: &Paths, look: &Look) {
    for function in host.functions.values_mut().filter(|function| look.covers(function)) {
        let Some(path) = paths.get(&function.address) else {
            continue;
        };
        let at = |name: &str| format!("{path}/{name}");
        if look.wants(Facet::Config) {
            function.config = read_config(root, &at("config"));
        }
        if look.wants(Facet::Details) {
            function.resources = root.parse(&at("resource"), parse_resources);
            let words = |text: String| text.split_whitespace().map(str::to_owned).collect();
            function.reset_methods = root.text(&at("reset_method")).map(words);
            function.power_state = root.text(&at("power_state"));
        }
        let to_come = look.wants(Facet::Details) || look.wants(Facet::ToCome);
        if let (Role::Pf(pf), true) = (&mut function.role, to_come) {
            pf.autoprobe = root.parse(&at("sriov_drivers_autoprobe"), parse_switch);
            pf.vf_device =
                root.parse(&at("sriov_vf_device"), |text| u16::try_from(parse_hex(text)?).ok());
            pf.vf_offset = root.parse(&at("sriov_offset"), |text| text.parse().ok());
            pf.vf_stride = root.parse(&at("sriov_stride"), |text| text.parse().ok());
        }
    }
}

/// What is around the devices of a look that names some: where it names none, [`read`] has all.
pub(crate) fn read_around(root: &SysRoot, host: &mut Host, paths: &Paths, look: &Look) {
    let covered = |function: &&Function| look.covers(function);
    let devices: Vec<&Function> = host.functions.values().filter(covered).collect();
    let above: BTreeSet<Address> =
        devices.iter().flat_map(|function| bridges_above(host, function)).collect();
    let buses: BTreeSet<(u32, u8)> = devices.iter().map(|function| bus(function)).collect();
    for function in host.functions.values_mut().filter(|function| !look.covers(function)) {
        let Some(path) = paths.get(&function.address) else {
            continue;
        };
        let is_above = above.contains(&function.address);
        if is_above {
            function.config = read_config(root, &format!("{path}/config"));
        }
        if is_above || buses.contains(&bus(function)) {
            function.resources = root.parse(&format!("{path}/resource"), parse_resources);
        }
    }
}

/// No tree of 256 buses is deeper; a recording may claim one.
const MAX_DEPTH: usize = 256;

fn bridges_above(host: &Host, function: &Function) -> Vec<Address> {
    let above = |address: &Address| host.functions.get(address)?.parent;
    std::iter::successors(function.parent, above).take(MAX_DEPTH).collect()
}

const fn bus(function: &Function) -> (u32, u8) {
    (function.address.domain(), function.address.bus())
}

fn read_config(root: &SysRoot, path: &str) -> Seen<ConfigSpace> {
    root.read(path).map(|mut bytes| {
        bytes.truncate(MAX_CONFIG_BYTES);
        ConfigSpace::new(bytes)
    })
}

/// `driver_override` and `sriov_numvfs`, through the reader that may be left behind.
///
/// It asks one after the other, and those after a stuck one are late with it: so the PFs' own locks
/// come first, and the first that is late is the one that somebody holds.
pub(crate) fn read_locked(root: &SysRoot, host: &mut Host, paths: &Paths, look: &Look) {
    let of = |wanted: bool, function: &Function, name: &str| {
        let folder = paths.get(&function.address).filter(|_| wanted)?;
        Some((function.address, format!("{folder}/{name}")))
    };
    let locks = host.pfs().filter_map(|(pf, _)| of(look.wants(Facet::Locks), pf, "sriov_numvfs"));
    let locks: Vec<_> = locks.collect();
    let covered = host.functions.values().filter(|function| look.covers(function));
    let overrides = covered.filter_map(|f| of(look.wants(Facet::Locked), f, "driver_override"));
    let overrides: Vec<_> = overrides.collect();
    let all: Vec<String> = locks.iter().chain(&overrides).map(|(_, path)| path.clone()).collect();
    let texts = root.locked_texts(&all);
    let seen = |path: &String| texts.get(path).cloned().unwrap_or(Seen::Absent);
    for (address, path) in locks {
        let function = host.functions.get_mut(&address);
        if let Some(Role::Pf(pf)) = function.map(|function| &mut function.role) {
            pf.numvfs = seen(&path).and_then(|text| match text.parse() {
                Ok(vfs) => Seen::Known(vfs),
                Err(_) => Seen::Unreadable(Unreadable { path, why: Reason::Malformed }),
            });
        }
    }
    for (address, path) in overrides {
        if let Some(function) = host.functions.get_mut(&address) {
            function.driver_override = seen(&path).and_then(|text| match text.as_str() {
                "" | "(null)" => Seen::Absent,
                _ => Seen::Known(text),
            });
        }
    }
}

pub(crate) fn parse_switch(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// A line per resource: first address, last address, flags, in hex.
fn parse_resources(text: &str) -> Option<Vec<Resource>> {
    let number = |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
    let line = |line: &str| {
        let mut words = line.split_whitespace().map(number);
        Some(Resource { start: words.next()??, end: words.next()??, flags: words.next()?? })
    };
    text.lines().take(64).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_read_line_by_line() {
        let text = "0x00000000fe000000 0x00000000fe01ffff 0x0000000000040200\n0x0 0x0 0x20000000";
        let read = parse_resources(text).unwrap();
        assert_eq!((read[0].size(), read[0].is_unset()), (0x20000, false));
        assert_eq!((read[1].size(), read[1].is_unset()), (0, true));
        assert_eq!(parse_resources("nonsense"), None);
    }
}

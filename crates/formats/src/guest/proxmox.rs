//! Proxmox VE's records: the guests' `hostpciN` lines (`/etc/pve/qemu-server/ID.conf`), the
//! mappings that these may name (`/etc/pve/mapping/pci.cfg`), and which guest has which function
//! now (`/run/qemu-server/pci-id-reservations`; `PVE/QemuServer/PCI.pm` of qemu-server).

use std::collections::BTreeMap;

use virtfn_pci::Address;

use super::place::Place;
use super::{MAX_DEVICES, name};
use crate::numbered;

/// One `hostpciN` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPci {
    /// Its key: `hostpci0`.
    pub key: String,
    /// The line, from 1.
    pub line: u32,
    /// What the guest is given.
    pub given: Given,
}

/// What a `hostpciN` line gives a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// This.
    This(Place),
    /// Any one of these that is free.
    AnyOf(Vec<Place>),
    /// One of a mapping.
    Mapping(String),
}

/// A function that a guest has, or is about to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The function.
    pub device: Address,
    /// The guest's number.
    pub guest: String,
    /// How long it holds.
    pub until: Until,
}

/// How long a reservation holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// While this process runs the guest.
    Ends(u32),
    /// Up to this time, in seconds since 1970: the guest is being started.
    Time(u64),
}

/// The `hostpciN` lines of a guest as it is now: a snapshot's section tells of another day.
#[must_use]
pub fn config(text: &str) -> Vec<HostPci> {
    let now = numbered(text).take_while(|(_, line)| !line.starts_with('['));
    let given = |(line, text): (u32, &str)| {
        let (key, value) = text.split_once(':')?;
        let index = key.strip_prefix("hostpci")?;
        let is_number = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
        let given = given(value).filter(|_| is_number)?;
        Some(HostPci { key: name(key), line, given })
    };
    now.filter_map(given).take(MAX_DEVICES).collect()
}

/// `0000:3b:02.0,pcie=1`, `host=3b:02`, `3b:02.0;3b:02.1`, `mapping=NAME,pcie=1`.
fn given(value: &str) -> Option<Given> {
    let part = |key: &str| value.split(',').find_map(|part| part.trim().strip_prefix(key));
    if let Some(mapping) = part("mapping=") {
        return Some(Given::Mapping(name(mapping)));
    }
    let first = value.split(',').next().map(str::trim).filter(|first| !first.contains('='));
    let places: Vec<Place> =
        part("host=").or(first)?.split(';').filter_map(Place::parse).take(MAX_DEVICES).collect();
    match places.as_slice() {
        [] => None,
        [one] => Some(Given::This(*one)),
        _ => Some(Given::AnyOf(places)),
    }
}

/// What each mapping has on the node of that name; on any, where no name is given.
#[must_use]
pub fn mappings(text: &str, node: Option<&str>) -> BTreeMap<String, Vec<Place>> {
    let mut all: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    let mut current = None;
    for line in text.lines() {
        let is_head = !line.is_empty() && !line.starts_with([' ', '\t', '#']);
        if is_head {
            // `vfpool`, or with the kind in front, as other files of this form have it.
            current = line.rsplit(':').next().map(|head| name(head.trim()));
            continue;
        }
        let (Some(current), Some(map)) = (&current, line.trim().strip_prefix("map ")) else {
            continue;
        };
        let part = |key: &str| map.split(',').find_map(|part| part.trim().strip_prefix(key));
        let is_here = node.is_none() || part("node=").is_none_or(|one| Some(one) == node);
        let places = part("path=").filter(|_| is_here).into_iter().flat_map(|path| path.split(';'));
        let named = all.entry(current.clone()).or_default();
        let room = MAX_DEVICES.saturating_sub(named.len());
        named.extend(places.filter_map(Place::parse).take(room));
    }
    all
}

/// The lines `BDF VMID pid:NNN` and `BDF VMID time:EPOCH`.
#[must_use]
pub fn reservations(text: &str) -> Vec<Reservation> {
    let reservation = |line: &str| {
        let mut words = line.split_whitespace();
        let device = words.next()?.parse().ok()?;
        let guest = words.next().filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()))?;
        let (kind, value) = words.next()?.split_once(':')?;
        let until = match kind {
            "pid" => Until::Ends(value.parse().ok()?),
            "time" => Until::Time(value.parse().ok()?),
            _ => return None,
        };
        Some(Reservation { device, guest: name(guest), until })
    };
    text.lines().filter_map(reservation).take(MAX_DEVICES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        Place::parse(text).unwrap()
    }

    #[test]
    fn each_way_to_give_a_device_is_understood() {
        let text = "cipassword: secret\nhostpci0: 0000:0b:10.0,pcie=1\nhostpci1: host=0b:11\n\
                    hostpci2: mapping=vfs,pcie=1\nhostpci3: 0b:10.2;0b:10.4\nhostpci4: pcie=1\n\
                    hostpcix: 0b:10.0\n[old]\nhostpci0: 0b:11.2\n";
        let read = config(text);
        let given: Vec<&Given> = read.iter().map(|one| &one.given).collect();
        let expected = [
            &Given::This(place("0b:10.0")),
            &Given::This(place("0b:11")),
            &Given::Mapping("vfs".into()),
            &Given::AnyOf(vec![place("0b:10.2"), place("0b:10.4")]),
        ];
        assert_eq!(given, expected);
        assert_eq!((read[3].key.as_str(), read[3].line), ("hostpci3", 5));
    }

    #[test]
    fn mappings_are_those_of_this_node() {
        let text = "vfpool\n\tlive-migration-capable 1\n\
                    \tmap id=8086:154c,iommugroup=45,node=pve1,path=0000:3b:02.0,subsystem-id=8086:0000\n\
                    \tmap id=8086:154c,node=pve2,path=0000:3b:02.2\n\ngpu\n\
                    \tmap id=10de:2684,node=pve1,path=0000:41:00.0;0000:41:00.1\n";
        let here = mappings(text, Some("pve1"));
        assert_eq!(here["vfpool"], [place("3b:02.0")]);
        assert_eq!(here["gpu"], [place("41:00.0"), place("41:00.1")]);
        assert_eq!(mappings(text, None)["vfpool"].len(), 2);
        assert!(mappings("\tmap path=0b:10.0\n", None).is_empty());
    }

    #[test]
    fn reservations_hold_by_process_or_by_time() {
        let text = "0000:0b:10.0 100 pid:812\n0000:0b:10.2 101 time:1767225600\n\
                    0000:0b:10.4 web pid:1\nnonsense\n0000:0b:10.6 102 pid:-4\n";
        let told: Vec<_> =
            reservations(text).into_iter().map(|one| (one.guest, one.until)).collect();
        let expected =
            [("100".into(), Until::Ends(812)), ("101".into(), Until::Time(1_767_225_600))];
        assert_eq!(told, expected);
    }
}

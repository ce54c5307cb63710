//! virtfn's own policy file: text to what it declares, with every fault at its line and column.
//!
//! ```yaml
//! version: 1
//! pfs:
//!   - match: { pci: "0000:0b:00.0" }
//!     vfs: 7
//!     defaults: { driver: vfio, spoofchk: on, mac: auto }
//!     vf:
//!       0: { mac: "52:54:00:6d:90:02", vlan: 42 }
//!       1-3: { driver: default }
//! devices:
//!   - match: { pci: "0000:41:00.0" }
//!     driver: vfio-pci
//! ```
//!
//! Lost: nothing but comments and the order of keys.

mod edit;
mod fields;
mod keys;
mod schema;
mod write;

use std::collections::BTreeMap;

use virtfn_host::{
    Capability, Declared, DeclaredDevice, DeclaredHost, DeclaredPf, DeclaredVfs, DriverWish, Guid,
    HostPolicy, Limits, MacWish, Matching, NetdevPolicy, PageSize, Place, PortPolicy, Switch,
    VfAdmin, VfIndex, VfWish, group_name,
};
use virtfn_pci::Address;

pub use crate::fault::Fault;
pub use edit::{CannotEdit, Edit, edit};
pub use schema::schema;
pub use write::write;

use crate::fault::At;
use crate::yaml::{self, Node, Value};
use fields::Faults;

/// The version of the format that this program reads.
pub const VERSION: u32 = 1;
/// The kernel counts VFs in 16 bits.
const MAX_VFS: u16 = u16::MAX;

/// Reads a policy file; `path` is what its places are called.
///
/// # Errors
/// Every fault of the text, in the order in which they stand.
pub fn read(path: &str, text: &str) -> Result<Declared, Vec<Fault>> {
    if text.len() > crate::MAX_FILE_BYTES {
        return Err(vec![Fault::new(At::default(), "too large: no policy is")]);
    }
    let root = match yaml::parse(text) {
        Ok(Some(root)) => root,
        Ok(None) => {
            let fault = Fault::new(At { line: 1, column: 1, bytes: 0..0 }, "nothing in it");
            return Err(vec![fault.hint(Some("the least policy: version: 1".into()))]);
        }
        Err(broken) => return Err(vec![broken.into()]),
    };
    let mut reader = Reader { path, faults: Faults::default() };
    let declared = reader.policy(&root).unwrap_or_default();
    let mut faults = reader.faults.0;
    if faults.is_empty() {
        return Ok(declared);
    }
    faults.sort_by_key(|fault| (fault.line(), fault.column()));
    Err(faults)
}

struct Reader<'a> {
    path: &'a str,
    faults: Faults,
}

impl Reader<'_> {
    fn policy(&mut self, root: &Node) -> Option<Declared> {
        let [version, pfs, devices, host] =
            self.faults.fields(root, "a policy", keys::names(&keys::POLICY))?;
        match version {
            None => {
                let fault = Fault::new(root.at.clone(), "says no version");
                self.faults.add(fault.hint(Some(format!("its first line: version: {VERSION}"))));
            }
            Some(node) => {
                self.faults.word(node, "version", |text| match text {
                    "1" => Ok(()),
                    _ => Err(format!("this virtfn reads version {VERSION}, and it says {text}")),
                });
            }
        }
        let pfs = pfs.map_or(&[][..], |node| self.faults.items(node, "`pfs`"));
        let devices = devices.map_or(&[][..], |node| self.faults.items(node, "`devices`"));
        Some(Declared {
            pfs: pfs.iter().filter_map(|node| self.pf(node)).collect(),
            devices: devices.iter().filter_map(|node| self.device(node)).collect(),
            host: host.and_then(|node| self.host(node)).into_iter().collect(),
        })
    }

    fn host(&mut self, node: &Node) -> Option<DeclaredHost> {
        let [hugepages, modules] = self.faults.fields(node, "`host`", keys::names(&keys::HOST))?;
        let modules = modules.map_or(&[][..], |node| self.faults.items(node, "`modules`"));
        let module = |node| self.faults.word(node, "modules", module_name);
        let modules = modules.iter().filter_map(module).collect();
        let hugepages = hugepages.map(|node| self.hugepages(node)).unwrap_or_default();
        let policy = HostPolicy { hugepages, modules };
        let says = policy != HostPolicy::default();
        says.then(|| DeclaredHost { place: self.place(node), policy })
    }

    fn hugepages(&mut self, node: &Node) -> BTreeMap<PageSize, u64> {
        let mut pages = BTreeMap::new();
        let Value::Map(pairs) = &node.value else {
            let why = format!("`hugepages` is {}, and a mapping from sizes is meant", node.kind());
            let hint = "hugepages: { 2M: 1024 }";
            self.faults.add(Fault::new(node.at.clone(), why).hint(Some(hint.into())));
            return pages;
        };
        for (key, value) in pairs {
            let size: Option<PageSize> = self.faults.value(Some(key), "hugepages");
            let number = self.count(value, "hugepages", MAX_PAGES);
            let (Some(size), Some(number)) = (size, number) else { continue };
            if pages.insert(size, number).is_some() {
                self.faults.add(Fault::new(key.at.clone(), format!("{size} is there twice")));
            }
        }
        pages
    }

    fn pf(&mut self, node: &Node) -> Option<DeclaredPf> {
        let names = keys::names(&keys::PF);
        let [matching, vfs, autoprobe, eswitch, firmware, groups, defaults, vf] =
            self.faults.fields(node, "a PF", names)?;
        if vfs.is_none() {
            self.lacks(node, "vfs", "how many VFs it shall have: vfs: 7");
        }
        let vfs: Option<u16> = vfs.and_then(|node| self.number(node, "vfs", MAX_VFS));
        let autoprobe = autoprobe.and_then(|node| self.switch(node, "autoprobe"));
        let defaults_place = self.place(defaults.unwrap_or(node));
        let defaults = defaults.map(|node| self.vf(node, "`defaults`", true)).unwrap_or_default();
        let matching = self.matching(node, matching);
        let place = self.place(node);
        let pf = DeclaredPf {
            place,
            matching: matching.clone().unwrap_or_default(),
            autoprobe: autoprobe.map(|switch| switch == Switch::On),
            eswitch: self.faults.value(eswitch, "eswitch"),
            firmware_vfs: firmware.and_then(|node| self.firmware_vfs(node)),
            groups: groups.map(|node| self.groups(node)).unwrap_or_default(),
            // Without a number of VFs, their own faults are told all the same.
            vf: vf.map(|node| self.ranges(node, vfs.unwrap_or(MAX_VFS))).unwrap_or_default(),
            vfs: vfs.unwrap_or_default(),
            defaults,
            defaults_place,
        };
        (matching.is_some() && vfs.is_some()).then_some(pf)
    }

    fn groups(&mut self, node: &Node) -> BTreeMap<String, Option<Limits>> {
        let mut groups = BTreeMap::new();
        let Value::Map(pairs) = &node.value else {
            let why =
                format!("`rate_groups` is {}, and a mapping from names is meant", node.kind());
            let hint = "rate_groups: { gold: { max_rate: 10000 } }";
            self.faults.add(Fault::new(node.at.clone(), why).hint(Some(hint.into())));
            return groups;
        };
        for (key, value) in pairs {
            let read = |text: &str| group_name(text).map_err(|bad| bad.to_string());
            let name = self.faults.word(key, "rate_groups", read);
            let limits = if value.word() == Some("none") { None } else { Some(self.limits(value)) };
            let Some(name) = name else { continue };
            if groups.contains_key(&name) {
                self.faults.add(Fault::new(key.at.clone(), format!("`{name}` is there twice")));
            }
            groups.insert(name, limits);
        }
        groups
    }

    /// What a group may send; nothing after the colon is no limit.
    fn limits(&mut self, node: &Node) -> Limits {
        if node.is_null() {
            return Limits::default();
        }
        let fields = self.faults.fields(node, "a group", keys::names(&keys::GROUP_RATES));
        let [min, max] = fields.unwrap_or_default();
        let limits = Limits {
            min: self.faults.value(min, "min_rate").unwrap_or_default(),
            max: self.faults.value(max, "max_rate").unwrap_or_default(),
        };
        if limits.crossed() {
            let why = format!(
                "its `min_rate` of {} is above its `max_rate` of {}",
                limits.min, limits.max
            );
            self.faults.add(Fault::new(node.at.clone(), why));
        }
        limits
    }

    fn firmware_vfs(&mut self, node: &Node) -> Option<u16> {
        let vfs = self.number(node, "firmware_vfs", MAX_VFS)?;
        if vfs == 0 {
            let why = "`firmware_vfs` is 0, and a card that offers no VFs is no PF any more";
            self.faults.add(Fault::new(node.at.clone(), why));
        }
        (vfs > 0).then_some(vfs)
    }

    fn device(&mut self, node: &Node) -> Option<DeclaredDevice> {
        let [matching, driver] =
            self.faults.fields(node, "a device", keys::names(&keys::DEVICE))?;
        if driver.is_none() {
            self.lacks(node, "driver", "who drives it: driver: vfio-pci");
        }
        Some(DeclaredDevice {
            place: self.place(node),
            matching: self.matching(node, matching)?,
            driver: self.driver(driver?)?,
        })
    }

    fn matching(&mut self, owner: &Node, node: Option<&Node>) -> Option<Matching> {
        let Some(node) = node else {
            self.lacks(owner, "match", "which device is meant: match: { pci: \"0000:0b:00.0\" }");
            return None;
        };
        let names = keys::names(&keys::MATCH);
        let before = self.faults.0.len();
        let [pci, netdev, mac, driver, vendor, device, serial] =
            self.faults.fields(node, "`match`", names)?;
        let matching = Matching {
            pci: self.faults.value::<Address>(pci, "pci"),
            netdev: netdev.and_then(|node| self.faults.word(node, "netdev", |text| name(text, 15))),
            mac: self.faults.value(mac, "mac"),
            driver: driver.and_then(|node| self.faults.word(node, "driver", |text| name(text, 63))),
            vendor: vendor.and_then(|node| self.faults.word(node, "vendor", id)),
            device: device.and_then(|node| self.faults.word(node, "device", id)),
            serial: serial.and_then(|node| self.faults.word(node, "serial", serial_number)),
        };
        if matching == Matching::default() {
            if self.faults.0.len() == before {
                self.faults
                    .add(Fault::new(node.at.clone(), "`match` is empty, and fits any device"));
            }
            return None;
        }
        Some(matching)
    }

    fn ranges(&mut self, node: &Node, vfs: u16) -> Vec<DeclaredVfs> {
        let Value::Map(pairs) = &node.value else {
            let why = format!("`vf` is {}, and a mapping from VFs is meant", node.kind());
            let hint = "vf: { 0: { vlan: 42 }, 1-3: { driver: default } }";
            self.faults.add(Fault::new(node.at.clone(), why).hint(Some(hint.into())));
            return Vec::new();
        };
        let mut ranges: Vec<(DeclaredVfs, &At)> = Vec::new();
        for (key, value) in pairs {
            let Some((first, last)) = self.faults.word(key, "vf", range) else { continue };
            if last.0 >= vfs {
                let why = format!("there is no VF {last}: {vfs} are declared, 0 to {}", {
                    i32::from(vfs) - 1
                });
                self.faults.add(Fault::new(key.at.clone(), why));
            }
            let wish = self.vf(value, "a VF", first != last);
            let place = self.place(key);
            ranges.push((DeclaredVfs { place, first, last, wish }, &key.at));
        }
        ranges.sort_by_key(|(range, _)| range.first);
        self.overlaps(&ranges);
        ranges.into_iter().map(|(range, _)| range).collect()
    }

    /// Faults for ranges, in the order of their VFs, that share some: at the one that comes later in
    /// the file.
    fn overlaps(&mut self, ranges: &[(DeclaredVfs, &At)]) {
        let mut furthest: Option<&(DeclaredVfs, &At)> = None;
        for range in ranges {
            if let Some(before) = furthest.filter(|(before, _)| range.0.first <= before.last) {
                let (first, second) = if before.1.bytes.start < range.1.bytes.start {
                    (before, range)
                } else {
                    (range, before)
                };
                let there = shown(first.0.first, first.0.last);
                let why = format!("overlaps {there}: what holds for a VF is said once");
                self.faults.add(Fault::new(second.1.clone(), why));
            }
            if furthest.is_none_or(|(before, _)| before.last < range.0.last) {
                furthest = Some(range);
            }
        }
    }

    /// What VFs shall be; `several`: it is for more than one, which cannot share an address.
    fn vf(&mut self, node: &Node, what: &str, several: bool) -> VfWish {
        if node.is_null() {
            return VfWish::default();
        }
        let Some(fields) = self.faults.fields(node, what, keys::names(&keys::VF)) else {
            return VfWish::default();
        };
        let [mac, vlan, qos, proto, spoofchk, trust, link, min, max, rss, driver, more @ ..] =
            fields;
        let [node_guid, port_guid, msix, netdev, mtu, port @ .., owner] = more;
        let faults = &mut self.faults;
        let mac = mac.and_then(|node| faults.word(node, "mac", |text| mac_wish(text, several)));
        let admin = VfAdmin {
            mac: None,
            vlan: faults.value(vlan, "vlan"),
            qos: faults.value(qos, "qos"),
            proto: faults.value(proto, "proto"),
            spoofchk: spoofchk.and_then(|node| self.switch(node, "spoofchk")),
            trust: trust.and_then(|node| self.switch(node, "trust")),
            link: self.faults.value(link, "link"),
            min_rate: self.faults.value(min, "min_rate"),
            max_rate: self.faults.value(max, "max_rate"),
            query_rss: rss.and_then(|node| self.switch(node, "query_rss")),
            node_guid: self.guid(node_guid, "node_guid", several),
            port_guid: self.guid(port_guid, "port_guid", several),
        };
        VfWish {
            admin,
            mac,
            driver: driver.and_then(|node| self.driver(node)),
            msix: msix.and_then(|node| self.number(node, "msix", MAX_VECTORS)),
            netdev: NetdevPolicy {
                name: netdev.and_then(|node| {
                    self.faults.word(node, "netdev", |text| {
                        if several { Err(SHARED_NAME.into()) } else { interface_name(text) }
                    })
                }),
                mtu: self.faults.value(mtu, "mtu"),
            },
            port: self.port(port),
            owner: owner.and_then(|node| self.faults.word(node, "owner", label)),
        }
    }

    fn port(&mut self, nodes: [Option<&Node>; 6]) -> PortPolicy {
        let [group, switches @ .., queues] = nodes;
        let switches = Capability::ALL.into_iter().zip(switches);
        let capability =
            |(one, node): (Capability, Option<&Node>)| Some((one, self.switch(node?, one.name())?));
        let capabilities = switches.filter_map(capability).collect();
        let queues = queues.and_then(|node| self.count(node, "max_io_eqs", u32::MAX.into()));
        PortPolicy {
            capabilities,
            max_io_eqs: queues.and_then(|queues| u32::try_from(queues).ok()),
            group: self.faults.value(group, "rate_group"),
        }
    }

    fn driver(&mut self, node: &Node) -> Option<DriverWish> {
        self.faults.word(node, "driver", |text| match text {
            "default" => Ok(DriverWish::Default),
            "none" => Ok(DriverWish::None),
            "vfio" => Ok(DriverWish::Vfio),
            text => name(text, 63).map(DriverWish::Named),
        })
    }

    /// A GUID, which names one.
    fn guid(&mut self, node: Option<&Node>, what: &str, several: bool) -> Option<Guid> {
        self.faults.word(node?, what, |text| match text.parse::<Guid>() {
            Ok(_) if several => Err("VFs cannot share a GUID: one VF by one".into()),
            Ok(guid) if guid != Guid::ZERO => Ok(guid),
            Ok(_) => Err("all zeros name nothing".into()),
            Err(bad) => Err(bad.to_string()),
        })
    }

    /// `on` and `off`, and what YAML takes for the same.
    fn switch(&mut self, node: &Node, what: &str) -> Option<Switch> {
        self.faults.word(node, what, |text| match text.to_ascii_lowercase().as_str() {
            "on" | "true" | "yes" => Ok(Switch::On),
            "off" | "false" | "no" => Ok(Switch::Off),
            _ => {
                Err(format!("`{}` is not `on` or `off`", text.chars().take(64).collect::<String>()))
            }
        })
    }

    fn number(&mut self, node: &Node, what: &str, most: u16) -> Option<u16> {
        self.count(node, what, most.into()).and_then(|number| u16::try_from(number).ok())
    }

    fn count(&mut self, node: &Node, what: &str, most: u64) -> Option<u64> {
        self.faults.word(node, what, |text| {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|number| plain && *number <= most);
            number.ok_or_else(|| {
                let text: String = text.chars().take(64).collect();
                format!("`{text}` is not a number from 0 to {most}")
            })
        })
    }

    fn lacks(&mut self, node: &Node, key: &str, hint: &str) {
        // The mapping whole would be underlined; its first line is enough.
        let mut at = node.at.clone();
        at.bytes.end = at.bytes.start;
        self.faults.add(Fault::new(at, format!("`{key}` is missing")).hint(Some(hint.into())));
    }

    fn place(&self, node: &Node) -> Place {
        Place { path: self.path.to_owned(), line: node.at.line, column: node.at.column }
    }
}

/// A function has at most so many (PCI Express 6.0, 7.7.2.2).
const MAX_VECTORS: u16 = 2048;
/// More than any machine has memory for.
const MAX_PAGES: u64 = 1 << 32;
const SHARED_NAME: &str = "interfaces cannot share a name: one VF by one";

fn mac_wish(text: &str, several: bool) -> Result<MacWish, String> {
    match text {
        "auto" => Ok(MacWish::Auto),
        _ if several => Err("VFs cannot share an address: `auto`, or one VF by one".into()),
        text => {
            text.parse().map(MacWish::Given).map_err(|bad: virtfn_host::BadValue| bad.to_string())
        }
    }
}

fn range(text: &str) -> Result<(VfIndex, VfIndex), String> {
    let bad = |_| {
        format!("`{}` is neither a VF (3) nor a range of them (1-3)", {
            text.chars().take(64).collect::<String>()
        })
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (VfIndex, VfIndex) =
        (first.trim().parse().map_err(bad)?, last.trim().parse().map_err(bad)?);
    if last < first {
        return Err(format!("ends before it begins: {last}-{first} is meant?"));
    }
    Ok((first, last))
}

fn shown(first: VfIndex, last: VfIndex) -> String {
    if first == last { format!("`{first}`") } else { format!("`{first}-{last}`") }
}

/// A name that the kernel can have: no path, no spaces.
fn name(text: &str, longest: usize) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'/';
    let sound = !text.is_empty() && text.len() <= longest && text.bytes().all(fits);
    let shown = || text.chars().take(64).collect::<String>();
    if sound { Ok(text.to_owned()) } else { Err(format!("`{}` is no name", shown())) }
}

/// Words of people: letters of any script, digits, what ASCII has beside.
fn label(text: &str) -> Result<String, String> {
    let fits = |c: char| c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric();
    if (1..=63).contains(&text.chars().count()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("is 1 to 63 letters, digits and signs".into())
    }
}

/// The name of a module: `modprobe` is given it as a word, never as an option.
fn module_name(text: &str) -> Result<String, String> {
    let name = name(text, 63)?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.bytes().all(fits) && !name.starts_with('-') {
        Ok(name)
    } else {
        Err(format!("`{name}` is no name of a module"))
    }
}

/// A name that the kernel takes for an interface, and that no `altname` or wildcard is mistaken for
/// (`dev_valid_name`, net/core/dev.c).
fn interface_name(text: &str) -> Result<String, String> {
    let name = name(text, 15)?;
    let taken = matches!(name.as_str(), "." | "..") || name.contains([':', '%']);
    if taken { Err(format!("`{name}` is no name for an interface")) } else { Ok(name) }
}

/// Four hex digits, with or without `0x`.
fn id(text: &str) -> Result<u16, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let sound = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let number = u16::from_str_radix(digits, 16).ok().filter(|_| sound);
    number.ok_or_else(|| {
        format!("`{}` is not four hex digits", text.chars().take(64).collect::<String>())
    })
}

/// A PCI Express serial number, as `lspci` prints it: `90-e2-ba-ff-ff-12-34-56`, or without dashes.
fn serial_number(text: &str) -> Result<u64, String> {
    let digits: String = text.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let sound = digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let number = u64::from_str_radix(&digits, 16).ok().filter(|_| sound);
    number.ok_or_else(|| {
        let text: String = text.chars().take(64).collect();
        format!("`{text}` is not a serial number (90-e2-ba-ff-ff-12-34-56, as lspci -v shows it)")
    })
}

#[cfg(test)]
mod tests;

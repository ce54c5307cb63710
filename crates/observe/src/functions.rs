//! Every PCI function: its place, its ids, its links.

use std::collections::BTreeMap;

use virtfn_host::{Function, Ids, Pf, Role, Seen, VfId, VfIndex};
use virtfn_kernel::{SysRoot, path};
use virtfn_pci::Address;

use crate::Error;
use crate::look::Look;

pub(crate) const DEVICES: &str = "sys/bus/pci/devices";

/// Where each function's attributes are.
pub(crate) type Paths = BTreeMap<Address, String>;

/// Reads the place and the links of every function, or of those that a look is about alone.
pub(crate) fn read(
    root: &SysRoot,
    look: &Look,
) -> Result<(BTreeMap<Address, Function>, Paths), Error> {
    let mut names = match look.only() {
        Some(devices) => devices.iter().map(Address::to_string).collect(),
        None => all_names(root)?,
    };
    let mut functions = BTreeMap::new();
    let mut paths = Paths::new();
    while let Some(name) = names.pop() {
        let Ok(address) = name.parse::<Address>() else {
            continue;
        };
        let link = root.link(&format!("{DEVICES}/{name}"));
        let Some(path) = link.known().and_then(|text| path::join(DEVICES, text)) else {
            continue;
        };
        // A function that goes away while it is read is not there.
        if let Some(function) = read_one(root, address, &path)? {
            if let (Some(_), Some(pf)) = (look.only(), function.pf()) {
                names.extend(pf.vfs.values().map(Address::to_string));
            }
            functions.insert(address, function);
            paths.insert(address, path);
        }
    }
    number_vfs(&mut functions);
    Ok((functions, paths))
}

fn all_names(root: &SysRoot) -> Result<Vec<String>, Error> {
    match root.names(DEVICES, |_| true) {
        Seen::Known(names) => Ok(names),
        // A machine without PCI.
        Seen::Absent => Ok(Vec::new()),
        Seen::Unreadable(unreadable) => Err(Error::Unreadable(unreadable)),
    }
}

fn read_one(root: &SysRoot, address: Address, path: &str) -> Result<Option<Function>, Error> {
    let at = |name: &str| format!("{path}/{name}");
    let hex = |name: &str| root.parse(&at(name), parse_hex);
    let Some(ids) = read_ids(hex) else {
        return Ok(None);
    };
    let group = root.link_name(&at("iommu_group"));
    let netdevs =
        if ids.class >> 16 == 2 { root.names(&at("net"), |_| true) } else { Seen::Absent };
    let numa = root.parse(&at("numa_node"), |text| text.parse::<i32>().ok());
    Ok(Some(Function {
        address,
        path: path.to_owned(),
        parent: path::last(path::parent(path)).parse().ok(),
        controller: controller(path),
        ids,
        role: read_role(root, path)?,
        driver: root.link_name(&at("driver")).known().cloned(),
        driver_override: Seen::not_asked(at("driver_override")),
        modules: Seen::not_asked(at("modalias")),
        variants: Seen::not_asked(at("modalias")),
        iommu_group: group.known().and_then(|name| name.parse().ok()),
        behind_iommu: root.link(&at("iommu")).known().is_some(),
        numa_node: numa.known().and_then(|node| u32::try_from(*node).ok()),
        config: Seen::not_asked(at("config")),
        resources: Seen::not_asked(at("resource")),
        reset_methods: Seen::not_asked(at("reset_method")),
        power_state: Seen::not_asked(at("power_state")),
        netdevs: netdevs.known().cloned().unwrap_or_default(),
        holders: Seen::not_asked("proc"),
    }))
}

/// A domain that hangs on a function of another one: `…/0000:00:0e.0/pci10000:e0/10000:e0:06.0`.
fn controller(path: &str) -> Option<Address> {
    let mut parts = path.rsplit('/').skip_while(|part| !part.starts_with("pci")).skip(1);
    parts.next()?.parse().ok()
}

fn read_ids(hex: impl Fn(&str) -> Seen<u32>) -> Option<Ids> {
    Some(Ids {
        vendor: u16::try_from(*hex("vendor").known()?).ok()?,
        device: u16::try_from(*hex("device").known()?).ok()?,
        class: *hex("class").known()? & 0x00ff_ffff,
    })
}

/// A PF whose number of VFs cannot be read is no plain function: taking it for one would hide it.
fn read_role(root: &SysRoot, path: &str) -> Result<Role, Error> {
    if let Seen::Known(name) = root.link_name(&format!("{path}/physfn")) {
        // Its number comes from its PF's links, once all are read.
        return Ok(name.parse().map_or(Role::Plain, |pf| Role::Leaving { pf }));
    }
    let total = root.parse(&format!("{path}/sriov_totalvfs"), |text| text.parse().ok());
    match total {
        Seen::Known(total_vfs) => Ok(Role::Pf(Box::new(read_pf(root, path, total_vfs)))),
        Seen::Absent => Ok(Role::Plain),
        Seen::Unreadable(unreadable) => Err(Error::Unreadable(unreadable)),
    }
}

fn read_pf(root: &SysRoot, path: &str, total_vfs: u16) -> Pf {
    let links = root.names(path, |name| vf_number(name).is_some());
    let vf = |name: &String| {
        let target = root.link_name(&format!("{path}/{name}"));
        Some((vf_number(name)?, target.known()?.parse().ok()?))
    };
    Pf {
        total_vfs,
        vfs: links.known().into_iter().flatten().filter_map(vf).collect(),
        numvfs: Seen::not_asked(format!("{path}/sriov_numvfs")),
        autoprobe: Seen::not_asked(format!("{path}/sriov_drivers_autoprobe")),
        vf_device: Seen::not_asked(format!("{path}/sriov_vf_device")),
        vf_offset: Seen::not_asked(format!("{path}/sriov_offset")),
        vf_stride: Seen::not_asked(format!("{path}/sriov_stride")),
        vf_modules: Seen::not_asked(format!("{path}/modalias")),
        vf_variants: Seen::not_asked(format!("{path}/modalias")),
        eswitch: Seen::not_asked("virtfn/eswitch"),
        firmware: Seen::not_asked("virtfn/firmware-vfs"),
        ports: Seen::not_asked("virtfn/ports"),
        admin: Seen::not_asked("virtfn/vfs"),
    }
}

fn vf_number(name: &str) -> Option<VfIndex> {
    name.strip_prefix("virtfn").and_then(|number| number.parse().ok())
}

/// Gives each VF the number under which its PF links it. One that no PF links is leaving.
fn number_vfs(functions: &mut BTreeMap<Address, Function>) {
    let linked: Vec<(Address, VfId)> = functions
        .values()
        .filter_map(|function| Some((function.address, function.pf()?)))
        .flat_map(|(pf, sriov)| {
            sriov.vfs.iter().map(move |(index, vf)| (*vf, VfId { pf, index: *index }))
        })
        .collect();
    for (address, id) in linked {
        if let Some(function) = functions.get_mut(&address) {
            function.role = Role::Vf(id);
        }
    }
}

/// A number as sysfs writes it: with `0x` or without.
pub(crate) fn parse_hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

//! What stands in the way of a device and a guest, seen before anything is touched.

use std::net::IpAddr;

use virtfn_doctor::Obstacle as Basic;
use virtfn_formats::vm::{Domain, Passed, Room, Way, free_port};
use virtfn_host::{Function, Host, Memlock, Netdev, Role, Seen};

/// One thing that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// `OBJECT: WHY`.
    pub what: String,
    /// What to type or do next, the best first.
    pub hints: Vec<String>,
    /// Somebody would lose something, and a person may want that all the same.
    pub protects: bool,
}

/// Somebody else who has a device, or is given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The guest.
    pub name: String,
    /// Does it run with the device?
    pub runs: bool,
}

/// What is looked at beside the device.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The host.
    pub host: &'a Host,
    /// When the device goes in.
    pub goes: Goes<'a>,
    /// Other guests that have the device or are given it.
    pub others: &'a [Named],
    /// From where the person who runs the command is logged in: this host's address in that session.
    pub session: Option<IpAddr>,
}

/// When a device goes into a guest.
#[derive(Clone, Copy, Debug)]
pub enum Goes<'a> {
    /// At its next start.
    Later,
    /// Now, into this domain of libvirt's.
    Into(&'a Domain),
    /// Now, into a machine of which no more is known.
    Now,
}

impl Obstacle {
    pub(super) fn failing(
        object: &str,
        why: &str,
        hints: impl IntoIterator<Item = String>,
    ) -> Self {
        let hints = hints.into_iter().collect();
        Self { what: format!("{object}: {why}"), hints, protects: false }
    }

    fn protecting(object: &str, why: &str, hints: impl IntoIterator<Item = String>) -> Self {
        Self { protects: true, ..Self::failing(object, why, hints) }
    }
}

/// All that stands in the way of giving `passed` to a guest, most certain first. What a running guest would
/// lose or hold is proved later, when the device is locked.
#[must_use]
pub fn obstacles(scene: &Scene<'_>, passed: &Passed) -> Vec<Obstacle> {
    let Some(function) =
        passed.host_address().and_then(|address| scene.host.functions.get(&address))
    else {
        return Vec::new();
    };
    let mut found: Vec<Obstacle> = Vec::new();
    found.extend(no_use(function));
    if matches!(scene.goes, Goes::Later) {
        return found;
    }
    let holders = scene.others.iter().filter(|other| other.runs);
    found.extend(holders.map(|other| held(function, other)));
    found.extend(not_for_vfio(scene.host, function));
    if let Goes::Into(running) = scene.goes {
        if matches!(passed.way, Way::Interface(_)) {
            found.extend(pf_down(scene.host, function));
        }
        found.extend(no_port(running));
    }
    if function.vf().is_none() {
        found.extend(carries_the_host(scene, function));
        found.extend(no_reset(function));
    }
    found
}

/// VFIO locks all memory of a guest, so that its devices may reach it; past its limit the kernel refuses.
#[must_use]
pub fn cannot_lock(
    machine: &str,
    pid: u32,
    memory_bytes: u64,
    memlock: &Memlock,
) -> Option<Obstacle> {
    let limit = memlock.limit_bytes.filter(|limit| *limit < memory_bytes && !memlock.exempt)?;
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let why = format!(
        "process {pid} may lock {} MiB of memory, and the guest has {} MiB, all of which VFIO locks",
        mib(limit),
        mib(memory_bytes)
    );
    let hint = format!("prlimit --pid {pid} --memlock=unlimited");
    Some(Obstacle::failing(machine, &why, [hint]))
}

/// Bridges, PFs with VFs.
fn no_use(function: &Function) -> Option<Obstacle> {
    let short = function.address.short();
    match &function.role {
        _ if function.is_bridge() => {
            Some(Obstacle::failing(&short, "a bridge: no guest can have it", []))
        }
        Role::Leaving { .. } => {
            Some(Obstacle::failing(&short, "a VF that the kernel is removing", []))
        }
        Role::Pf(pf) if !pf.vfs.is_empty() => {
            let why = format!(
                "it has {} VFs, which go with it into the guest and are lost",
                pf.vfs.len()
            );
            let hints = [
                format!("virtfn attach VM {short}/any gives one of them"),
                format!("virtfn destroy {short}"),
            ];
            Some(Obstacle::failing(&short, &why, hints))
        }
        _ => None,
    }
}

/// What VFIO itself wants of it, but for its driver, which comes with the handing over: that an IOMMU
/// translates it, and that its group goes along.
fn not_for_vfio(host: &Host, function: &Function) -> Vec<Obstacle> {
    let short = function.address.short();
    let found = virtfn_doctor::obstacles(host, function).into_iter().filter_map(|found| {
        let more = match &found {
            Basic::NotTranslated => format!("virtfn doctor {short} --for vm"),
            Basic::Group { .. } => format!("virtfn groups {short}"),
            Basic::Driver { .. } | Basic::Held(_) | Basic::HoldersUnseen(_) => return None,
        };
        let hints = [more].into_iter().chain(found.hints());
        Some(Obstacle::failing(&short, &found.to_string(), hints))
    });
    found.collect()
}

/// libvirt sets a VF through its PF's interface, and wants that up (`virNetDevSetVfConfig`'s callers).
fn pf_down(host: &Host, function: &Function) -> Option<Obstacle> {
    let vf = function.vf()?;
    let mut netdevs = host.netdevs_of(vf.pf);
    let down: &Netdev = netdevs.find(|netdev| !netdev.up)?;
    let why = format!("its PF's interface {} is down, and libvirt wants it up", down.name);
    let hint = format!("ip link set dev {} up", down.name);
    Some(Obstacle::failing(&function.address.short(), &why, [hint]))
}

fn no_port(running: &Domain) -> Option<Obstacle> {
    let Room::None { add } = free_port(running) else { return None };
    let name = &running.name;
    let hints = [
        format!("virsh edit {name}: add {add} to its devices, and start it anew"),
        "or with --config: libvirt adds one when the guest starts".into(),
    ];
    Some(Obstacle::failing(name, "it has no free port into which a device can be plugged", hints))
}

/// What the host itself is reached through.
fn carries_the_host(scene: &Scene<'_>, function: &Function) -> Option<Obstacle> {
    let short = function.address.short();
    let routes = scene.host.platform.default_routes.known();
    for netdev in scene.host.netdevs_of(function.address) {
        let above = netdev.master.as_ref();
        let is_its = |name: &String| *name == netdev.name || Some(name) == above;
        let has = |address: IpAddr| netdev.addresses.iter().any(|own| own.address == address);
        let why = if scene.session.is_some_and(has) {
            format!("the session that runs this command comes in through {}", netdev.name)
        } else if routes.is_some_and(|routes| routes.iter().any(is_its)) {
            format!("the host's default route goes through {}", netdev.name)
        } else {
            continue;
        };
        let hint = "to take it from the host all the same: the same command with --force".into();
        return Some(Obstacle::protecting(&short, &why, [hint]));
    }
    None
}

/// Without a reset a guest finds what the one before left, and so does the host.
fn no_reset(function: &Function) -> Option<Obstacle> {
    let none = match &function.reset_methods {
        Seen::Known(methods) => methods.is_empty(),
        Seen::Absent => true,
        Seen::Unreadable(_) => false,
    };
    let why = "the kernel knows no way to reset it: what one user leaves in it, the next one gets";
    let hint = "to give it all the same: the same command with --force".into();
    none.then(|| Obstacle::protecting(&function.address.short(), why, [hint]))
}

fn held(function: &Function, other: &Named) -> Obstacle {
    let short = function.address.short();
    let why = format!("VM {} has it, and runs", other.name);
    Obstacle::failing(&short, &why, [format!("virtfn detach {} {short}", other.name)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_may_not_lock_its_memory_is_told_before() {
        let memlock = |limit_bytes, exempt| Memlock { limit_bytes, exempt };
        let cannot = |memlock| cannot_lock("/run/vm.qmp", 7, 1 << 30, &memlock);
        assert_eq!(cannot(memlock(None, false)), None);
        assert_eq!(cannot(memlock(Some(1 << 30), false)), None);
        assert_eq!(cannot(memlock(Some(8 << 20), true)), None);
        let told = cannot(memlock(Some(8 << 20), false)).unwrap();
        assert!(told.what.contains("8 MiB") && told.what.contains("1024 MiB"), "{told:?}");
        assert_eq!(told.hints, ["prlimit --pid 7 --memlock=unlimited"]);
    }
}

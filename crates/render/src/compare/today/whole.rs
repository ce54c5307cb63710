//! Can the function itself go to a guest?

use virtfn_doctor::{Object, Rule, Verdict};
use virtfn_host::{Function, Holder, HolderKind, Netdev, Seen};

use super::{Standing, findings, of_guest, of_host};
use crate::compare::facts::{Facts, at, list};
use crate::compare::reason::Reason;
use crate::compare::{Mark, card};

const ROUTES: &str = "proc/net/route";

pub(super) fn judge(facts: &Facts<'_>) -> Standing {
    let device = facts.device;
    if device.is_bridge() {
        return Standing::of(vec![bridge(device)], "");
    }
    let isolation = |rule: &Rule| rule.id == "acs-missing-on-path";
    let mut reasons = of_host(facts);
    // Of two catches alike the one that cuts the host off is told first.
    reasons.extend(network(facts));
    reasons.extend(of_guest(facts, device.address));
    reasons.extend(findings(facts, Object::Function(device.address), isolation).map(Reason::found));
    reasons.extend(reset(facts));
    reasons.extend(users(device));
    reasons.extend(vfs(facts));
    reasons.extend(files(facts));
    Standing::of(reasons, "ready")
}

/// A port or bridge is part of the host's tree (`vfio_pci_core_register_device`).
fn bridge(device: &Function) -> Reason {
    let summary = "VFIO takes endpoints alone, and this is a bridge";
    Reason::own(Mark::No, device.address.short(), "a bridge", summary)
        .saw(at(device, "class"), format!("0x{:06x}", device.ids.class))
}

/// Without a driver doctor asks for one first; to hand the function over, none is needed.
fn reset(facts: &Facts<'_>) -> Option<Reason> {
    let device = facts.device;
    let finding = facts.found("no-flr", device.address)?;
    let masked = finding.verdict == Verdict::NotApplicable && finding.because.is_some();
    let mark = card::reset_of(facts, device).mark.filter(|mark| *mark > Mark::Yes)?;
    masked.then(|| Reason { mark, fixes: Vec::new(), ..Reason::found(finding) })
}

/// Who has it already.
fn users(device: &Function) -> Vec<Reason> {
    let object = || device.address.short();
    match &device.holders {
        Seen::Known(holders) => holders
            .iter()
            .filter(|one| is_guest(one))
            .map(|holder| Reason::own(Mark::No, object(), "in use", format!("in use by {holder}")))
            .collect(),
        Seen::Unreadable(unseen) => vec![
            Reason::own(Mark::Unknown, object(), "users not seen", "who uses it could not be seen")
                .saw(unseen.path.clone(), unseen.why.to_string()),
        ],
        Seen::Absent => vec![
            Reason::own(Mark::Unknown, object(), "users not seen", "who uses it could not be seen")
                .saw("virtfn/open-nodes.json", "not in this recording"),
        ],
    }
}

/// A guest, or a namespace: an interface that the host itself uses is another matter.
const fn is_guest(holder: &Holder) -> bool {
    matches!(holder.kind, HolderKind::Process | HolderKind::Unseen | HolderKind::Netns)
}

/// They go when their PF leaves its driver.
fn vfs(facts: &Facts<'_>) -> Vec<Reason> {
    let Some(pf) = facts.pf().filter(|pf| !pf.vfs.is_empty()) else { return Vec::new() };
    let object = facts.device.address.short();
    let held = pf.vfs.iter().find_map(|(index, address)| {
        let holders = facts.host.functions.get(address)?.holders.known()?;
        Some((index, holders.first()?))
    });
    let count = pf.vfs.len();
    let reason = match held {
        Some((index, holder)) => {
            let summary =
                format!("its {count} VFs go with it, and VF {index} is in use by {holder}");
            Reason::own(Mark::No, object.clone(), "its VFs are in use", summary)
        }
        None => {
            let summary = format!("its {count} VFs go: they live with the PF's driver");
            Reason::own(Mark::Partly, object.clone(), "its VFs go", summary)
        }
    };
    vec![reason.fix(format!("virtfn destroy {object}"))]
}

/// What the host loses with its interface.
fn network(facts: &Facts<'_>) -> Vec<Reason> {
    let Some(netdev) = facts.netdev() else { return Vec::new() };
    let mut reasons: Vec<Reason> = routes(facts, netdev).into_iter().collect();
    let object = || facts.device.address.short();
    if let Some(master) = &netdev.master {
        let summary = format!("{master} loses its port {}", netdev.name);
        reasons.push(
            Reason::own(Mark::Partly, object(), "a port of the host", summary)
                .saw(format!("sys/class/net/{}/master", netdev.name), master.clone()),
        );
    }
    if !netdev.addresses.is_empty() {
        let addresses = list(netdev.addresses.iter().map(ToString::to_string));
        let summary = format!("the host loses {addresses} on {}", netdev.name);
        reasons.push(
            Reason::own(Mark::Partly, object(), "the host's address", summary)
                .saw(format!("netlink {}", netdev.name), addresses),
        );
    }
    reasons
}

/// The way to the rest of the world: through the interface, or through what it is a port of.
fn routes(facts: &Facts<'_>, netdev: &Netdev) -> Option<Reason> {
    let object = facts.device.address.short();
    let routes = match &facts.host.platform.default_routes {
        Seen::Known(routes) => routes,
        seen => {
            let why =
                seen.unreadable().map_or("not in this recording".into(), |one| one.why.to_string());
            let summary = format!(
                "whether the host's default route goes through {} could not be seen",
                netdev.name
            );
            return Some(
                Reason::own(Mark::Unknown, object, "default route not seen", summary)
                    .saw(ROUTES, why),
            );
        }
    };
    let names = std::iter::once(&netdev.name).chain(&netdev.master);
    let through = list(names.filter(|name| routes.contains(*name)).cloned());
    if through.is_empty() {
        return None;
    }
    let summary =
        format!("takes the host off the network: its default route goes through {through}");
    Some(
        Reason::own(Mark::Partly, object, "takes the host off the network", summary)
            .saw(ROUTES, format!("default route through {through}"))
            .fix("give the host another way out first, or do it from a console that needs no network"),
    )
}

/// What hangs on a drive or a display is no fact of its PCI function.
fn files(facts: &Facts<'_>) -> Option<Reason> {
    let device = facts.device;
    let driver = device.driver.as_deref().filter(|_| !device.is_passed_through())?;
    let (brief, summary, fix) = match device.ids.class >> 16 {
        0x01 => (
            "the host's files?",
            format!(
                "the host loses what it has on it ({driver}); which file systems, this look does not tell"
            ),
            "lsblk shows what is mounted from it",
        ),
        0x03 => (
            "the host's display?",
            format!("the host loses the display on it ({driver}), which may be its console"),
            "use another card, or a serial line, for the host's console",
        ),
        _ => return None,
    };
    Some(Reason::own(Mark::Partly, device.address.short(), brief, summary).fix(fix))
}

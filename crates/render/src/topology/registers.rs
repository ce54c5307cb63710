//! A function's registers in words, for whoever looks closer at its box.

use virtfn_host::{Function, Seen};
use virtfn_pci::{AcsFlags, Looked, Walk};

/// A line for each register that bears on the topology; names as `lspci` has them.
pub(super) fn of(function: &Function, walk: Option<&Walk>) -> Vec<String> {
    let ids = function.ids;
    let mut lines =
        vec![format!("ids {:04x}:{:04x}, class {:06x}", ids.vendor, ids.device, ids.class)];
    lines.extend(function.numa_node.map(|node| format!("NUMA node {node}")));
    match (&function.config, walk) {
        (Seen::Known(_), Some(walk)) if function.vf().is_none() => {
            lines.extend(buses(function));
            lines.extend(links(walk));
            lines.extend(acs(walk));
            lines.extend(sriov(walk));
        }
        (Seen::Unreadable(unreadable), _) => {
            lines.push(format!("config space: {}", unreadable.why))
        }
        _ => {}
    }
    lines
}

fn buses(function: &Function) -> Vec<String> {
    let header = function.config.known().and_then(virtfn_pci::ConfigSpace::header);
    let Some(bridge) = header.and_then(|header| header.bridge) else {
        return Vec::new();
    };
    let mut lines = vec![format!("buses {:02x} to {:02x}", bridge.secondary, bridge.subordinate)];
    for (what, window) in [("memory", bridge.memory), ("prefetchable", bridge.prefetchable)] {
        lines.extend(window.map(|w| format!("{what} window {:x}–{:x}", w.base, w.limit)));
    }
    lines
}

fn links(walk: &Walk) -> Vec<String> {
    let Looked::Found(express) = walk.express() else { return Vec::new() };
    let Some(link) = express.link else { return Vec::new() };
    let mut lines = vec![
        format!("LnkCap {} x{}", link.max_speed, link.max_width),
        format!("LnkSta {} x{}", link.speed, link.width),
    ];
    if express.port.is_downstream() {
        let ari = if express.forwards_ari() { "on" } else { "off" };
        lines.push(format!("ARI forwarding {ari}"));
    }
    lines
}

fn acs(walk: &Walk) -> Vec<String> {
    match walk.acs() {
        Looked::Found(acs) => vec![
            format!("ACSCap {}", named(acs.capability)),
            format!("ACSCtl {}", named(acs.control)),
        ],
        Looked::Absent => vec!["no ACS capability".into()],
        Looked::NotVisible(_) => vec!["ACS: not seen (run as root to see it)".into()],
    }
}

fn named(flags: AcsFlags) -> String {
    let names: Vec<_> = flags.names().collect();
    if names.is_empty() { "nothing".into() } else { names.join(" ") }
}

fn sriov(walk: &Walk) -> Vec<String> {
    let Looked::Found(sriov) = walk.sriov() else { return Vec::new() };
    vec![format!(
        "SR-IOV TotalVFs {}, first VF offset {}, stride {}, VF device {:04x}",
        sriov.total_vfs, sriov.first_vf_offset, sriov.vf_stride, sriov.vf_device
    )]
}

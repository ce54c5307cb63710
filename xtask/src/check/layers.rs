//! The rooms' order: who may depend on whom.
//!
//! This is the table of ARCHITECTURE.md as data. A dependency that is not in it is an error here,
//! so that the table is changed on purpose or not at all.

use std::path::Path;

use anyhow::{Result, bail};

use super::metadata::{Metadata, Package};
use crate::workspace;

struct Room {
    name: &'static str,
    /// The rooms that it may use.
    uses: &'static [&'static str],
}

const fn room(name: &'static str, uses: &'static [&'static str]) -> Room {
    Room { name, uses }
}

const ROOMS: &[Room] = &[
    room("pci", &[]),
    room("acpi", &["pci"]),
    room("host", &["pci", "acpi"]),
    room("formats", &["pci", "host"]),
    room("kernel", &["pci", "host"]),
    room("observe", &["pci", "acpi", "host", "formats", "kernel"]),
    room("predict", &["pci", "acpi", "host"]),
    room("doctor", &["pci", "acpi", "host", "predict"]),
    room("plan", &["pci", "host", "predict"]),
    room("apply", &["pci", "host", "plan", "observe", "kernel"]),
    room("vfio", &["pci"]),
    room("virt", &["pci", "host", "formats", "doctor", "apply"]),
    room("render", &["pci", "acpi", "host", "predict", "doctor", "plan"]),
    room(
        "cli",
        &[
            "pci", "acpi", "host", "formats", "kernel", "observe", "predict", "doctor", "plan",
            "apply", "virt", "render",
        ],
    ),
];

/// Checks every room against the table.
///
/// # Errors
/// With every dependency that the table does not have, and every crate that it does not know.
pub(super) fn check(metadata: &Metadata) -> Result<()> {
    let crates = workspace::root().join("crates");
    let members = metadata.members().filter(|p| Path::new(&p.manifest_path).starts_with(&crates));
    let complaints: Vec<_> = members.flat_map(complaints).collect();
    if !complaints.is_empty() {
        bail!("rooms:\n  {}", complaints.join("\n  "));
    }
    Ok(())
}

fn complaints(package: &Package) -> Vec<String> {
    let name = package.name.trim_start_matches("virtfn-");
    let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
        return vec![format!("{name}: not in the table of rooms (xtask/src/check/layers.rs)")];
    };
    let ours = package.dependencies.iter().filter(|d| d.path.is_some() && d.kind.is_none());
    ours.map(|dependency| dependency.name.trim_start_matches("virtfn-"))
        .filter(|used| !room.uses.contains(used))
        .map(|used| format!("{name} must not depend on {used}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_keeps_to_the_table() {
        check(&Metadata::read().unwrap()).unwrap();
    }

    #[test]
    fn a_room_uses_only_rooms_above_it() {
        for (at, room) in ROOMS.iter().enumerate() {
            for used in room.uses {
                let above = ROOMS[..at].iter().any(|other| other.name == *used);
                assert!(above, "{used} is not above {}", room.name);
            }
        }
    }
}

//! What the demo shows, as data: the main job on one machine, from the first look to a clean end.

use virtfn_lab::Hold;

/// One step of the demo.
pub(super) enum Step {
    /// A sentence before the next commands.
    Say(&'static str),
    /// A command line, the status that it must exit with, and words that it must print.
    Run { line: &'static str, exits: i32, says: &'static [&'static str] },
    /// A process takes hold of a VF, as a virtual machine does.
    Hold { what: Hold, address: &'static str },
    /// That process lets go.
    Release,
}

const fn run(line: &'static str, says: &'static [&'static str]) -> Step {
    Step::Run { line, exits: 0, says }
}

const fn refused(line: &'static str, says: &'static [&'static str]) -> Step {
    Step::Run { line, exits: 3, says }
}

pub(super) const STEPS: &[Step] = &[
    Step::Say("Can this host hand out virtual functions?"),
    run("virtfn doctor", &["0b:00.0", "0b:00.1"]),
    run("virtfn list", &["0b:00.0", "0b:00.1"]),
    Step::Say("Seven on each port."),
    run("virtfn create 0b:00.0 --vfs 7", &["0b:10.0"]),
    run("virtfn create 0b:00.1 --vfs 7", &["0b:10.1"]),
    run("virtfn list --tree", &["0b:10.0", "0b:10.7", "0b:11.0", "0b:11.5"]),
    Step::Say("The first gets a MAC address and a VLAN, and goes to VFIO."),
    run("virtfn set 0b:00.0/0 --mac 52:54:00:6d:90:02 --vlan 42", &["0b:10.0"]),
    run("virtfn bind 0b:10.0 vfio-pci", &["vfio-pci"]),
    run("ip link show eth0", &["52:54:00:6d:90:02", "vlan 42"]),
    Step::Say("A process opens its group, container and device, as a virtual machine does."),
    Step::Hold { what: Hold::GroupAndDevice, address: "0b:10.0" },
    refused("virtfn destroy 0b:00.0", &["vfio-holder"]),
    run("virtfn list", &["vfio-holder", "0b:10.0"]),
    Step::Say("It lets go."),
    Step::Release,
    run("virtfn destroy 0b:00.0", &[]),
    run("virtfn destroy 0b:00.1", &[]),
    run("virtfn list", &["0b:00.0", "0b:00.1"]),
    Step::Say("The old way that administrators know; virtfn sees it and says so."),
    run("modprobe -r igb && modprobe igb max_vfs=7", &[]),
    run("virtfn list", &["0b:10.0", "0b:11.5"]),
    run("virtfn doctor", &["vfs-from-module-option", "max_vfs"]),
];

//! What to type for each way.

use virtfn_host::MasterKind;

use super::facts::{Column, Facts};
use super::{Mark, Way};

/// The commands that go a way, in order; none where it cannot be gone.
pub(super) fn commands(facts: &Facts<'_>, way: Way, mark: Mark) -> Vec<String> {
    if matches!(mark, Mark::No | Mark::DoesNotApply) {
        return Vec::new();
    }
    match way {
        Way::Whole => vec![format!("virtfn attach VM {}", facts.device.address.short())],
        Way::Vf => of_vf(facts),
        Way::Macvtap => of_macvtap(facts),
        Way::Virtio => of_virtio(facts),
    }
}

fn of_vf(facts: &Facts<'_>) -> Vec<String> {
    let pf = facts.device.address.short();
    let total = facts.pf().map_or(0, |pf| pf.total_vfs);
    match facts.vf {
        Column::Asked(index, _) => vec![format!("virtfn attach VM {pf}/{index}")],
        Column::Made(..) => vec![format!("virtfn attach VM {pf}/any")],
        Column::ToCome => {
            vec![format!("virtfn create {pf} --vfs {total}"), format!("virtfn attach VM {pf}/any")]
        }
        Column::None => Vec::new(),
    }
}

fn of_macvtap(facts: &Facts<'_>) -> Vec<String> {
    let name = facts.name();
    vec![format!("virsh attach-interface VM direct {name} --source-mode bridge --model virtio")]
}

fn of_virtio(facts: &Facts<'_>) -> Vec<String> {
    if facts.is_drive() {
        return vec!["virsh attach-disk VM /dev/DISK vdb --targetbus virtio".into()];
    }
    let name = facts.name();
    let attach = |bridge: &str| format!("virsh attach-interface VM bridge {bridge} --model virtio");
    let made = |port: &str| {
        let make = format!("ip link add br0 type bridge && ip link set {port} master br0");
        vec![make, "ip link set br0 up".to_owned(), attach("br0")]
    };
    match facts.master() {
        Some((bridge, Some(MasterKind::Bridge))) => vec![attach(bridge)],
        Some((bond, Some(MasterKind::Bond))) => made(bond),
        Some((master, _)) => vec![format!(
            "in the VM's XML: a port of {master}: <interface type='bridge'>, for Open vSwitch with \
             <virtualport type='openvswitch'/>"
        )],
        None => made(name),
    }
}

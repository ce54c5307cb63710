//! What keeps a PF from making VFs.

use virtfn_doctor::Verdict::{Fail, Pass, Unknown, Warn};
use virtfn_host::{Host, Netdev, Seen};

use super::{Case, at, case, command_line, edit_config, extended, pf};

pub(crate) const CASES: &[Case] = &[
    case("pf-cannot-make-vfs", Fail, "no MSI-X for igb", |host| {
        without_vfs(host);
        edit_config(host, "01:00.0", |bytes| bytes[0x73] &= 0x7f);
        command_line(host, "pci=nomsi");
    }),
    case("pf-cannot-make-vfs", Unknown, "MSI-X is off at this moment", |host| {
        without_vfs(host);
        edit_config(host, "01:00.0", |bytes| bytes[0x73] &= 0x7f);
    }),
    case("pf-cannot-make-vfs", Fail, "InitialVFs is not TotalVFs", |host| {
        without_vfs(host);
        edit_config(host, "01:00.0", |bytes| {
            let sriov = extended(bytes, 0x10);
            bytes[sriov + 0x0c] = 3;
        });
    }),
    case("pf-cannot-make-vfs", Fail, "a Broadcom that is down", |host| {
        without_vfs(host);
        at(host, "01:00.0").driver = Some("bnxt_en".into());
        netdevs(host).iter_mut().for_each(|netdev| netdev.up = false);
    }),
    case("mmio-window-too-small", Fail, "VF BARs that the kernel marks", |host| {
        without_vfs(host);
        let Seen::Known(lines) = &mut at(host, "01:00.0").resources else { panic!() };
        lines[7].flags |= 0x2000_0000;
    }),
    case("mmio-window-too-small", Unknown, "a line and a register at odds", |host| {
        without_vfs(host);
        let Seen::Known(lines) = &mut at(host, "01:00.0").resources else { panic!() };
        (lines[7].start, lines[7].end, lines[7].flags) = (0, 0, 0);
    }),
    case("mmio-window-too-small", Pass, "before there are VFs", without_vfs),
    case("no-bus-numbers-for-vfs", Fail, "VFs that begin past the bus", |host| {
        without_vfs(host);
        pf(host).vf_offset = Seen::Known(384);
    }),
    case("no-bus-numbers-for-vfs", Warn, "a few fit", |host| {
        without_vfs(host);
        pf(host).vf_offset = Seen::Known(0xfc);
    }),
    case("no-bus-numbers-for-vfs", Unknown, "a root bus of unknown length", |host| {
        without_vfs(host);
        at(host, "01:00.0").parent = None;
        pf(host).vf_offset = Seen::Known(384);
    }),
    case("driver-limits-vfs", Warn, "fewer than igb has", |host| pf(host).total_vfs = 3),
    case("driver-limits-vfs", Warn, "a driver that nobody knows", |host| {
        at(host, "01:00.0").driver = Some("new".into());
    }),
];

/// As it was before VFs were made.
fn without_vfs(host: &mut Host) {
    let vfs = std::mem::take(&mut pf(host).vfs);
    for vf in vfs.values() {
        let vf = host.functions.remove(vf).unwrap();
        host.groups.remove(&vf.iommu_group.unwrap());
    }
}

fn netdevs(host: &mut Host) -> &mut Vec<Netdev> {
    match &mut host.netdevs {
        Seen::Known(netdevs) => netdevs,
        other => panic!("{other:?}"),
    }
}

//! Did the kernel refuse to make VFs?

use virtfn_host::{Function, Host};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::symptom::Symptom;
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "making-vfs-refused",
    label: "making VFs",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &[
        "pf-driver-missing",
        "pf-cannot-make-vfs",
        "mmio-window-too-small",
        "no-bus-numbers-for-vfs",
    ],
    judge: Judge::Each(judge),
    page: include_str!("making_vfs_refused.md"),
};

/// What the kernel (drivers/pci/iov.c, pci-sysfs.c) and igb, ixgbe, i40e, ice and mlx5 say.
const SYMPTOM: Symptom = Symptom {
    texts: &[
        &["not enough MMIO resources for SR-IOV"],
        &["can't enable", "VFs (bus", "out of range of"],
        &["SR-IOV: bus number out of range"],
        &["no driver bound to device; cannot configure SR-IOV"],
        &["driver does not support SR-IOV configuration via sysfs"],
        &["VFs already enabled. Disable before enabling"],
        &["Maximum of", "VFs per PF"],
        &["Creating more than", "VFs is not allowed"],
        &["SRIOV is not supported with XDP"],
        &["Unable to enable", "VFs. Limited to"],
        &["Unable to configure VFs, other operation is pending"],
        &["SR-IOV cannot be configured - Device is in Safe Mode"],
        &["Can't enable", "VFs, max VFs supported is"],
        &["Cannot enable SR-IOV, device not ready"],
        &["MSI-X interrupts available for SR-IOV"],
        &["mlx5_device_enable_sriov failed"],
        &["pci_enable_sriov failed"],
    ],
    found: "somebody was refused VFs of it since the start",
    clean: "nobody was refused VFs of it",
    fixes: &[
        "see what would be refused now, and why: virtfn create PF --vfs N --dry-run",
        "Safe Mode of ice: install its DDP package (linux-firmware, intel/ice/ddp/ice.pkg), and load the driver again",
        "other numbers need 0 first: virtfn create does both, and refuses while a VF is in use",
    ],
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let address = function.address.to_string();
    SYMPTOM.judge_lines(host, |line| line.contains(&address))
}

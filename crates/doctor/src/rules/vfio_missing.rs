//! Is VFIO there to hand functions over with?

use virtfn_host::{Host, Seen};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

const DRIVERS: &str = "sys/bus/pci/drivers";

pub(crate) const RULE: Rule = Rule {
    id: "vfio-missing",
    label: "vfio",
    about: About::Host,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Requirement,
    follows: &[],
    judge: Judge::Host(judge),
    page: include_str!("vfio_missing.md"),
};

fn judge(host: &Host) -> Opinion {
    let registered = host.kernel.pci_drivers.known();
    if registered.is_some_and(|drivers| drivers.contains("vfio-pci")) {
        return Opinion::pass("vfio-pci is loaded").saw(format!("{DRIVERS}/vfio-pci"), "there");
    }
    let folder = match &host.kernel.release {
        Seen::Known(release) => format!("lib/modules/{release}"),
        Seen::Absent | Seen::Unreadable(_) => "lib/modules".into(),
    };
    match &host.kernel.vfio_modules {
        Seen::Known(modules) if modules.contains("vfio_pci") => {
            Opinion::pass("vfio-pci can be loaded").saw(format!("{folder}/modules.dep"), "vfio_pci")
        }
        Seen::Known(_) => Opinion::fail("this kernel has no vfio-pci")
            .saw(format!("{folder}/modules.dep"), "no vfio_pci")
            .missed(DRIVERS, &host.kernel.pci_drivers)
            .fix(
                "install the kernel's whole set of modules (Debian's cloud kernels: \
                 linux-image-amd64; Ubuntu: linux-modules-extra; Fedora: kernel-modules)",
            )
            .fix("or build the kernel with CONFIG_VFIO_PCI"),
        seen => Opinion::unknown("whether this kernel has vfio-pci could not be seen")
            .missed(&folder, seen)
            .missed(DRIVERS, &host.kernel.pci_drivers)
            .fix("modprobe vfio-pci"),
    }
}

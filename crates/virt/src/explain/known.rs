//! The table of refusals.
//!
//! The words are those of QEMU's hw/vfio, hw/pci and system/qdev-monitor.c, of libvirt's src/util,
//! src/conf, src/hypervisor and src/qemu, and of the kernel's errors that they pass on. The first
//! that fits is taken: what says more stands before what says less.

use super::Known;

pub(super) const REFUSALS: &[Known] = &[
    // The IOMMU group.
    Known {
        says: "group {group} is not viable",
        why: "another device of IOMMU group {group} has a driver of the host: all of a group goes \
              to one VM, or none of it",
        hints: &["virtfn groups {device}"],
    },
    Known {
        says: "Please ensure all devices within the iommu_group are bound to their vfio bus driver",
        why: "another device of the same IOMMU group has a driver of the host: all of a group goes \
              to one VM, or none of it",
        hints: &["virtfn groups {device}"],
    },
    Known {
        says: "no iommu_group found",
        why: "no IOMMU translates for this device: it is off, or it does not cover the device",
        hints: &["virtfn doctor {device} --for vm"],
    },
    Known {
        says: "group {group} used in multiple address spaces",
        why: "the machine has a virtual IOMMU, and two devices of IOMMU group {group} are on \
              different buses behind it: they cannot be told apart",
        hints: &["put the devices of the group on one conventional bus (pcie-to-pci-bridge)"],
    },
    Known {
        says: "/dev/vfio/{group}: Device or resource busy",
        why: "another program has IOMMU group {group} open: another VM, or DPDK",
        hints: &["virtfn list"],
    },
    Known {
        says: "/dev/vfio/{group}: No such file or directory",
        why: "no device of the group is bound to vfio-pci",
        hints: &["virtfn bind {device} vfio-pci"],
    },
    Known {
        says: "/dev/vfio/{group}: Permission denied",
        why: "QEMU's user may not open the group's file",
        hints: &["give QEMU's user the file /dev/vfio/{group}, or start QEMU through libvirt"],
    },
    Known {
        says: "/dev/vfio/{group}: Operation not permitted",
        why: "the cgroup or container of QEMU does not allow VFIO's device files",
        hints: &["virtfn explain vfio-node-not-permitted"],
    },
    Known {
        says: "error getting device from group {group}:",
        why: "the device is not bound to vfio-pci, or is open already",
        hints: &["virtfn show {device}", "virtfn bind {device} vfio-pci"],
    },
    // Memory.
    Known {
        says: "dma_map({region}) = -12",
        why: "QEMU may not lock as much memory as the guest has: a device reaches all of it, so \
              all of it must stay in place",
        hints: &[
            "virtfn explain memlock-too-small",
            "QEMU by hand: `ulimit -l unlimited` before it, LimitMEMLOCK=infinity in a unit",
        ],
    },
    Known {
        says: "VFIO_MAP_DMA failed: Cannot allocate memory",
        why: "QEMU may not lock as much memory as the guest has: a device reaches all of it, so \
              all of it must stay in place",
        hints: &[
            "virtfn explain memlock-too-small",
            "QEMU by hand: `ulimit -l unlimited` before it, LimitMEMLOCK=infinity in a unit",
        ],
    },
    Known {
        says: "dma_map({region}) = -22",
        why: "the guest has memory or BARs at addresses that this host's IOMMU cannot translate",
        hints: &[
            "virtfn explain iova-width-39-bit",
            "QEMU: -cpu host,host-phys-bits-limit=39",
            "libvirt: <maxphysaddr mode='passthrough' limit='39'/> in <cpu>",
        ],
    },
    Known {
        says: "VFIO_MAP_DMA failed: Invalid argument",
        why: "the guest has memory or BARs at addresses that this host's IOMMU cannot translate",
        hints: &[
            "virtfn explain iova-width-39-bit",
            "QEMU: -cpu host,host-phys-bits-limit=39",
            "libvirt: <maxphysaddr mode='passthrough' limit='39'/> in <cpu>",
        ],
    },
    Known {
        says: "cannot limit locked memory of process {pid} to {bytes}",
        why: "libvirt may not raise the limit of locked memory: it runs in a container or without \
              CAP_SYS_RESOURCE",
        hints: &[
            "set the limit of libvirt itself to {bytes} bytes or more (LimitMEMLOCK= in its unit)",
        ],
    },
    // The host's device.
    Known {
        says: "no such host device",
        why: "the host has no device at this address: its PF may have lost its VFs",
        hints: &["virtfn list"],
    },
    Known {
        says: "PCI device {pci} is in use by driver {driver}, domain {domain}",
        why: "the VM {domain} has it",
        hints: &["virtfn detach {domain} {device}"],
    },
    Known {
        says: "allocated from network {network} is already in use by domain {domain}",
        why: "the VM {domain} has it, and libvirt's network {network} gave it a second time",
        hints: &["virtfn detach {domain} {device}"],
    },
    Known {
        says: "PCI device {pci} is in use",
        why: "another VM, or a disk of one, has it",
        hints: &["virtfn list"],
    },
    Known {
        says: "Unmanaged PCI device {pci} must be manually detached from the host",
        why: "the XML says managed='no', so that libvirt leaves the driver alone, and it is not \
              vfio-pci",
        hints: &["virtfn bind {device} vfio-pci", "or write managed='yes' in the XML"],
    },
    Known {
        says: "Device {pci} is behind a switch lacking ACS and cannot be assigned",
        why: "a PCIe switch on its way may send its writes past the IOMMU",
        hints: &["virtfn groups {device}"],
    },
    Known {
        says: "PCI device {pci} is not assignable",
        why: "libvirt sees no isolated way from it to the root of the PCIe tree",
        hints: &["virtfn groups {device}"],
    },
    Known {
        says: "Non-endpoint PCI devices cannot be assigned to guests",
        why: "it is a bridge: only what is behind it can be handed over",
        hints: &["virtfn list --tree"],
    },
    Known {
        says: "host doesn't support passthrough of host PCI devices",
        why: "libvirt sees neither an IOMMU that is on nor VFIO on this host",
        hints: &["virtfn doctor --for vm"],
    },
    Known {
        says: "host doesn't support VFIO PCI passthrough",
        why: "libvirt sees no VFIO on this host: the module vfio-pci is not there, or the IOMMU is \
              off",
        hints: &["virtfn doctor --for vm"],
    },
    Known {
        says: "Cannot reset device {name}, depends on group {group} which is not owned",
        why: "it can only be reset together with a device of IOMMU group {group}, and this VM does \
              not have that one",
        hints: &["virtfn show {device}", "give both to the same VM"],
    },
    Known {
        says: "Cannot reset device {name}, depends on device {other} which is not owned",
        why: "it can only be reset together with {other}, and this VM does not have that one",
        hints: &["virtfn show {device}", "give both to the same VM"],
    },
    Known {
        says: "Cannot reset device {name}, no available reset mechanism",
        why: "it has no reset of its own: what the last guest left in it stays",
        hints: &["virtfn explain no-flr"],
    },
    // What is asked of a VF.
    Known {
        says: "Unable to configure VF {vf} of PF '{pf}' because the PF is not online",
        why: "libvirt sets a VF's MAC and VLAN only while its PF is up",
        hints: &["ip link set {pf} up"],
    },
    Known {
        says: "Interface type hostdev is currently supported on SR-IOV Virtual Functions only",
        why: "it is no VF: <interface type='hostdev'> sets MAC and VLAN through a PF, which it does \
              not have",
        hints: &["write <hostdev> in place of <interface>"],
    },
    Known {
        says: "virtualport type {type} is currently not supported on interfaces of type hostdev",
        why: "only 802.1Qbh can be asked of a VF that is handed over",
        hints: &["leave out <virtualport>, or write type='802.1Qbh'"],
    },
    Known {
        says: "setting of the vlan tag is not allowed for hostdev devices using {mode} mode",
        why: "with 802.1Qbh the switch sets the VLAN",
        hints: &["leave out <vlan>, or <virtualport>"],
    },
    // Where in the machine it goes.
    Known {
        says: "Bus '{bus}' does not support hotplugging",
        why: "bus {bus} takes devices only before the machine starts: what is plugged in later \
              needs a free root port",
        hints: &[
            "start QEMU with -device pcie-root-port,id=rp1,chassis=1, and attach with bus=rp1",
        ],
    },
    Known {
        says: "No more available PCI slots",
        why: "the machine has no free port for one more device",
        hints: &[
            "add <controller type='pci' model='pcie-root-port'/> (virsh edit) and restart the VM",
            "or attach with --config alone: the device is there from the next start on",
        ],
    },
    Known {
        says: "no slot/function available for {driver}, all in use or reserved",
        why: "the bus is full",
        hints: &[
            "start QEMU with -device pcie-root-port,id=rp1,chassis=1, and attach with bus=rp1",
        ],
    },
    Known {
        says: "slot {slot} function {function} not available for {driver}, in use by {other},id={id}",
        why: "{other} is in this place already",
        hints: &["name another port (bus=)"],
    },
    Known {
        says: "function 0 already occupied by {other}, new func {driver} cannot be exposed",
        why: "{other} is in this place already",
        hints: &["name another port (bus=)"],
    },
    Known {
        says: "slot {slot} is not valid for {driver}, parent device only allows plugging into slot 0",
        why: "a PCIe port has place for one device, at address 0",
        hints: &["leave out addr="],
    },
    Known {
        says: "Bus '{bus}' not found",
        why: "the machine has no port of this name",
        hints: &["start QEMU with -device pcie-root-port,id={bus},chassis=1"],
    },
    // What the machine has already.
    Known {
        says: "Duplicate device ID '{id}'",
        why: "the machine has a device with this id already",
        hints: &["give another id=, or detach that one first"],
    },
    Known {
        says: "non unique alias detected: {alias}",
        why: "the VM has a device with the alias {alias} already",
        hints: &["give another <alias name='ua-…'/>, or detach that one first"],
    },
    Known {
        says: "device is already in the domain configuration",
        why: "the VM's saved definition has this device already",
        hints: &[],
    },
    Known {
        says: "Hostdev already exists in the domain configuration",
        why: "the VM has this device already",
        hints: &[],
    },
    Known {
        says: "domain is not running",
        why: "there is no running machine to change, only its saved definition",
        hints: &["use --config alone"],
    },
    Known {
        says: "no device found at address '{address}' matching MAC address '{mac}'",
        why: "the VM has no such interface",
        hints: &["virtfn list"],
    },
    Known {
        says: "device not found: {what}",
        why: "the VM has no such device",
        hints: &["virtfn list"],
    },
    Known {
        says: "Device {id} is already in the process of unplug",
        why: "the guest was asked for it before and has not let go yet",
        hints: &["wait, or look into the guest: it may have the device in use"],
    },
    Known {
        says: "unplug of device was rejected by the guest",
        why: "the guest keeps it: it has the device in use, or no driver for its hot-plug port",
        hints: &["end its use inside the guest first"],
    },
    Known {
        says: "cannot acquire state change lock",
        why: "libvirt is busy with another change of this VM",
        hints: &["virsh domjobinfo shows it; then run this again"],
    },
    // QEMU itself.
    Known {
        says: "'pci-assign' is not a valid device model name",
        why: "pci-assign was KVM's own way of handing over devices, before VFIO, and is gone",
        hints: &["-device vfio-pci,host={device}"],
    },
    Known {
        says: "'vfio-pci' is not a valid device model name",
        why: "this QEMU was built without VFIO",
        hints: &["install the full QEMU of the distribution (Debian: qemu-system-x86)"],
    },
    Known {
        says: "'{driver}' is not a valid device model name",
        why: "this QEMU has no device {driver}",
        hints: &["qemu-system-x86_64 -device help"],
    },
    Known {
        says: "failed to find romfile \"{file}\"",
        why: "a boot ROM is not installed on this host: the device works without it, only booting \
              from it does not",
        hints: &["-device …,romfile= (empty)", "or install it (Debian: ipxe-qemu)"],
    },
    // Last: libvirt puts this before whatever it says of XML.
    Known {
        says: "XML error: {what}",
        why: "libvirt reads the XML and does not take it: {what}",
        hints: &["virt-xml-validate FILE"],
    },
];

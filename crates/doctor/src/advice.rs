//! What mends things that several rules find.

use virtfn_host::Host;

use crate::evidence::{is_arm, is_guest};

/// How to switch the IOMMU on in the firmware's setup program, as this machine's maker calls it.
pub(crate) fn enable_in_setup(host: &Host) -> Vec<String> {
    let product = host.firmware.product.known().map_or("", String::as_str);
    let vendor = host.kernel.cpu.known().and_then(|cpu| cpu.vendor.as_deref()).unwrap_or("");
    let mut fixes = Vec::new();
    if is_arm(host) {
        return vec![
            "switch on the SMMU in the firmware's setup (SMMU, IOMMU or Input Output Memory \
             Management Unit)"
                .into(),
            "update the firmware: its IORT table has to name the SMMU".into(),
            "in a virtual machine of QEMU: -machine virt,iommu=smmuv3".into(),
        ];
    }
    if is_guest(host) {
        fixes.push(
            "this is a virtual machine: give it an IOMMU (QEMU: -machine q35,kernel-irqchip=split \
             -device intel-iommu,intremap=on,caching-mode=on)"
                .into(),
        );
    }
    fixes.push(match vendor {
        "GenuineIntel" => {
            "in the firmware's setup switch on VT-d (Intel Virtualization Technology for Directed \
             I/O)"
                .into()
        }
        "AuthenticAMD" => {
            "in the firmware's setup set IOMMU to Enabled, not Auto (AMD-Vi, often below NBIO)"
                .into()
        }
        _ => "switch on the IOMMU in the firmware's setup (VT-d, AMD-Vi, SMMU)".into(),
    });
    fixes.extend(maker(product).map(str::to_owned));
    fixes
}

/// What a maker's setup program calls it.
fn maker(product: &str) -> Option<&'static str> {
    const MAKERS: [(&str, &str); 5] = [
        (
            "Dell",
            "Dell: Processor Settings, Virtualization Technology; Integrated Devices, SR-IOV Global Enable",
        ),
        ("HPE", "HPE: Virtualization Options, Intel VT-d or AMD IOMMU, and SR-IOV"),
        ("HP", "HP: Virtualization Options, Intel VT-d or AMD IOMMU, and SR-IOV"),
        ("Supermicro", "Supermicro: VT-d, SR-IOV Support, Above 4G Decoding, ARI Support"),
        ("Lenovo", "Lenovo: Intel VT for Directed I/O, or on AMD also ACS Enable"),
    ];
    MAKERS.iter().find(|(maker, _)| product.starts_with(maker)).map(|(_, hint)| *hint)
}

/// How to change the kernel's command line, whatever starts it.
pub(crate) fn command_line(change: &str) -> Vec<String> {
    vec![
        format!("{change} on the kernel's command line, then reboot"),
        "where that is: GRUB /etc/default/grub, then update-grub (Red Hat: grubby \
         --update-kernel=ALL); systemd-boot and Proxmox /etc/kernel/cmdline, then kernel-install or \
         proxmox-boot-tool refresh; image-based systems rpm-ostree kargs or bootc's kargs.d"
            .into(),
    ]
}

//! Which files of a machine lay down what its devices shall be.

use virtfn_host::Owner;

use crate::{
    File, Reading, driverctl, ifcfg, ifupdown, libvirt, modprobe, netplan, network_manager,
    networkd, neutron, operator, own, proxmox, script, sysfs_line, udev, unit,
};

/// Some files of one format.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Whose they are.
    pub owner: Owner,
    /// Folders, below the root and without a leading slash; those of administrators first.
    pub folders: &'static [&'static str],
    /// The files in them, by how their names begin and end.
    pub named: (&'static str, &'static str),
    /// What a file does to one of its name in a later folder.
    pub shadow: Shadow,
    /// Reads one of them, and behind it the drop-ins of its name (`NAME.d/*.conf`).
    pub read: fn(&[File<'_>]) -> Reading,
}

/// How folders of one source stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shadow {
    /// Every file counts.
    None,
    /// A file hides those of its name in later folders.
    ByName,
    /// The same, and it may have drop-ins.
    WithDropIns,
}

const fn source(
    owner: Owner,
    folders: &'static [&'static str],
    named: (&'static str, &'static str),
    shadow: Shadow,
    read: fn(&[File<'_>]) -> Reading,
) -> Source {
    Source { owner, folders, named, shadow, read }
}

const NETWORKD: &[&str] = &[
    "etc/systemd/network",
    "run/systemd/network",
    "usr/local/lib/systemd/network",
    "usr/lib/systemd/network",
];
const UNITS: &[&str] = &[
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
];

/// Every format, and where its files are. A folder and the name of a single file are written alike.
pub const SOURCES: &[Source] = &[
    source(
        Owner::Netplan,
        &["etc/netplan", "run/netplan", "usr/lib/netplan"],
        ("", ".yaml"),
        Shadow::ByName,
        netplan::read,
    ),
    source(Owner::Networkd, NETWORKD, ("", ".link"), Shadow::WithDropIns, networkd::read),
    source(Owner::Networkd, NETWORKD, ("", ".network"), Shadow::WithDropIns, networkd::read),
    source(
        Owner::NetworkManager,
        &[
            "etc/NetworkManager/system-connections",
            "run/NetworkManager/system-connections",
            "usr/lib/NetworkManager/system-connections",
        ],
        ("", ""),
        Shadow::ByName,
        network_manager::read_connection,
    ),
    source(
        Owner::NetworkManager,
        &["etc/NetworkManager"],
        ("NetworkManager", ".conf"),
        Shadow::None,
        network_manager::read_settings,
    ),
    source(
        Owner::NetworkManager,
        &[
            "etc/NetworkManager/conf.d",
            "run/NetworkManager/conf.d",
            "usr/lib/NetworkManager/conf.d",
        ],
        ("", ".conf"),
        Shadow::ByName,
        network_manager::read_settings,
    ),
    source(
        Owner::NetworkManager,
        &["etc/sysconfig/network-scripts"],
        ("ifcfg-", ""),
        Shadow::None,
        ifcfg::read,
    ),
    source(
        Owner::Udev,
        &[
            "etc/udev/rules.d",
            "run/udev/rules.d",
            "usr/local/lib/udev/rules.d",
            "usr/lib/udev/rules.d",
        ],
        ("", ".rules"),
        Shadow::ByName,
        udev::read,
    ),
    source(
        Owner::Ifupdown,
        &["etc/network"],
        ("interfaces", "interfaces"),
        Shadow::None,
        ifupdown::read,
    ),
    source(Owner::Ifupdown, &["etc/network/interfaces.d"], ("", ""), Shadow::None, ifupdown::read),
    source(Owner::Driverctl, &["etc/driverctl.d"], ("pci-", ""), Shadow::None, driverctl::read),
    source(
        Owner::Modprobe,
        &["etc/modprobe.d", "run/modprobe.d", "usr/local/lib/modprobe.d", "usr/lib/modprobe.d"],
        ("", ".conf"),
        Shadow::ByName,
        modprobe::read,
    ),
    source(
        Owner::Neutron,
        &["etc/neutron/plugins/ml2"],
        ("sriov_", ".ini"),
        Shadow::None,
        neutron::read,
    ),
    source(
        Owner::Sysfsutils,
        &["etc"],
        ("sysfs.conf", "sysfs.conf"),
        Shadow::None,
        sysfs_line::read_sysfs,
    ),
    source(
        Owner::Sysfsutils,
        &["etc/sysfs.d"],
        ("", ".conf"),
        Shadow::None,
        sysfs_line::read_sysfs,
    ),
    source(
        Owner::Tmpfiles,
        &["etc/tmpfiles.d", "run/tmpfiles.d", "usr/lib/tmpfiles.d"],
        ("", ".conf"),
        Shadow::ByName,
        sysfs_line::read_tmpfiles,
    ),
    source(
        Owner::Script,
        &["etc", "etc/rc.d"],
        ("rc.local", "rc.local"),
        Shadow::None,
        script::read,
    ),
    source(Owner::Script, UNITS, ("", ".service"), Shadow::WithDropIns, unit::read),
    source(Owner::Script, &["etc"], ("crontab", "crontab"), Shadow::None, script::read),
    source(Owner::Script, &["etc/cron.d"], ("", ""), Shadow::None, script::read),
    source(
        Owner::Script,
        &["var/spool/cron/crontabs", "var/spool/cron"],
        ("root", "root"),
        Shadow::None,
        script::read,
    ),
    source(
        Owner::Script,
        &[
            "etc/network/if-pre-up.d",
            "etc/network/if-up.d",
            "etc/networkd-dispatcher/routable.d",
            "etc/NetworkManager/dispatcher.d",
        ],
        ("", ""),
        Shadow::None,
        script::read,
    ),
    source(Owner::Operator, &["etc/sriov-operator/pci"], ("", ""), Shadow::None, operator::read),
    source(Owner::Virtfn, &["etc/virtfn"], ("policy", ".yaml"), Shadow::None, own::read),
    source(Owner::Virtfn, &["etc/virtfn/policy.d"], ("", ".yaml"), Shadow::None, own::read),
    source(Owner::Libvirt, &["etc/libvirt/qemu"], ("", ".xml"), Shadow::None, libvirt::read),
    source(Owner::Proxmox, &["etc/pve/qemu-server"], ("", ".conf"), Shadow::None, proxmox::read),
];

impl Source {
    /// Is a file of this name one of them? Leftovers of editors and package managers are not.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        let (start, end) = self.named;
        let leftover = name.starts_with('.') || name.ends_with('~') || name.contains(".dpkg-");
        let exact = !start.is_empty() && start == end;
        let fits =
            if exact { name == start } else { name.starts_with(start) && name.ends_with(end) };
        fits && !leftover
    }
}

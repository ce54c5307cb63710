//! Every key of a policy file: what it may hold, and what it is for. The reader takes the names from
//! here, and so does the published schema.

/// A key and its value.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) kind: Kind,
}

/// What a value may be.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// `on` or `off`.
    Switch,
    /// A whole number.
    Number { least: u32, most: u32 },
    /// One of these words.
    Words(&'static [&'static str]),
    /// A word that this regular expression describes.
    Text(&'static str),
    /// Something with keys of its own, by its name in the schema.
    Of(&'static str),
    /// A list of those.
    ListOf(&'static str),
}

const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, about, kind }
}

/// The names of keys, as the reader wants them.
pub(crate) const fn names<const N: usize>(keys: &[Key; N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut at = 0;
    while at < N {
        names[at] = keys[at].name;
        at += 1;
    }
    names
}

const ADDRESS: &str = "^([0-9A-Fa-f]{4}:)?[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\\.[0-7]$|^pci_.+$";
const MAC: &str = "^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$";
const MAC_OR_AUTO: &str = "^(auto|([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2})$";
const GUID: &str = "^([0-9A-Fa-f]{2}:){7}[0-9A-Fa-f]{2}$";
const NAME: &str = "^[!-.0-~]{1,63}$";
const INTERFACE: &str = "^[!-.0-~]{1,15}$";
const OWNER: &str = "^[ -~\\p{Alphabetic}\\p{N}]{1,63}$";
const ID: &str = "^(0x)?[0-9A-Fa-f]{1,4}$";
/// The name of a group; that it is not digits alone, nor `none`, the reader says.
pub(crate) const GROUP: &str = "^[A-Za-z0-9_.-]{1,63}$";
const SERIAL: &str = "^([0-9A-Fa-f]{2}[:-]?){7}[0-9A-Fa-f]{2}$";

pub(crate) const POLICY: [Key; 4] = [
    key("version", Kind::Number { least: 1, most: 1 }, "The version of the format."),
    key("pfs", Kind::ListOf("pf"), "Physical functions and their VFs."),
    key("devices", Kind::ListOf("device"), "Whole functions, and who drives them."),
    key("host", Kind::Of("host"), "What the host has ready beside its devices."),
];

pub(crate) const PF: [Key; 8] = [
    key("match", Kind::Of("match"), "Which PF is meant."),
    key("vfs", Kind::Number { least: 0, most: 65_535 }, "How many VFs it has."),
    key("autoprobe", Kind::Switch, "Does the kernel look for drivers of new VFs?"),
    key(
        "eswitch",
        Kind::Words(&["legacy", "switchdev"]),
        "How its switch works: by the VFs' settings, or by representors.",
    ),
    key(
        "firmware_vfs",
        Kind::Number { least: 1, most: 65_535 },
        "How many VFs the card's firmware offers, from its next reset on.",
    ),
    key(
        "rate_groups",
        Kind::Of("rate_groups"),
        "The groups in which VFs share a rate, by name (devlink, in switchdev mode).",
    ),
    key("defaults", Kind::Of("vf"), "What holds for every VF that says nothing else."),
    key("vf", Kind::Of("ranges"), "Settings of a VF (0), or of a range of them (1-3)."),
];

pub(crate) const DEVICE: [Key; 2] = [
    key("match", Kind::Of("match"), "Which function is meant."),
    key(
        "driver",
        Kind::Text(NAME),
        "A driver, `default`, `none`, or `vfio`: the one that fits best.",
    ),
];

pub(crate) const MATCH: [Key; 7] = [
    key("pci", Kind::Text(ADDRESS), "Its address."),
    key("netdev", Kind::Text(INTERFACE), "The name of its interface now; names move."),
    key("mac", Kind::Text(MAC), "The permanent address of its interface."),
    key("driver", Kind::Text(NAME), "Its driver."),
    key("vendor", Kind::Text(ID), "Its vendor: four hex digits."),
    key("device", Kind::Text(ID), "Its device: four hex digits."),
    key("serial", Kind::Text(SERIAL), "Its PCI Express serial number."),
];

pub(crate) const VF: [Key; 23] = [
    key("mac", Kind::Text(MAC_OR_AUTO), "Its address; `auto` derives one that stays."),
    key("vlan", Kind::Number { least: 0, most: 4094 }, "The VLAN it is locked into; 0 for none."),
    key("qos", Kind::Number { least: 0, most: 7 }, "The priority of that VLAN's tags."),
    key("proto", Kind::Words(&["802.1Q", "802.1ad"]), "The kind of that tag."),
    key("spoofchk", Kind::Switch, "May it only send from its own addresses?"),
    key("trust", Kind::Switch, "May it ask for promiscuous mode and other addresses?"),
    key("link", Kind::Words(&["auto", "enable", "disable"]), "What its link follows."),
    key("min_rate", Kind::Number { least: 0, most: u32::MAX }, "Mbit/s that it is promised."),
    key("max_rate", Kind::Number { least: 0, most: u32::MAX }, "Mbit/s at most; 0 for no limit."),
    key("query_rss", Kind::Switch, "May it read the PF's RSS table?"),
    key(
        "driver",
        Kind::Text(NAME),
        "A driver, `default`, `none`, or `vfio`: the one that fits best.",
    ),
    key("node_guid", Kind::Text(GUID), "The GUID of its InfiniBand node."),
    key("port_guid", Kind::Text(GUID), "The GUID of its InfiniBand port."),
    key(
        "msix",
        Kind::Number { least: 0, most: 2048 },
        "Interrupt vectors; 0 for the device's own number.",
    ),
    key("netdev", Kind::Text(INTERFACE), "The name of its interface on this host."),
    key("mtu", Kind::Number { least: 0, most: 65_535 }, "The MTU of that interface, in bytes."),
    key(
        "rate_group",
        Kind::Text(GROUP),
        "The group of its PF in which it shares a rate; `none` for none (devlink).",
    ),
    key("roce", Kind::Switch, "May it do RDMA over Ethernet (devlink)?"),
    key("migratable", Kind::Switch, "Can it move to another host while it works (devlink)?"),
    key("ipsec_crypto", Kind::Switch, "May it have the card encrypt for IPsec (devlink)?"),
    key("ipsec_packet", Kind::Switch, "May it have the card do IPsec whole (devlink)?"),
    key(
        "max_io_eqs",
        Kind::Number { least: 0, most: u32::MAX },
        "How many event queues for I/O it has (devlink).",
    ),
    key("owner", Kind::Text(OWNER), "For whom it is, as `virtfn list` shows it."),
];

pub(crate) const GROUP_RATES: [Key; 2] = [
    key("min_rate", Kind::Number { least: 0, most: u32::MAX }, "Mbit/s that they are promised."),
    key("max_rate", Kind::Number { least: 0, most: u32::MAX }, "Mbit/s at most; 0 for no limit."),
];

pub(crate) const HOST: [Key; 2] = [
    key("hugepages", Kind::Of("hugepages"), "How many huge pages of each size are reserved."),
    key("modules", Kind::ListOf("module"), "Modules that are loaded."),
];

/// The name of a module.
pub(crate) const MODULE: Kind = Kind::Text("^[A-Za-z0-9_-]{1,63}$");
/// Sizes of huge pages, as a file writes them: a number and K, M or G.
pub(crate) const PAGE_SIZE: &str = "^[0-9]+[KMG]$";
/// A VF, or a range.
pub(crate) const RANGE: &str = "^[0-9]+(-[0-9]+)?$";

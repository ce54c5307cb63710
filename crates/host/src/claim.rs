//! Who else lays down what a device shall be: the configuration of other owners, as claims.

use std::fmt;

use serde::{Deserialize, Serialize};
use virtfn_pci::Address;

use crate::{Function, Host, MacAddress, Unreadable};

/// What the files of all owners say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// What was found, in the order of the files.
    pub found: Vec<Claim>,
    /// Files that could not be read, or not be understood: there may be more claims in them.
    pub unseen: Vec<Unreadable>,
}

/// One thing that somebody's configuration lays down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Whose configuration it is.
    pub owner: Owner,
    /// The file, below the root that was looked at.
    pub path: String,
    /// The line, where the format has lines.
    pub line: Option<u32>,
    /// Which devices it is about: all of these hold. With none it is about every one.
    pub of: Vec<Condition>,
    /// What they shall be.
    pub what: Demand,
    /// What else is to be known about it.
    pub quirks: Vec<Quirk>,
}

/// Somebody who configures devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// netplan.
    Netplan,
    /// systemd's `.link` and `.network` files.
    Networkd,
    /// NetworkManager.
    NetworkManager,
    /// A rule of udev's.
    Udev,
    /// ifupdown's `interfaces`.
    Ifupdown,
    /// driverctl.
    Driverctl,
    /// An option for a module.
    Modprobe,
    /// OpenStack's SR-IOV agent.
    Neutron,
    /// sysfsutils.
    Sysfsutils,
    /// systemd-tmpfiles.
    Tmpfiles,
    /// A script: `rc.local`, a unit, a crontab.
    Script,
    /// Proxmox VE.
    Proxmox,
    /// libvirt.
    Libvirt,
    /// The Kubernetes operator for SR-IOV.
    Operator,
    /// virtfn's own policy.
    Virtfn,
}

/// What shall be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// A PF's number of VFs.
    Vfs(VfCount),
    /// Settings of its VFs: addresses, VLANs, switches.
    Settings,
    /// A driver.
    Driver(String),
    /// That a guest has it.
    Guest(String),
    /// That virtfn's policy is applied when the machine starts.
    Apply,
}

/// How many VFs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VfCount {
    /// So many, neither more nor fewer.
    Exactly(u32),
    /// So many, or more.
    AtLeast(u32),
    /// A number that only whoever runs it knows.
    Unclear,
}

/// What is to be known about a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quirk {
    /// It removes the VFs when its connection goes down.
    GivesBackOnDown,
    /// Nothing has it done before the guests start.
    NotBeforeGuests,
    /// It names a VF and no setting, which the kernel refuses.
    EmptySection,
}

/// A condition that a device has to meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// What of the device.
    pub field: Field,
    /// What it has to be: any of these shell patterns.
    pub any: Vec<String>,
}

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// The name of its network interface.
    Netdev,
    /// The name that the kernel gave the interface, before anyone renamed it.
    KernelName,
    /// An address of its network interface, now or when it was made.
    Mac,
    /// Its PCI address.
    Address,
    /// Its path as udev puts it: `pci-0000:0b:00.0`.
    Path,
    /// Its driver.
    Driver,
    /// Its vendor and device: `8086:10ca`.
    Ids,
    /// Something that is not to be told from outside.
    Unclear,
}

/// Is a claim about a device?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Applies {
    /// No.
    No,
    /// That cannot be told.
    Perhaps,
    /// Yes.
    Yes,
}

impl Condition {
    /// The condition that `field` is any of these.
    #[must_use]
    pub fn new(field: Field, any: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { field, any: any.into_iter().map(Into::into).collect() }
    }

    fn applies(&self, host: &Host, function: &Function) -> Applies {
        let any = |holds: &dyn Fn(&str) -> bool| self.any.iter().any(|one| holds(one));
        let named = |one: &str| function.netdevs.iter().any(|name| fits(one, name));
        let met = match self.field {
            Field::Netdev => any(&named),
            Field::KernelName if !any(&named) => return Applies::Perhaps,
            Field::KernelName => true,
            Field::Mac => any(&|one| has_mac(host, function, one)),
            Field::Address => {
                let full = function.address.to_string();
                any(&|one| {
                    one.parse::<Address>()
                        .map_or_else(|_| fits(one, &full), |a| a == function.address)
                })
            }
            Field::Path => {
                let path = format!("pci-{}", function.address);
                any(&|one| fits(one, &path))
            }
            Field::Driver => any(&|one| function.driver.as_deref().is_some_and(|d| alike(one, d))),
            Field::Ids => {
                let ids = format!("{:04x}:{:04x}", function.ids.vendor, function.ids.device);
                any(&|one| one.eq_ignore_ascii_case(&ids))
            }
            Field::Unclear => return Applies::Perhaps,
        };
        if met { Applies::Yes } else { Applies::No }
    }
}

impl Claim {
    /// Is it about this function? One condition that does not hold decides.
    #[must_use]
    pub fn applies(&self, host: &Host, function: &Function) -> Applies {
        let each = self.of.iter().map(|condition| condition.applies(host, function));
        each.min().unwrap_or(Applies::Yes)
    }

    /// The file, and the line where there is one.
    #[must_use]
    pub fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.path),
            None => self.path.clone(),
        }
    }
}

impl Claims {
    /// The claims that are, or may be, about this function.
    pub fn about<'c>(
        &'c self,
        host: &'c Host,
        function: &'c Function,
    ) -> impl Iterator<Item = (&'c Claim, Applies)> {
        let judged = self.found.iter().map(move |claim| (claim, claim.applies(host, function)));
        judged.filter(|(_, applies)| *applies != Applies::No)
    }
}

fn has_mac(host: &Host, function: &Function, text: &str) -> bool {
    let Ok(mac) = text.parse::<MacAddress>() else { return false };
    host.netdevs_of(function.address)
        .any(|netdev| netdev.mac == Some(mac) || netdev.permanent_mac == Some(mac))
}

/// Drivers' names are the same with `-` and `_`, and files may hold patterns of them.
fn alike(pattern: &str, driver: &str) -> bool {
    fits(&pattern.replace('-', "_"), &driver.replace('-', "_"))
}

/// Does the shell pattern fit the whole of `name`? `*`, `?` and `[abc]`, as in udev's and netplan's
/// files. Takes time in the product of their lengths at most.
#[must_use]
pub fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, n));
            p += 1;
        } else if let Some(after) = fits_one(&pattern, p, name[n]) {
            (p, n) = (after, n + 1);
        } else if let Some((at, from)) = star {
            (p, n) = (at + 1, from + 1);
            star = Some((at, from + 1));
        } else {
            return false;
        }
    }
    pattern[p.min(pattern.len())..].iter().all(|rest| *rest == '*')
}

/// Where the pattern goes on, if its part at `p` fits one letter.
fn fits_one(pattern: &[char], p: usize, letter: char) -> Option<usize> {
    match pattern.get(p)? {
        '?' => return Some(p + 1),
        '[' => {
            let closed = pattern[p + 1..].iter().position(|one| *one == ']').filter(|n| *n > 0);
            // A bracket that nothing closes stands for itself.
            if let Some(length) = closed {
                let set = &pattern[p + 1..p + 1 + length];
                let (invert, set) = match set {
                    ['!' | '^', rest @ ..] => (true, rest),
                    set => (false, set),
                };
                return (in_set(set, letter) != invert).then_some(p + length + 2);
            }
        }
        _ => {}
    }
    (pattern[p] == letter).then_some(p + 1)
}

/// Letters, and spans of letters.
fn in_set(mut set: &[char], letter: char) -> bool {
    loop {
        set = match set {
            [from, '-', to, rest @ ..] if (*from..=*to).contains(&letter) || rest.is_empty() => {
                return (*from..=*to).contains(&letter);
            }
            [_, '-', _, rest @ ..] => rest,
            [one, ..] if *one == letter => return true,
            [_, rest @ ..] => rest,
            [] => return false,
        };
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Netplan => "netplan",
            Self::Networkd => "systemd-networkd",
            Self::NetworkManager => "NetworkManager",
            Self::Udev => "a udev rule",
            Self::Ifupdown => "ifupdown",
            Self::Driverctl => "driverctl",
            Self::Modprobe => "a module option",
            Self::Neutron => "neutron's SR-IOV agent",
            Self::Sysfsutils => "sysfsutils",
            Self::Tmpfiles => "systemd-tmpfiles",
            Self::Script => "a script",
            Self::Proxmox => "Proxmox VE",
            Self::Libvirt => "libvirt",
            Self::Operator => "the SR-IOV operator",
            Self::Virtfn => "virtfn's policy",
        })
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vfs(count) => count.fmt(f),
            Self::Settings => f.write_str("settings of VFs"),
            Self::Driver(driver) => write!(f, "driver {driver}"),
            Self::Guest(name) => write!(f, "guest {name}"),
            Self::Apply => f.write_str("that the policy is applied at boot"),
        }
    }
}

impl fmt::Display for VfCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(1) => f.write_str("1 VF"),
            Self::Exactly(count) => write!(f, "{count} VFs"),
            Self::AtLeast(count) => write!(f, "at least {}", Self::Exactly(*count)),
            Self::Unclear => f.write_str("VFs"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("eth0", "eth0", true),
            ("eth0", "eth00", false),
            ("ens*", "ens1f0", true),
            ("ens*f0", "ens1f0", true),
            ("ens*f0", "ens1f01", false),
            ("ens?f[01]", "ens1f1", true),
            ("ens?f[!01]", "ens1f1", false),
            ("eth[0-3]", "eth2", true),
            ("eth[", "eth[", true),
            ("*", "", true),
            ("", "", true),
            ("a**b", "ab", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!fits(&pattern, &"a".repeat(1000)));
    }
}

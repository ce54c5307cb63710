//! Shell commands that make VFs or set them: in scripts, units, udev's `RUN`, ifupdown's `up`.
//!
//! A command is looked at by itself. Lost: variables, loops and conditions; a command with a
//! variable in it may be about any device, and a number in a variable may be any.

use virtfn_host::{Condition, Demand, Field, VfCount};
use virtfn_pci::Address;

/// What a command does, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) of: Vec<Condition>,
    pub(crate) what: Demand,
}

/// What the commands of one line do. `iface` is what `$IFACE` stands for, if that is known.
pub(crate) fn effects(line: &str, iface: Option<&str>) -> Vec<Effect> {
    if line.trim_start().starts_with('#') {
        return Vec::new();
    }
    let commands = line.split([';', '\n']).flat_map(|part| part.split("&&"));
    commands.flat_map(|part| part.split("||")).filter_map(|one| effect(one, iface)).collect()
}

fn effect(command: &str, iface: Option<&str>) -> Option<Effect> {
    if command.contains("sriov_numvfs") {
        return write(command, iface);
    }
    let words: Vec<&str> =
        command.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect();
    let at = |wanted: &str| words.iter().position(|word| *word == wanted);
    let is_ip = words.iter().any(|word| *word == "ip" || word.ends_with("/ip"));
    let (set, vf) = (at("set")?, at("vf")?);
    let name = match at("dev") {
        Some(dev) if dev < vf => words.get(dev + 1)?,
        _ => words.get(set + 1)?,
    };
    let is_vf_of_link = is_ip && (at("link").is_some() || at("l").is_some()) && set < vf;
    is_vf_of_link.then(|| Effect { of: named(name, iface), what: Demand::Settings })
}

/// `echo 4 > …/sriov_numvfs`, `echo 4 | tee …/sriov_numvfs`. Reading it is nothing to us.
fn write(command: &str, iface: Option<&str>) -> Option<Effect> {
    let end = command.rfind("sriov_numvfs")?;
    let before = &command[..end];
    let start = before.rfind([' ', '\t', '"', '\'', '>', '=']).map_or(0, |at| at + 1);
    if !before[..start].contains('>') && !before[..start].contains("tee ") {
        return None;
    }
    let count = number(&before[..start]);
    Some(Effect { of: of_folder(&before[start..], iface), what: Demand::Vfs(count) })
}

/// The number that `echo` or `printf` gives.
fn number(before: &str) -> VfCount {
    let mut words =
        before.split([' ', '\t', '>', '|', '"', '\'', '(']).filter(|word| !word.is_empty());
    let is_echo = |word: &str| word == "echo" || word == "printf" || word.ends_with("/echo");
    if !words.any(is_echo) {
        return VfCount::Unclear;
    }
    let value = words.find(|word| !word.starts_with('-')).unwrap_or_default();
    let value = value.trim_end_matches("\\n");
    value.parse().map_or(VfCount::Unclear, VfCount::Exactly)
}

/// The device that a folder of sysfs is about: `/sys/class/net/NAME/device/`, `…/BDF/`.
pub(crate) fn of_folder(folder: &str, iface: Option<&str>) -> Vec<Condition> {
    let mut parts = folder.split('/').rev().filter(|part| !part.is_empty());
    match parts.next() {
        Some("device") => parts.next().map_or_else(unclear, |name| named(name, iface)),
        Some(part) => match part.parse::<Address>() {
            Ok(address) => vec![Condition::new(Field::Address, [address.to_string()])],
            Err(_) => unclear(),
        },
        None => unclear(),
    }
}

fn named(name: &str, iface: Option<&str>) -> Vec<Condition> {
    let own = matches!(
        name,
        "$IFACE"
            | "${IFACE}"
            | "$iface"
            | "%k"
            | "$kernel"
            | "$name"
            | "%E{INTERFACE}"
            | "$env{INTERFACE}"
    );
    match iface.filter(|_| own) {
        Some(iface) => vec![Condition::new(Field::Netdev, [iface])],
        None if name.contains(['$', '%', '`', '(', '{']) => unclear(),
        None => vec![Condition::new(Field::Netdev, [name])],
    }
}

fn unclear() -> Vec<Condition> {
    vec![Condition::new(Field::Unclear, ["a variable"])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_told_from_reads() {
        let eth0 = || vec![Condition::new(Field::Netdev, ["eth0"])];
        let bdf = || vec![Condition::new(Field::Address, ["0000:0b:00.0"])];
        let vfs = |count| Demand::Vfs(VfCount::Exactly(count));
        for (line, of, what) in [
            ("echo 4 > /sys/class/net/eth0/device/sriov_numvfs", eth0(), vfs(4)),
            ("echo -n 4 >/sys/class/net/eth0/device/sriov_numvfs || true", eth0(), vfs(4)),
            ("/bin/sh -c 'echo 4 > /sys/class/net/eth0/device/sriov_numvfs'", eth0(), vfs(4)),
            ("echo '7' | sudo tee /sys/bus/pci/devices/0000:0b:00.0/sriov_numvfs", bdf(), vfs(7)),
            (
                "printf 7\\\\n > \"/sys/devices/pci0000:0a/0000:0b:00.0/sriov_numvfs\"",
                bdf(),
                Demand::Vfs(VfCount::Unclear),
            ),
            (
                "echo $N > /sys/class/net/eth0/device/sriov_numvfs",
                eth0(),
                Demand::Vfs(VfCount::Unclear),
            ),
            ("echo 4 > /sys/class/net/$PF/device/sriov_numvfs", unclear(), vfs(4)),
            ("echo 4 > /sys/class/net/$IFACE/device/sriov_numvfs", eth0(), vfs(4)),
            ("ip link set eth0 vf 0 mac 02:00:00:00:00:01", eth0(), Demand::Settings),
            ("/usr/sbin/ip link set dev eth0 vf 0 trust on", eth0(), Demand::Settings),
        ] {
            assert_eq!(effects(line, Some("eth0")), [Effect { of, what }], "{line}");
        }
        for line in [
            "# echo 4 > /sys/class/net/eth0/device/sriov_numvfs",
            "cat /sys/class/net/eth0/device/sriov_numvfs",
            "ip link set eth0 up",
            "test -e /sys/class/net/eth0/device/sriov_numvfs",
            "sriov_numvfs",
        ] {
            assert_eq!(effects(line, None), [], "{line}");
        }
    }

    #[test]
    fn several_commands_stand_on_a_line() {
        let line = "echo 0 > /sys/class/net/a/device/sriov_numvfs; echo 2 > /sys/class/net/a/device/sriov_numvfs && ip link set a vf 1 vlan 5";
        assert_eq!(effects(line, None).len(), 3);
    }
}

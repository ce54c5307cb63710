//! udev's rules: `ATTR{device/sriov_numvfs}="4"`, and `RUN` with a shell in it.
//!
//! Lost: `GOTO`, `IMPORT`, and matches on what udev alone knows; a rule with one may be about any
//! device.

use virtfn_host::{Condition, Demand, Field, Owner, VfCount};
use virtfn_pci::Address;

use crate::{File, Reading, numbered, shell};

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in
        files.iter().filter(|file| file.text.contains("sriov") || file.text.contains(" vf "))
    {
        let mut lines = numbered(file.text);
        while let Some((line, text)) = lines.next() {
            let mut rule = text.to_owned();
            while rule.ends_with('\\') {
                rule.pop();
                let Some((_, next)) = lines.next() else { break };
                rule.push_str(next);
            }
            if !rule.trim_start().starts_with('#') {
                read_rule(file.path, line, &rule, &mut reading);
            }
        }
    }
    reading
}

fn read_rule(path: &str, line: u32, rule: &str, reading: &mut Reading) {
    let pairs = pairs(rule);
    let of: Vec<Condition> = pairs.iter().filter_map(condition).collect();
    for pair in pairs.iter().filter(|pair| !pair.is_match()) {
        if pair.key.starts_with("ATTR{") && pair.key.contains("sriov_numvfs") {
            let count = pair.value.parse().map_or(VfCount::Unclear, VfCount::Exactly);
            reading.claim(Owner::Udev, path, line, &of, Demand::Vfs(count));
        } else if pair.key.starts_with("RUN") || pair.key.starts_with("PROGRAM") {
            for effect in shell::effects(pair.value, Some("%k")) {
                let own = effect.of == [Condition::new(Field::Netdev, ["%k"])];
                let about = if own { of.clone() } else { [of.clone(), effect.of].concat() };
                reading.claim(Owner::Udev, path, line, &about, effect.what);
            }
        }
    }
}

struct Pair<'a> {
    key: &'a str,
    operator: &'a str,
    value: &'a str,
}

impl Pair<'_> {
    fn is_match(&self) -> bool {
        matches!(self.operator, "==" | "!=")
    }
}

/// `KEY=="value", KEY{x}+="value"`: keys, operators and quoted values.
fn pairs(rule: &str) -> Vec<Pair<'_>> {
    let mut pairs = Vec::new();
    let mut rest = rule;
    while let Some(quote) = rest.find('"') {
        let head = rest[..quote].trim_matches([' ', '\t', ',']);
        let Some(length) = rest[quote + 1..].find('"') else { break };
        let value = &rest[quote + 1..quote + 1 + length];
        let key = head.trim_end_matches(['=', '!', '+', '-', ':', 'e', 'i']);
        // Letters before the quote (`e"…"`) are part of the value's kind, not of the operator.
        let operator = head[key.len()..].trim_end_matches(['e', 'i']);
        pairs.push(Pair { key: key.trim(), operator, value });
        rest = &rest[quote + length + 2..];
    }
    pairs
}

fn condition(pair: &Pair<'_>) -> Option<Condition> {
    if !pair.is_match() {
        return None;
    }
    let any: Vec<&str> = pair.value.split('|').collect();
    let is_address = any.iter().all(|one| one.parse::<Address>().is_ok());
    let field = match pair.key {
        "ACTION" | "SUBSYSTEM" | "SUBSYSTEMS" | "ATTR{type}" | "ENV{DEVTYPE}" => return None,
        "KERNEL" | "KERNELS" if is_address => Field::Address,
        "KERNEL" => Field::KernelName,
        "NAME" | "ENV{INTERFACE}" | "ENV{ID_NET_NAME}" => Field::Netdev,
        "ATTR{address}" => Field::Mac,
        "DRIVER" | "DRIVERS" | "ENV{ID_NET_DRIVER}" => Field::Driver,
        "ENV{ID_PATH}" => Field::Path,
        "ENV{PCI_SLOT_NAME}" => Field::Address,
        _ => Field::Unclear,
    };
    let field = if pair.operator == "==" { field } else { Field::Unclear };
    Some(Condition::new(field, any))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Vec<(u32, Demand, Vec<Condition>)> {
        let reading = read(&[File { path: "x.rules", text }]);
        reading.claims.into_iter().map(|one| (one.line.unwrap_or(0), one.what, one.of)).collect()
    }

    #[test]
    fn assignments_and_programs_are_claims() {
        let text = "\
# ATTR{device/sriov_numvfs}=\"9\"
ACTION==\"add\", SUBSYSTEM==\"net\", ENV{ID_NET_DRIVER}==\"igb\", \\
  ATTR{device/sriov_numvfs}=\"4\"
ACTION==\"add\", SUBSYSTEM==\"pci\", KERNEL==\"0000:0b:00.0\", ATTR{sriov_numvfs}=\"2\"
KERNEL==\"eth0\", RUN+=\"/bin/sh -c 'echo 3 > /sys/class/net/%k/device/sriov_numvfs'\"
ATTR{sriov_totalvfs}==\"?*\", TAG+=\"x\"
";
        let vfs = |count| Demand::Vfs(VfCount::Exactly(count));
        assert_eq!(
            claims(text),
            [
                (2, vfs(4), vec![Condition::new(Field::Driver, ["igb"])]),
                (4, vfs(2), vec![Condition::new(Field::Address, ["0000:0b:00.0"])]),
                (5, vfs(3), vec![Condition::new(Field::KernelName, ["eth0"])]),
            ]
        );
    }

    #[test]
    fn what_cannot_be_told_is_unclear() {
        let told = claims("ENV{X}==\"y\", NAME!=\"eth0\", ATTR{sriov_numvfs}=\"$env{N}\"\n");
        assert_eq!(told[0].1, Demand::Vfs(VfCount::Unclear));
        assert!(told[0].2.iter().all(|one| one.field == Field::Unclear));
        assert_eq!(claims("ATTR{sriov_numvfs}=\"4"), []);
    }
}

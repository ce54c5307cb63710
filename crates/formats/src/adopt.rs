//! A PF goes from another owner to virtfn: its entry comes into the policy, and what the other file
//! says of SR-IOV goes, line by line, so that all else in it stays as it is.
//!
//! Only what can be taken out without a doubt is: a line, a section, a file that says nothing else.
//! Whoever calls reads the text again, and sees that nothing of it is left.

use std::collections::BTreeSet;

use virtfn_host::{Claim, Declared, DeclaredPf, Owner};

use crate::yaml::{self, Value};
use crate::{ini, numbered, policy};

/// What a backup is called: its owner's programs read no file of such a name.
pub const BACKUP: &str = ".virtfn-saved~";

/// What is left of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// This text.
    Text(String),
    /// Nothing: the file goes.
    Nothing,
}

/// The file without what these claims of it lay down.
///
/// # Errors
/// Why it cannot be taken out, in words that say what to do by hand.
pub fn release(owner: Owner, text: &str, claims: &[&Claim]) -> Result<Left, String> {
    let lines: BTreeSet<u32> = claims.iter().filter_map(|claim| claim.line).collect();
    let path = claims.first().map_or("", |claim| claim.path.as_str());
    match owner {
        Owner::Driverctl => Ok(Left::Nothing),
        Owner::Networkd => Ok(commented(text, &sections(text, "SR-IOV", &["SR-IOVVirtualFunctions"]))),
        Owner::NetworkManager => {
            let keys = ["sriov-num-vfs", "SRIOV_TOTAL_VFS", "SRIOV_AUTOPROBE_DRIVERS"];
            Ok(commented(text, &sections(text, "sriov", &keys)))
        }
        Owner::Netplan => netplan(text, &lines),
        Owner::Modprobe => Ok(modprobe(text, &lines)),
        Owner::Sysfsutils | Owner::Tmpfiles => Ok(commented(text, &lines)),
        Owner::Udev | Owner::Ifupdown => whole_lines(text, &lines),
        Owner::Script if path.ends_with(".service") || path.ends_with(".conf") => {
            Err("a unit runs it: systemctl disable takes it out, or a drop-in".into())
        }
        Owner::Script => commands(text, &lines),
        Owner::Neutron => Err("neutron's agent sets VFs when instances take them: take the PF out of physical_device_mappings where the cloud shall not have it".into()),
        Owner::Operator => Err("the operator writes it anew: take the PF out of its SriovNetworkNodePolicy".into()),
        Owner::Proxmox | Owner::Libvirt => Err("a guest has it: no owner of the PF".into()),
        Owner::Virtfn => Err("virtfn's own".into()),
    }
}

/// The lines, each as a comment.
fn commented(text: &str, lines: &BTreeSet<u32>) -> Left {
    let each = numbered(text).map(|(number, line)| {
        if lines.contains(&number) && !line.trim().is_empty() {
            format!("#{line}\n")
        } else {
            format!("{line}\n")
        }
    });
    Left::Text(each.collect())
}

/// The lines of a section, and of some keys of others.
fn sections(text: &str, name: &str, keys: &[&str]) -> BTreeSet<u32> {
    let all = ini::parse(text);
    let mut lines = BTreeSet::new();
    for (at, section) in all.iter().enumerate() {
        if section.name == name {
            let end = all.get(at + 1).map_or(u32::MAX, |next| next.line);
            lines.extend(
                numbered(text)
                    .map(|(line, _)| line)
                    .filter(|line| (section.line..end).contains(line)),
            );
        }
        let keyed = section.entries.iter().filter(|entry| {
            keys.contains(&entry.key.as_str()) || entry.key.starts_with("SRIOV_VF")
        });
        lines.extend(keyed.map(|entry| entry.line));
    }
    // What is a comment is one already.
    let is_comment = |line: &u32| {
        let text = numbered(text).find(|(number, _)| number == line).map_or("", |(_, text)| text);
        text.trim_start().starts_with(['#', ';'])
    };
    lines.retain(|line| !is_comment(line));
    lines
}

/// `virtual-function-count` on lines of its own.
fn netplan(text: &str, lines: &BTreeSet<u32>) -> Result<Left, String> {
    let key = "virtual-function-count:";
    let plain = |line: &u32| {
        numbered(text).any(|(number, text)| number == *line && text.trim_start().starts_with(key))
    };
    if let Some(line) = lines.iter().find(|line| !plain(line)) {
        return Err(format!(
            "line {line} makes VFs, or sets them, by more than a number: its stanzas of VFs are to be taken out by hand"
        ));
    }
    // A device of which nothing else is said is still one, and has to be a mapping.
    let mut emptied = BTreeSet::new();
    let root = yaml::parse(text).ok().flatten();
    let devices = root.as_ref().and_then(|root| root.at_key("network")?.at_key("ethernets"));
    if let Some(Value::Map(pairs)) = devices.map(|devices| &devices.value) {
        let alone = pairs.iter().filter(|(_, device)| device.pairs().count() == 1);
        let counted = alone.filter(|(_, device)| {
            device
                .at_key("virtual-function-count")
                .is_some_and(|count| lines.contains(&count.at.line))
        });
        emptied.extend(counted.map(|(id, _)| id.at.line));
    }
    let each = numbered(text).map(|(number, line)| match number {
        number if lines.contains(&number) => format!("#{line}\n"),
        number if emptied.contains(&number) => format!("{} {{}}\n", line.trim_end()),
        _ => format!("{line}\n"),
    });
    Ok(Left::Text(each.collect()))
}

/// `max_vfs=` out of options; other options of the line stay.
fn modprobe(text: &str, lines: &BTreeSet<u32>) -> Left {
    let each = numbered(text).map(|(number, line)| {
        if !lines.contains(&number) {
            return format!("{line}\n");
        }
        let left: Vec<&str> =
            line.split_whitespace().filter(|word| !word.starts_with("max_vfs=")).collect();
        let is_ids = left.len() == line.split_whitespace().count();
        if is_ids || left.len() <= 2 {
            format!("#{line}\n")
        } else {
            format!("{}\n", left.join(" "))
        }
    });
    Left::Text(each.collect())
}

/// Lines that are neither continued nor continue others.
fn whole_lines(text: &str, lines: &BTreeSet<u32>) -> Result<Left, String> {
    let goes_on = |(number, line): (u32, &str)| {
        line.trim_end().ends_with('\\')
            && (lines.contains(&number) || lines.contains(&number.saturating_add(1)))
    };
    if let Some((line, _)) = numbered(text).find(|line| goes_on(*line)) {
        return Err(format!("line {line} goes on in the next: take it out by hand"));
    }
    Ok(commented(text, lines))
}

/// Simple commands of a script; what is part of a loop or a condition has to stay a command.
fn commands(text: &str, lines: &BTreeSet<u32>) -> Result<Left, String> {
    let bears = |line: &str| {
        !line.trim_start().starts_with('#')
            && (line.contains("sriov_numvfs") || line.contains(" vf "))
    };
    let mut all = lines.clone();
    all.extend(numbered(text).filter(|(_, line)| bears(line)).map(|(number, _)| number));
    for (number, line) in numbered(text).filter(|(number, _)| all.contains(number)) {
        let simple = ["echo ", "printf ", "ip ", "/sbin/ip ", "/usr/sbin/ip ", "sudo "];
        let line = line.trim();
        let is_simple = simple.iter().any(|word| line.starts_with(word))
            && !line.contains([';', '{', '}', '&'])
            && !line.ends_with('\\');
        if !is_simple {
            return Err(format!(
                "line {number} is more than one plain command: take it out by hand"
            ));
        }
    }
    // A command that does nothing stays where it was: it may be all that a condition holds.
    let each = numbered(text).map(|(number, line)| {
        if all.contains(&number) {
            format!(":\n# {}\n", line.trim_start())
        } else {
            format!("{line}\n")
        }
    });
    Ok(Left::Text(each.collect()))
}

/// The policy file with one more PF; without a file, a new one.
///
/// # Errors
/// When the file has faults, or its layout leaves no place.
pub fn declare(text: Option<&str>, pf: &DeclaredPf) -> Result<String, String> {
    let alone = policy::write(&Declared { pfs: vec![pf.clone()], ..Declared::default() });
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(alone) };
    let by_hand = || "its layout leaves no place for one more PF: write it by hand".to_owned();
    let before =
        policy::read("policy", text).map_err(|_| "it has faults: virtfn plan shows them")?;
    let (_, item) = alone.split_once("pfs:\n").ok_or_else(by_hand)?;
    let root = yaml::parse(text).ok().flatten().ok_or_else(by_hand)?;
    let mut changed = text.to_owned();
    match root.at_key("pfs").map(|pfs| (pfs, &pfs.value)) {
        None => {
            if !changed.ends_with('\n') {
                changed.push('\n');
            }
            changed += &format!("pfs:\n{item}");
        }
        Some((pfs, Value::List(items))) if !pfs.flow && !items.is_empty() => {
            let (first, last) = (&items[0], &items[items.len() - 1]);
            let line_start = text[..first.at.bytes.start].rfind('\n').map_or(0, |at| at + 1);
            let indent = text[line_start..].bytes().take_while(|byte| *byte == b' ').count();
            let end = last.at.bytes.end;
            let end = end + text[end..].find('\n').unwrap_or(text.len() - end);
            let indented = |line: &str| {
                format!("\n{}{}", " ".repeat(indent), line.strip_prefix("  ").unwrap_or(line))
            };
            changed.insert_str(end, &item.lines().map(indented).collect::<String>());
        }
        Some(_) => return Err(by_hand()),
    }
    let mut wanted = before;
    wanted.pfs.push(pf.clone());
    let after = policy::read("policy", &changed).map_err(|_| by_hand())?;
    if after.without_places() == wanted.without_places() { Ok(changed) } else { Err(by_hand()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{File, SOURCES};

    fn left(owner: Owner, path: &str, text: &str) -> Result<Left, String> {
        let source = SOURCES.iter().find(|source| {
            source.owner == owner && source.wants(path.rsplit('/').next().unwrap_or_default())
        });
        let reading = (source.unwrap().read)(&[File { path, text }]);
        assert!(!reading.claims.is_empty(), "{path}");
        let claims: Vec<&Claim> = reading.claims.iter().collect();
        let left = release(owner, text, &claims)?;
        if let Left::Text(text) = &left {
            let again = (source.unwrap().read)(&[File { path, text }]);
            assert_eq!((again.claims, again.unread), (vec![], vec![]), "{text}");
        }
        Ok(left)
    }

    #[test]
    fn what_another_owner_says_of_vfs_goes_and_the_rest_stays() {
        for (owner, path, text, rest) in [
            (
                Owner::Netplan,
                "a.yaml",
                "network:\n  ethernets:\n    eth0:\n      virtual-function-count: 4\n    lan:\n      dhcp4: true\n",
                "network:\n  ethernets:\n    eth0: {}\n#      virtual-function-count: 4\n    lan:\n      dhcp4: true\n",
            ),
            (
                Owner::Networkd,
                "10-a.link",
                "[Match]\nDriver=igb\n[Link]\nMTUBytes=9000\nSR-IOVVirtualFunctions=3\n[SR-IOV]\nVirtualFunction=0\nVLANId=5\n",
                "[Match]\nDriver=igb\n[Link]\nMTUBytes=9000\n#SR-IOVVirtualFunctions=3\n#[SR-IOV]\n#VirtualFunction=0\n#VLANId=5\n",
            ),
            (
                Owner::NetworkManager,
                "a.nmconnection",
                "[connection]\ninterface-name=eth0\n[sriov]\ntotal-vfs=2\n\n[ipv4]\nmethod=auto\n",
                "[connection]\ninterface-name=eth0\n#[sriov]\n#total-vfs=2\n\n[ipv4]\nmethod=auto\n",
            ),
            (Owner::Modprobe, "a.conf", "options igb max_vfs=7 debug=1\n", "options igb debug=1\n"),
            (Owner::Modprobe, "a.conf", "options igb max_vfs=7\n", "#options igb max_vfs=7\n"),
            (
                Owner::Sysfsutils,
                "sysfs.conf",
                "a = 1\nbus/pci/devices/0000:0b:00.0/sriov_numvfs = 4\n",
                "a = 1\n#bus/pci/devices/0000:0b:00.0/sriov_numvfs = 4\n",
            ),
            (
                Owner::Script,
                "rc.local",
                "if true; then\n  echo 4 > /sys/class/net/eth0/device/sriov_numvfs\nfi\n",
                "if true; then\n:\n# echo 4 > /sys/class/net/eth0/device/sriov_numvfs\nfi\n",
            ),
        ] {
            assert_eq!(left(owner, path, text), Ok(Left::Text(rest.into())), "{path}");
        }
        assert_eq!(left(Owner::Driverctl, "pci-0000:0b:00.0", "vfio-pci\n"), Ok(Left::Nothing));
    }

    #[test]
    fn what_cannot_be_taken_out_without_a_doubt_is_left() {
        for (owner, path, text, why) in [
            (
                Owner::Netplan,
                "a.yaml",
                "network:\n  ethernets:\n    eth0: {}\n    v: {link: eth0}\n",
                "by hand",
            ),
            (
                Owner::Script,
                "rc.local",
                "for i in 1; do echo 4 > /sys/class/net/eth0/device/sriov_numvfs; done\n",
                "by hand",
            ),
            (
                Owner::Script,
                "a.service",
                "[Service]\nExecStart=/bin/sh -c 'echo 4 > /sys/class/net/eth0/device/sriov_numvfs'\n",
                "systemctl disable",
            ),
        ] {
            let refused = left(owner, path, text).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn a_policy_gets_one_more_pf_and_keeps_its_comments() {
        let pf = policy::read("x", "version: 1\npfs:\n  - match: { pci: \"0000:0b:00.0\" }\n    vfs: 7\n    vf: { 0: { vlan: 42 } }\n").unwrap().pfs.remove(0);
        let new = declare(None, &pf).unwrap();
        assert!(new.starts_with("version: 1\npfs:\n  - match:"), "{new}");
        let text =
            "version: 1 # mine\npfs: # all\n- match: { netdev: eth9 }\n  vfs: 2 # two\n# the end\n";
        let more = declare(Some(text), &pf).unwrap();
        assert!(
            more.contains("  vfs: 2 # two\n- match: { pci:") && more.ends_with("# the end\n"),
            "{more}"
        );
        assert!(declare(Some("version: 1\n"), &pf).unwrap().contains("pfs:\n"));
        for text in ["version: 1\npfs: []\n", "version: 2\n"] {
            assert!(declare(Some(text), &pf).is_err(), "{text}");
        }
    }
}

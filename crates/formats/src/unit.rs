//! systemd's services that make VFs by hand.
//!
//! Lost: conditions, and whether the unit is enabled. Programs below `/usr/local`, `/opt`, `/etc`,
//! `/root`, `/srv` and `/home` that it runs are read too, those of packages are not.

use virtfn_host::{Demand, Owner, Quirk};

use crate::ini::{self, Entry};
use crate::script::note;
use crate::{File, Reading, Run, shell};

/// Whom VFs have to be there for. What stands before the network stands before all of these.
const EARLY: [&str; 9] = [
    "libvirtd.service",
    "virtqemud.service",
    "libvirt-guests.service",
    "pve-guests.service",
    "kubelet.service",
    "network-pre.target",
    "network.target",
    "basic.target",
    "sysinit.target",
];
/// Where people keep programs of their own.
const LOCAL: [&str; 6] = ["usr/local/", "opt/", "etc/", "root/", "srv/", "home/"];
/// No unit runs more than this of its own.
const MAX_RUNS: usize = 16;

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    let entries = |wanted: &'static str| {
        let of_file = move |file: &File<'_>| -> Vec<(String, Entry)> {
            let sections = ini::parse(file.text);
            let section = sections.into_iter().filter(|section| section.name == wanted);
            section.flat_map(|one| one.entries).map(|one| (file.path.to_owned(), one)).collect()
        };
        files.iter().flat_map(of_file)
    };
    let before = entries("Unit").filter(|(_, entry)| entry.key == "Before");
    let early = before
        .flat_map(|(_, entry)| ini::words(&entry.value))
        .any(|word| EARLY.contains(&word.as_str()));
    let quirks = if early { Vec::new() } else { vec![Quirk::NotBeforeGuests] };
    for (path, entry) in entries("Service").filter(|(_, entry)| entry.key.starts_with("ExecStart"))
    {
        if applies_policy(&entry.value) {
            reading.claim(Owner::Virtfn, &path, entry.line, &[], Demand::Apply);
        }
        for effect in shell::effects(&entry.value, None) {
            note(&mut reading, entry.line, &path, effect);
        }
        reading
            .runs
            .extend(programs(&entry.value).map(|path| Run { path, quirks: quirks.clone() }));
    }
    reading.runs.truncate(MAX_RUNS);
    for claim in &mut reading.claims {
        claim.quirks.clone_from(&quirks);
    }
    reading
}

/// `/usr/bin/virtfn apply …`, which makes what virtfn's own policy says.
fn applies_policy(command: &str) -> bool {
    let mut words = command.split_whitespace();
    let program = words.next().and_then(|program| program.rsplit('/').next());
    program == Some("virtfn") && words.next() == Some("apply")
}

fn programs(command: &str) -> impl Iterator<Item = String> {
    let words = command.split_whitespace();
    let bare = words.map(|word| {
        word.trim_start_matches(['@', '-', '+', '!', ':', '"', '\'']).trim_end_matches(['"', '\''])
    });
    let local = bare.filter_map(|word| word.strip_prefix('/'));
    local.filter(|path| LOCAL.iter().any(|folder| path.starts_with(folder))).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_the_policy_is_applied_at_boot_is_told() {
        let unit = |command: &str| {
            let text =
                format!("[Unit]\nBefore=network-pre.target\n[Service]\nExecStart={command}\n");
            read(&[File { path: "a.service", text: &text }]).claims
        };
        let claims = unit("/usr/bin/virtfn apply");
        assert_eq!((&claims[0].what, claims[0].owner), (&Demand::Apply, Owner::Virtfn));
        assert_eq!(unit("/usr/bin/virtfn status"), []);
        assert_eq!(unit("/usr/bin/true virtfn apply"), []);
    }

    #[test]
    fn commands_and_programs_are_found_with_their_order() {
        let text = "[Unit]\nBefore=network-pre.target\n[Service]\nExecStart=/bin/sh -c 'echo 4 > /sys/class/net/eth0/device/sriov_numvfs'\nExecStart=-/usr/local/sbin/sriov.sh eth0\nExecStart=/usr/bin/true\n";
        let reading = read(&[File { path: "a.service", text }]);
        assert_eq!((reading.claims[0].line, reading.claims[0].quirks.len()), (Some(4), 0));
        assert_eq!(reading.runs, [Run { path: "usr/local/sbin/sriov.sh".into(), quirks: vec![] }]);
        let late = text.replace("network-pre.target", "shutdown.target");
        let reading = read(&[File { path: "a.service", text: &late }]);
        assert_eq!(reading.claims[0].quirks, [Quirk::NotBeforeGuests]);
        assert_eq!(reading.runs[0].quirks, [Quirk::NotBeforeGuests]);
    }
}

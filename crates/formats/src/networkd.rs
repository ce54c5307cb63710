//! systemd's `.link` and `.network` files.
//!
//! A `.link` makes VFs (`SR-IOVVirtualFunctions=`, or the highest `VirtualFunction=`) and sets them;
//! a `.network` only sets those that there are. Lost: the settings themselves, which of several
//! `.link` files comes first, and conditions on the host.

use virtfn_host::{Condition, Demand, Field, Owner, Quirk, VfCount};

use crate::ini::{self, Entry, Section};
use crate::{File, Reading};

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    let Some(first) = files.first() else { return reading };
    if files.iter().all(|file| !file.text.contains("SR-IOV")) {
        return reading;
    }
    let parts: Vec<(&str, Vec<Section<'_>>)> =
        files.iter().map(|file| (file.path, ini::parse(file.text))).collect();
    let sections =
        || parts.iter().flat_map(|(path, sections)| sections.iter().map(move |one| (*path, one)));
    let matches: Vec<&Entry> = sections()
        .filter(|(_, section)| section.name == "Match")
        .flat_map(|(_, section)| &section.entries)
        .collect();
    if matches.is_empty() {
        reading.miss(first.path, 0, "it has no [Match], and systemd passes over it");
        return reading;
    }
    let of: Vec<Condition> = matches.into_iter().filter_map(condition).collect();
    if first.path.ends_with(".link") {
        read_count(sections(), &of, &mut reading);
    }
    read_settings(sections(), &of, &mut reading);
    reading
}

/// How many VFs a `.link` makes.
fn read_count<'s>(
    sections: impl Iterator<Item = (&'s str, &'s Section<'s>)>,
    of: &[Condition],
    reading: &mut Reading,
) {
    let mut told = None;
    let mut highest: Option<(u32, &str, u32)> = None;
    for (path, section) in sections {
        let key = if section.name == "Link" { "SR-IOVVirtualFunctions" } else { "VirtualFunction" };
        let Some(entry) = section.last(key) else { continue };
        let Ok(number) = entry.value.parse::<u32>() else {
            reading.miss(path, entry.line, format!("{key} is no number"));
            continue;
        };
        match section.name {
            "Link" => told = Some((number, path, entry.line)),
            "SR-IOV" if highest.is_none_or(|(vf, ..)| vf < number) => {
                highest = Some((number, path, entry.line));
            }
            _ => {}
        }
    }
    if let Some((count, path, line)) = told {
        reading.claim(Owner::Networkd, path, line, of, Demand::Vfs(VfCount::Exactly(count)));
    } else if let Some((vf, path, line)) = highest {
        let count = VfCount::AtLeast(vf.saturating_add(1));
        reading.claim(Owner::Networkd, path, line, of, Demand::Vfs(count));
    }
}

/// One claim for all sections that set something, and one for each that sets nothing.
fn read_settings<'s>(
    sections: impl Iterator<Item = (&'s str, &'s Section<'s>)>,
    of: &[Condition],
    reading: &mut Reading,
) {
    let mut claimed = false;
    for (path, section) in sections.filter(|(_, section)| section.name == "SR-IOV") {
        let is_empty = section.entries.iter().all(|entry| entry.key == "VirtualFunction");
        if claimed && !is_empty {
            continue;
        }
        claimed |= !is_empty;
        reading.claim(Owner::Networkd, path, section.line, of, Demand::Settings);
        if let Some(claim) = reading.claims.last_mut().filter(|_| is_empty) {
            claim.quirks.push(Quirk::EmptySection);
        }
    }
}

fn condition(entry: &Entry) -> Option<Condition> {
    let field = match entry.key.as_str() {
        "MACAddress" | "PermanentMACAddress" => Field::Mac,
        "Name" => Field::Netdev,
        "OriginalName" => Field::KernelName,
        "Path" => Field::Path,
        "Driver" => Field::Driver,
        // Every PF with an interface is one.
        "Type" if entry.value == "ether" => return None,
        _ => Field::Unclear,
    };
    let any: Vec<String> = entry.value.split_whitespace().map(str::to_owned).collect();
    // An empty value takes back what was said before; a leading `!` turns the list around.
    let odd = any.is_empty() || any.iter().any(|one| one.starts_with('!'));
    Some(Condition { field: if odd { Field::Unclear } else { field }, any })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "\
[Match]
PermanentMACAddress=52:54:00:00:00:01
Type=ether

[Link]
SR-IOVVirtualFunctions=3

[SR-IOV]
VirtualFunction=0
MACAddress=02:00:00:00:01:00
VLANId=5

[SR-IOV]
VirtualFunction=6
";

    #[test]
    fn a_link_makes_vfs_and_sets_them() {
        let reading = read(&[File { path: "10-pf.link", text: LINK }]);
        let told: Vec<_> = reading.claims.iter().map(|one| (one.line, one.what.clone())).collect();
        assert_eq!(
            told,
            [
                (Some(6), Demand::Vfs(VfCount::Exactly(3))),
                (Some(8), Demand::Settings),
                (Some(13), Demand::Settings)
            ]
        );
        let mac = Condition::new(Field::Mac, ["52:54:00:00:00:01"]);
        assert!(reading.claims.iter().all(|one| one.of == [mac.clone()]));
        assert_eq!(reading.claims[2].quirks, [Quirk::EmptySection]);
    }

    #[test]
    fn drop_ins_add_and_a_network_makes_none() {
        let main = File { path: "a.link", text: "[Match]\nPath=pci-0000:0b:00.0\n" };
        let more = File { path: "a.link.d/x.conf", text: "[Link]\nSR-IOVVirtualFunctions=4\n" };
        let claims = read(&[main, more]).claims;
        assert_eq!((claims[0].path.as_str(), claims[0].line), ("a.link.d/x.conf", Some(2)));
        let text = LINK.replace("PermanentMACAddress=52:54:00:00:00:01", "Name=!eth0");
        let reading = read(&[File { path: "a.network", text: &text }]);
        assert!(reading.claims.iter().all(|one| one.what == Demand::Settings));
        assert_eq!(reading.claims[0].of[0].field, Field::Unclear);
    }

    #[test]
    fn without_a_count_the_highest_section_counts() {
        let text = LINK.replace("SR-IOVVirtualFunctions=3", "");
        let claims = read(&[File { path: "a.link", text: &text }]).claims;
        assert_eq!(claims[0].what, Demand::Vfs(VfCount::AtLeast(7)));
        let text = LINK.replace("=3", "=many");
        let reading = read(&[File { path: "a.link", text: &text }]);
        assert_eq!(reading.unread[0].line, 6);
        assert_eq!(read(&[File { path: "a.link", text: "[SR-IOV]\n" }]).unread.len(), 1);
    }
}

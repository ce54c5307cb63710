//! Files that write attributes of sysfs at boot: sysfsutils (`ATTRIBUTE = VALUE`) and
//! systemd-tmpfiles (`w PATH - - - - VALUE`).
//!
//! Lost: all that is not a number of VFs.

use virtfn_host::{Demand, Owner, VfCount};

use crate::{File, Reading, numbered, shell};

pub(crate) fn read_sysfs(files: &[File<'_>]) -> Reading {
    read(files, Owner::Sysfsutils, |line| {
        let (path, value) = line.split_once('=')?;
        Some((path.trim(), value.trim()))
    })
}

pub(crate) fn read_tmpfiles(files: &[File<'_>]) -> Reading {
    read(files, Owner::Tmpfiles, |line| {
        let mut words = line.split_whitespace();
        let writes = words.next()?.starts_with('w');
        let path = words.next()?;
        writes.then_some((path, words.last()?))
    })
}

fn read(files: &[File<'_>], owner: Owner, parse: fn(&str) -> Option<(&str, &str)>) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        for (line, text) in
            numbered(file.text).filter(|(_, text)| !text.trim_start().starts_with('#'))
        {
            let Some((path, value)) = parse(text) else { continue };
            let Some(folder) = path.strip_suffix("sriov_numvfs") else { continue };
            let count = value.parse().map_or(VfCount::Unclear, VfCount::Exactly);
            reading.claim(
                owner,
                file.path,
                line,
                &shell::of_folder(folder, None),
                Demand::Vfs(count),
            );
        }
    }
    reading
}

#[cfg(test)]
mod tests {
    use super::*;
    use virtfn_host::{Condition, Field};

    #[test]
    fn both_forms_name_a_device_and_a_number() {
        let text = "# x\nbus/pci/devices/0000:0b:00.0/sriov_numvfs = 4\nkernel/x = 1\n";
        let claims = read_sysfs(&[File { path: "x", text }]).claims;
        assert_eq!(claims[0].of, [Condition::new(Field::Address, ["0000:0b:00.0"])]);
        let text = "w /sys/class/net/eth0/device/sriov_numvfs - - - - 4\nd /tmp 1777\n";
        let claims = read_tmpfiles(&[File { path: "x", text }]).claims;
        assert_eq!(claims.len(), 1);
        assert_eq!(claims[0].of, [Condition::new(Field::Netdev, ["eth0"])]);
        assert_eq!(claims[0].what, Demand::Vfs(VfCount::Exactly(4)));
    }
}

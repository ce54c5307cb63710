//! Red Hat's `ifcfg-*`: `SRIOV_TOTAL_VFS`, `SRIOV_VFn`.
//!
//! NetworkManager reads them as connections. Lost: all that is not about SR-IOV.

use virtfn_host::{Condition, Demand, Field, Owner, Quirk, VfCount};

use crate::{File, Reading, numbered};

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        let of = conditions(file.text);
        for (line, key, value) in assignments(file.text) {
            match (key, value.parse::<u32>()) {
                ("SRIOV_TOTAL_VFS", Ok(count)) => {
                    let what = Demand::Vfs(VfCount::Exactly(count));
                    reading.claim(Owner::NetworkManager, file.path, line, &of, what);
                    if let Some(claim) = reading.claims.last_mut().filter(|_| count > 0) {
                        claim.quirks.push(Quirk::GivesBackOnDown);
                    }
                }
                ("SRIOV_TOTAL_VFS", Err(_)) => {
                    reading.miss(file.path, line, "SRIOV_TOTAL_VFS is no number");
                }
                (key, _) if key.starts_with("SRIOV_VF") => {
                    reading.claim(Owner::NetworkManager, file.path, line, &of, Demand::Settings);
                }
                _ => {}
            }
        }
    }
    reading
}

fn conditions(text: &str) -> Vec<Condition> {
    let field = |key| match key {
        "DEVICE" => Some(Field::Netdev),
        "HWADDR" => Some(Field::Mac),
        _ => None,
    };
    assignments(text)
        .filter_map(|(_, key, value)| Some(Condition::new(field(key)?, [value])))
        .collect()
}

/// `KEY=value`, `KEY="value"`.
fn assignments(text: &str) -> impl Iterator<Item = (u32, &str, &str)> {
    numbered(text).filter_map(|(line, text)| {
        let (key, value) = text.trim().split_once('=')?;
        Some((line, key, value.trim_matches(['"', '\''])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_and_vfs_are_claims() {
        let text = "DEVICE=\"eth0\"\nHWADDR=52:54:00:00:00:01\nSRIOV_TOTAL_VFS=4\nSRIOV_VF0=\"trust=true\"\n";
        let claims = read(&[File { path: "x", text }]).claims;
        assert_eq!(claims.len(), 2);
        assert_eq!(claims[0].of.len(), 2);
        assert_eq!((claims[0].line, claims[1].line), (Some(3), Some(4)));
    }
}

//! Scripts that make VFs by hand: `rc.local`, crontabs, what units run.
//!
//! Lost: all that `shell.rs` loses. Of several numbers for one device the last counts, since many
//! scripts write 0 first.

use virtfn_host::{Claim, Demand, Owner, Quirk};

use crate::{File, Reading, Run, numbered, shell};

/// Scripts that nothing has run before the guests start.
pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        read_one(*file, &[Quirk::NotBeforeGuests], &mut reading);
    }
    reading
}

/// A program that another file runs; one that is no text lays nothing down that could be told.
#[must_use]
pub fn read_program(file: File<'_>, run: &Run) -> Reading {
    let mut reading = Reading::default();
    read_one(file, &run.quirks, &mut reading);
    reading
}

fn read_one(file: File<'_>, quirks: &[Quirk], reading: &mut Reading) {
    if !file.text.contains("sriov_numvfs") && !file.text.contains(" vf ") {
        return;
    }
    let mut own = Reading::default();
    for (line, text) in numbered(file.text) {
        for effect in shell::effects(text, None) {
            note(&mut own, line, file.path, effect);
        }
    }
    for claim in &mut own.claims {
        claim.quirks = quirks.to_vec();
    }
    reading.claims.append(&mut own.claims);
}

/// Adds an effect to what the file does; a later number takes an earlier one's place.
pub(crate) fn note(reading: &mut Reading, line: u32, path: &str, effect: shell::Effect) {
    let is_vfs = |what: &Demand| matches!(what, Demand::Vfs(_));
    let same =
        |claim: &&mut Claim| claim.of == effect.of && is_vfs(&claim.what) == is_vfs(&effect.what);
    match reading.claims.iter_mut().find(same) {
        Some(claim) if is_vfs(&effect.what) => {
            (claim.what, claim.line) = (effect.what, Some(line));
        }
        Some(_) => {}
        None => reading.claim(Owner::Script, path, line, &effect.of, effect.what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use virtfn_host::VfCount;

    #[test]
    fn the_last_number_counts() {
        let text = "#!/bin/sh\necho 0 > /sys/class/net/eth0/device/sriov_numvfs\necho 4 > /sys/class/net/eth0/device/sriov_numvfs\nip link set eth0 vf 0 vlan 5\nip link set eth0 vf 1 vlan 6\n";
        let claims = read(&[File { path: "etc/rc.local", text }]).claims;
        let told: Vec<_> = claims.iter().map(|one| (one.line, one.what.clone())).collect();
        assert_eq!(
            told,
            [(Some(3), Demand::Vfs(VfCount::Exactly(4))), (Some(4), Demand::Settings)]
        );
        assert_eq!(claims[0].quirks, [Quirk::NotBeforeGuests]);
    }
}

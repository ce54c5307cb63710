//! ifupdown's `interfaces`: commands in a stanza (`pre-up`, `up`, `post-up`).
//!
//! Neither ifupdown nor ifupdown2 knows SR-IOV; people write shell. Lost: all that `shell.rs` loses,
//! and files that `source` names outside `interfaces.d`.

use virtfn_host::Owner;

use crate::{File, Reading, numbered, shell};

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        let mut iface = None;
        for (line, text) in numbered(file.text) {
            let mut words = text.split_whitespace();
            match words.next() {
                Some("iface") => iface = words.next(),
                Some("pre-up" | "up" | "post-up") => {
                    for effect in shell::effects(text, iface) {
                        reading.claim(Owner::Ifupdown, file.path, line, &effect.of, effect.what);
                    }
                }
                _ => {}
            }
        }
    }
    reading
}

#[cfg(test)]
mod tests {
    use super::*;
    use virtfn_host::{Condition, Demand, Field, VfCount};

    #[test]
    fn the_stanza_names_the_interface() {
        let text = "auto eth0\niface eth0 inet manual\n  pre-up echo 4 > /sys/class/net/$IFACE/device/sriov_numvfs\n  down echo 0 > /sys/class/net/$IFACE/device/sriov_numvfs\n";
        let claims = read(&[File { path: "etc/network/interfaces", text }]).claims;
        assert_eq!(claims.len(), 1);
        assert_eq!(claims[0].what, Demand::Vfs(VfCount::Exactly(4)));
        assert_eq!(
            (claims[0].line, &claims[0].of[..]),
            (Some(3), &[Condition::new(Field::Netdev, ["eth0"])][..])
        );
    }
}

//! Proxmox VE's guests: `/etc/pve/qemu-server/ID.conf`, `hostpciN: BDF,…`.
//!
//! Lost: mappings (`mapping=NAME`), and lists of devices of which any free one is taken; what a
//! snapshot says. All that is no `hostpci` line is never kept.

use virtfn_host::{Condition, Demand, Field, Owner};

use crate::guest::{Given, config};
use crate::{File, Reading};

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let guest = name.strip_suffix(".conf").unwrap_or(name);
        for line in config(file.text) {
            let Given::This(place) = line.given else { continue };
            let of = [Condition::new(Field::Address, [place.pattern()])];
            let what = Demand::Guest(guest.to_owned());
            reading.claim(Owner::Proxmox, file.path, line.line, &of, what);
        }
    }
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_the_guest_as_it_is_now_are_claims() {
        let text = "cipassword: secret\nhostpci0: 0000:0b:10.0,pcie=1\nhostpci1: 0b:11\nhostpci2: mapping=x\nhostpci3: 0b:10.2;0b:10.4\n[old]\nhostpci0: 0b:11.2\n";
        let reading = read(&[File { path: "etc/pve/qemu-server/100.conf", text }]);
        assert!(!format!("{reading:?}").contains("secret"));
        let of: Vec<_> = reading.claims.iter().map(|one| one.of[0].any[0].as_str()).collect();
        assert_eq!(of, ["0000:0b:10.0", "0000:0b:11.*"]);
        assert_eq!(reading.claims[0].what, Demand::Guest("100".into()));
    }
}

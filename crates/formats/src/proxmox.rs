//! Proxmox VE's guests: `/etc/pve/qemu-server/ID.conf`, `hostpciN: BDF,…`.
//!
//! Lost: mappings (`mapping=NAME`), and lists of devices of which any free one is taken; what a
//! snapshot says. All that is no `hostpci` line is never kept.

use virtfn_host::{Condition, Demand, Field, Owner};
use virtfn_pci::Address;

use crate::{File, Reading, numbered};

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let guest = name.strip_suffix(".conf").unwrap_or(name);
        // A snapshot's section tells of another day.
        let lines = numbered(file.text).take_while(|(_, line)| !line.starts_with('['));
        for (line, device) in lines.filter_map(|(line, text)| Some((line, device(text)?))) {
            let of = [Condition::new(Field::Address, [pattern(device)])];
            reading.claim(Owner::Proxmox, file.path, line, &of, Demand::Guest(guest.to_owned()));
        }
    }
    reading
}

fn device(line: &str) -> Option<&str> {
    let (key, value) = line.strip_prefix("hostpci")?.split_once(':')?;
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let first = value.trim().split(',').next()?;
    let first = first.strip_prefix("host=").unwrap_or(first);
    let plain = !first.is_empty() && !first.contains([';', '=']);
    plain.then_some(first)
}

/// Without a function, all functions of the device.
fn pattern(device: &str) -> String {
    match device.parse::<Address>() {
        Ok(address) => address.to_string(),
        Err(_) => match format!("{device}.0").parse::<Address>() {
            Ok(address) => format!("{}*", address.to_string().trim_end_matches('0')),
            Err(_) => device.to_owned(),
        },
    }
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

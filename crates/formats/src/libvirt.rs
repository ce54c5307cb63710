//! libvirt's domains, as far as they are given PCI devices: `/etc/libvirt/qemu/NAME.xml`.
//!
//! Lost: all but the name and the addresses of its devices; devices out of a network's pool, which
//! have no address yet. Passwords of consoles stand in the same files, and are never kept.

use virtfn_host::{Condition, Demand, Field, Owner};

use crate::guest::{Device, read_domain};
use crate::{File, Reading};

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        let Some(read) = read_domain(file.text) else { continue };
        let name = if read.domain.name.is_empty() { "?" } else { &read.domain.name };
        for Device { address, line } in read.devices {
            let Some(address) = address else {
                reading.miss(file.path, line, "no PCI address");
                continue;
            };
            let of = [Condition::new(Field::Address, [address.to_string()])];
            let what = Demand::Guest(name.to_owned());
            reading.claim(Owner::Libvirt, file.path, line, &of, what);
        }
        if let Some(line) = read.too_deep {
            reading.miss(file.path, line, "too deep to be a domain");
        }
    }
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOMAIN: &str = "\
<!-- made by libvirt -->
<domain type='kvm'>
  <name>web</name>
  <metadata><name>other</name></metadata>
  <devices>
    <graphics type='vnc' passwd='secret'/>
    <interface type='hostdev' managed='yes'>
      <source>
        <address type='pci' domain='0x0000' bus='0x0b' slot='0x10' function='0x0'/>
      </source>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x04' function='0x0'/>
    </interface>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <driver name='vfio'/>
      <source><address domain='0x0000' bus='0x0b' slot='0x10' function='0x2'/></source>
    </hostdev>
    <hostdev mode='subsystem' type='usb'><source><address bus='1' device='2'/></source></hostdev>
  </devices>
</domain>
";

    #[test]
    fn devices_of_the_host_are_told_from_the_guests_own() {
        let reading = read(&[File { path: "etc/libvirt/qemu/web.xml", text: DOMAIN }]);
        assert!(!format!("{reading:?}").contains("secret"));
        let told: Vec<_> =
            reading.claims.iter().map(|one| (one.line, one.of[0].any[0].as_str())).collect();
        assert_eq!(told, [(Some(9), "0000:0b:10.0"), (Some(15), "0000:0b:10.2")]);
        assert_eq!(reading.claims[0].what, Demand::Guest("web".into()));
    }

    #[test]
    fn a_deep_document_ends() {
        let text = "<domain>".repeat(10_000);
        assert_eq!(read(&[File { path: "x", text: &text }]).unread.len(), 1);
    }
}

//! libvirt's domains, as far as they are given PCI devices: `/etc/libvirt/qemu/NAME.xml`.
//!
//! Lost: all but the name and the addresses of its devices; devices out of a network's pool, which
//! have no address yet. Passwords of consoles stand in the same files, and are never kept.

use virtfn_host::{Condition, Demand, Field, Owner};
use virtfn_pci::Address;

use crate::xml::{Tag, tags};
use crate::{File, Reading};

/// Deeper documents are none of libvirt's.
const MAX_DEPTH: usize = 64;

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files.iter().filter(|file| file.text.contains("<domain")) {
        read_domain(*file, &mut reading);
    }
    reading
}

fn read_domain(file: File<'_>, reading: &mut Reading) {
    let mut open: Vec<Tag<'_>> = Vec::new();
    let mut name = "?";
    for tag in tags(file.text) {
        if let Some(closed) = tag.name.strip_prefix('/') {
            let at = open.iter().rposition(|one| one.name == closed);
            open.truncate(at.unwrap_or(open.len()));
            continue;
        }
        if tag.name == "name" && open.len() == 1 {
            name = tag.text;
        }
        if tag.name == "address" && is_source(&open) {
            match address(&tag) {
                Some(address) => {
                    let of = [Condition::new(Field::Address, [address.to_string()])];
                    let what = Demand::Guest(name.to_owned());
                    reading.claim(Owner::Libvirt, file.path, tag.line, &of, what);
                }
                None => reading.miss(file.path, tag.line, "no PCI address"),
            }
        }
        if !tag.is_empty {
            if open.len() >= MAX_DEPTH {
                reading.miss(file.path, tag.line, "too deep to be a domain");
                return;
            }
            open.push(tag);
        }
    }
}

/// `<hostdev type='pci'>` or `<interface type='hostdev'>`, and in it `<source>`. An address outside
/// the source is the guest's own.
fn is_source(open: &[Tag<'_>]) -> bool {
    let [.., device, source] = open else { return false };
    let kind = device.attribute("type");
    let given = match device.name {
        "hostdev" => kind == Some("pci"),
        "interface" => kind == Some("hostdev"),
        _ => false,
    };
    given && source.name == "source"
}

fn address(tag: &Tag<'_>) -> Option<Address> {
    let part = |name: &str| {
        let text = tag.attribute(name)?;
        u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
    };
    let domain = part("domain").unwrap_or(0);
    let text =
        format!("{domain:04x}:{:02x}:{:02x}.{:x}", part("bus")?, part("slot")?, part("function")?);
    text.parse().ok()
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

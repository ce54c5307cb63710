//! A libvirt domain: its definition (`/etc/libvirt/qemu/NAME.xml`), or the status of one that runs
//! (`/run/libvirt/qemu/NAME.xml`: `<domstatus>` around it, `virDomainObjFormat` in libvirt's
//! src/conf/domain_conf.c).
//!
//! A device out of a pool stands in the status as `<actual type='hostdev'>` within its interface;
//! in the definition there is the pool's name alone.

use std::collections::BTreeSet;

use virtfn_host::GuestState;
use virtfn_pci::Address;

use super::{MAX_DEVICES, name};
use crate::xml::{Tag, tags, unescaped};

/// Deeper documents are none of libvirt's.
const MAX_DEPTH: usize = 64;

/// What a domain's file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// How it runs, in a status file.
    pub state: Option<GuestState>,
    /// The program that it runs in.
    pub emulator: Option<String>,
    /// The functions of the host that it has, or is given.
    pub devices: BTreeSet<Address>,
    /// The networks that its interfaces are on.
    pub networks: BTreeSet<String>,
}

/// A device of the host in a domain's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    /// Where; `None`: what stands there is no address.
    pub(crate) address: Option<Address>,
    /// The line.
    pub(crate) line: u32,
}

/// A domain, if the text has one.
#[must_use]
pub fn domain(text: &str) -> Option<Domain> {
    read(text).map(|read| read.domain)
}

/// A domain and the places of its devices.
pub(crate) struct Read {
    pub(crate) domain: Domain,
    pub(crate) devices: Vec<Device>,
    /// The line on which it got deeper than any domain.
    pub(crate) too_deep: Option<u32>,
}

pub(crate) fn read(text: &str) -> Option<Read> {
    let mut read = Read { domain: Domain::default(), devices: Vec::new(), too_deep: None };
    let mut open: Vec<Tag<'_>> = Vec::new();
    let mut is_domain = false;
    for tag in tags(text) {
        if let Some(closed) = tag.name.strip_prefix('/') {
            let at = open.iter().rposition(|one| one.name == closed);
            open.truncate(at.unwrap_or(open.len()));
            continue;
        }
        is_domain |= tag.name == "domain";
        read.see(&open, &tag);
        if !tag.is_empty {
            if open.len() >= MAX_DEPTH {
                read.too_deep = Some(tag.line);
                break;
            }
            open.push(tag);
        }
    }
    is_domain.then_some(read)
}

impl Read {
    fn see(&mut self, open: &[Tag<'_>], tag: &Tag<'_>) {
        let parent = open.last();
        let within = |name: &str| parent.is_some_and(|parent| parent.name == name);
        let has_room = self.devices.len() + self.domain.networks.len() < MAX_DEVICES;
        match tag.name {
            "domstatus" if open.is_empty() => self.domain.state = state(tag),
            "name" if within("domain") => self.domain.name = name(&unescaped(tag.text)),
            "emulator" if within("devices") => {
                self.domain.emulator = Some(unescaped(tag.text).into_owned());
            }
            "source" if within("interface") && has_room => {
                let on = parent.and_then(|parent| parent.attribute("type")) == Some("network");
                let network = tag.attribute("network").filter(|_| on);
                self.domain.networks.extend(network.map(|network| name(&unescaped(network))));
            }
            "address" if is_source(open) && has_room => {
                let address = address(tag);
                self.domain.devices.extend(address);
                self.devices.push(Device { address, line: tag.line });
            }
            _ => {}
        }
    }
}

/// `virDomainState`. What is paused, asleep or broken keeps its process and its devices.
fn state(tag: &Tag<'_>) -> Option<GuestState> {
    let pid = tag.attribute("pid")?.parse().ok().filter(|pid| *pid > 0)?;
    match tag.attribute("state")? {
        "running" | "blocked" | "shutdown" | "nostate" => Some(GuestState::Running { pid }),
        "paused" | "pmsuspended" | "crashed" => Some(GuestState::Paused { pid }),
        // `shutoff` has no process.
        _ => None,
    }
}

/// `<hostdev type='pci'>`, `<interface type='hostdev'>`, or what an interface on a network got, and
/// in it `<source>`. An address outside the source is the guest's own.
fn is_source(open: &[Tag<'_>]) -> bool {
    let [.., device, source] = open else { return false };
    let kind = device.attribute("type");
    let given = match device.name {
        "hostdev" => kind == Some("pci"),
        "interface" | "actual" => kind == Some("hostdev"),
        _ => false,
    };
    given && source.name == "source"
}

/// `<address domain='0x0000' bus='0x0b' slot='0x10' function='0x0'/>`.
pub(super) fn address(tag: &Tag<'_>) -> Option<Address> {
    let part = |name: &str| number(tag.attribute(name)?);
    let (bus, slot) = (part("bus")?, part("slot")?);
    let (bus, slot) = (u8::try_from(bus).ok()?, u8::try_from(slot).ok()?);
    let function = u8::try_from(part("function").unwrap_or(0)).ok()?;
    Address::new(part("domain").unwrap_or(0), bus, slot, function)
}

/// As C's `strtoul` takes it with base 0, which is how libvirt does.
fn number(text: &str) -> Option<u32> {
    let text = text.trim();
    match (text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")), text.strip_prefix('0')) {
        (Some(hex), _) => u32::from_str_radix(hex, 16).ok(),
        (None, Some(octal)) if !octal.is_empty() => u32::from_str_radix(octal, 8).ok(),
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As libvirt writes it of a guest with a VF by address and one out of a pool.
    const STATUS: &str = "\
<!--
WARNING: THIS IS AN AUTO-GENERATED FILE.
-->
<domstatus state='running' reason='booted' pid='812'>
  <monitor path='/var/lib/libvirt/qemu/domain-1-MyGuest/monitor.sock' type='unix'/>
  <devices>
    <device alias='hostdev0'/>
  </devices>
  <domain type='kvm' id='1'>
    <name>My&amp;Guest</name>
    <metadata><name>other</name></metadata>
    <devices>
      <emulator>/usr/bin/qemu-system-x86_64</emulator>
      <graphics type='vnc' passwd='secret'/>
      <interface type='hostdev' managed='yes'>
        <mac address='52:54:00:6d:90:02'/>
        <driver name='vfio'/>
        <source>
          <address type='pci' domain='0x0000' bus='0x0b' slot='0x10' function='0x0'/>
        </source>
        <address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>
      </interface>
      <interface type='network'>
        <source network='vfpool' portid='a8b1'/>
        <actual type='hostdev' managed='yes'>
          <driver name='vfio'/>
          <source>
            <address type='pci' domain='0x0000' bus='0x0b' slot='0x10' function='0x2'/>
          </source>
        </actual>
        <address type='pci' domain='0x0000' bus='0x06' slot='0x00' function='0x0'/>
      </interface>
      <interface type='network'>
        <source network='default'/>
        <actual type='network'><source bridge='virbr0'/></actual>
      </interface>
    </devices>
  </domain>
</domstatus>
";

    #[test]
    fn a_running_domain_has_what_its_pool_gave_it() {
        let domain = domain(STATUS).unwrap();
        assert!(!format!("{domain:?}").contains("secret"));
        assert_eq!(domain.name, "My&Guest");
        assert_eq!(domain.state, Some(GuestState::Running { pid: 812 }));
        assert_eq!(domain.emulator.as_deref(), Some("/usr/bin/qemu-system-x86_64"));
        let devices: Vec<String> = domain.devices.iter().map(ToString::to_string).collect();
        assert_eq!(devices, ["0000:0b:10.0", "0000:0b:10.2"]);
        let networks: Vec<&str> = domain.networks.iter().map(String::as_str).collect();
        assert_eq!(networks, ["default", "vfpool"]);
    }

    #[test]
    fn states_are_told_apart_by_whether_there_is_a_process() {
        for (attributes, state) in [
            ("state='paused' reason='user' pid='7'", Some(GuestState::Paused { pid: 7 })),
            ("state='crashed' reason='panicked' pid='7'", Some(GuestState::Paused { pid: 7 })),
            ("state='shutdown' reason='user' pid='7'", Some(GuestState::Running { pid: 7 })),
            ("state='shutoff' reason='destroyed' pid='0'", None),
            ("state='running' reason='booted' pid='-1'", None),
            ("state='running' reason='booted'", None),
        ] {
            let text = format!("<domstatus {attributes}><domain><name>a</name></domain>");
            assert_eq!(domain(&text).unwrap().state, state, "{attributes}");
        }
    }

    #[test]
    fn numbers_are_those_of_libvirt() {
        for (text, value) in [
            ("0x10", Some(16)),
            ("16", Some(16)),
            ("020", Some(16)),
            ("0", Some(0)),
            ("00", Some(0)),
            ("0x", None),
            ("", None),
            ("1g", None),
        ] {
            assert_eq!(number(text), value, "{text}");
        }
    }

    #[test]
    fn what_is_no_domain_has_none() {
        for text in ["", "<network><name>a</name></network>", "<<<", "<domain"] {
            assert_eq!(domain(text), None, "{text}");
        }
    }
}

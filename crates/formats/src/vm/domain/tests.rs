use super::*;
use crate::vm::{Room, free_port};

/// A running domain of libvirt 9.0, shortened: a VF out of a pool, a whole function, a virtio
/// interface that stays.
const LIVE: &str = "\
<domain type='kvm' id='3' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>MyGuest</name>
  <uuid>0d7f4b1c-0000-4000-8000-000000000001</uuid>
  <metadata><name>other</name></metadata>
  <memory unit='KiB'>1048576</memory>
  <currentMemory unit='KiB'>524288</currentMemory>
  <memoryBacking><locked/></memoryBacking>
  <memtune><hard_limit unit='G'>3</hard_limit></memtune>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <devices>
    <controller type='pci' index='0' model='pcie-root'><alias name='pcie.0'/></controller>
    <controller type='pci' index='1' model='pcie-root-port'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0' multifunction='on'/>
    </controller>
    <controller type='pci' index='2' model='pcie-root-port'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x1'/>
    </controller>
    <interface type='hostdev' managed='yes'>
      <mac address='52:54:00:6d:90:02'/>
      <driver name='vfio'/>
      <source>
        <address type='pci' domain='0x0000' bus='0x0b' slot='0x10' function='0x0'/>
      </source>
      <alias name='hostdev0'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </interface>
    <interface type='bridge'>
      <mac address='52:54:00:6d:90:03'/>
      <source bridge='br0'/>
      <model type='virtio'/>
      <teaming type='persistent'/>
      <alias name='ua-backup0'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x03' function='0x0'/>
    </interface>
    <hostdev mode='subsystem' type='usb' managed='yes'><source/></hostdev>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <source><address domain='0x0000' bus='0x99' slot='0x40' function='0x0'/></source>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x04' function='0x0'/>
    </hostdev>
    <iommu model='intel'/>
    <tpm model='tpm-crb'><backend type='emulator'/></tpm>
  </devices>
  <qemu:commandline><qemu:arg value='-snapshot'/></qemu:commandline>
</domain>
";

#[test]
fn a_running_domain_says_what_it_has() {
    let domain = Domain::read(LIVE).unwrap();
    assert_eq!((domain.name.as_str(), domain.id), ("MyGuest", Some(3)));
    assert_eq!((domain.kind.as_str(), domain.arch.as_str()), ("kvm", "x86_64"));
    assert_eq!(domain.machine, "pc-q35-7.2");
    assert_eq!((domain.memory_bytes, domain.hard_limit_bytes), (1 << 30, Some(3 << 30)));
    assert!(domain.locked && domain.viommu);
    let vf = domain.device("0b:10.0".parse().unwrap()).unwrap();
    assert_eq!(vf.alias.as_deref(), Some("hostdev0"));
    assert_eq!(vf.guest_address(), Some("01:00.0".parse().unwrap()));
    assert_eq!(domain.passed.len(), 1);
    assert_eq!(domain.unread.len(), 1);
    assert_eq!(domain.unread[0].line(), 37);
    let [nic] = &domain.nics[..] else { panic!("{:?}", domain.nics) };
    assert_eq!((nic.kind.as_str(), nic.model.as_deref()), ("bridge", Some("virtio")));
    assert_eq!(nic.alias.as_deref(), Some("ua-backup0"));
    assert_eq!(nic.teaming, Some(Teaming::Persistent));
    assert_eq!(free_port(&domain), Room::Free(1));
}

#[test]
fn a_defined_domain_names_the_networks_that_may_be_pools() {
    let text = "<domain type='qemu'><name>a</name><memory>2097152</memory><devices>\
        <interface type='network'><source network='vfs'/></interface>\
        <interface type='user'/></devices></domain>";
    let domain = Domain::read(text).unwrap();
    assert_eq!((domain.id, domain.kind.as_str()), (None, "qemu"));
    assert_eq!(domain.memory_bytes, 2 << 30);
    assert_eq!(domain.networks().collect::<Vec<_>>(), ["vfs"]);
    assert!(domain.passed.is_empty() && domain.unread.is_empty());
}

#[test]
fn what_is_no_domain_is_told() {
    for (text, why) in [
        ("<network/>", "<network>, and a domain is meant"),
        ("<domain><name/></domain>", "a domain without a name"),
        ("<domain>", "<domain> is never closed"),
    ] {
        assert_eq!(Domain::read(text).unwrap_err().why(), why, "{text}");
    }
}

#[test]
fn sizes_are_read_with_libvirts_units() {
    for (text, bytes) in [
        ("<memory>1</memory>", 1024),
        ("<memory unit='b'>7</memory>", 7),
        ("<memory unit='bytes'>7</memory>", 7),
        ("<memory unit='KB'>1</memory>", 1000),
        ("<memory unit='k'>1</memory>", 1024),
        ("<memory unit='MiB'>1</memory>", 1 << 20),
        ("<memory unit='G'> 2 </memory>", 2 << 30),
        ("<memory unit='TB'>1</memory>", 1_000_000_000_000),
        ("<memory unit='E'>99</memory>", 0),
        ("<memory unit='pages'>1</memory>", 0),
        ("<memory unit=''>1</memory>", 0),
        ("<memory>much</memory>", 0),
    ] {
        let domain = Domain::read(&format!("<domain><name>a</name>{text}</domain>")).unwrap();
        assert_eq!(domain.memory_bytes, bytes, "{text}");
    }
}

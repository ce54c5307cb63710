use super::*;

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

const VF: &str = "\
<?xml version='1.0' encoding='UTF-8'?>
<!-- for MyGuest -->
<interface managed='yes' type='hostdev'>
  <mac address='52:54:00:6D:90:02'/>
  <source>
    <address function='0' slot='16' bus='11' type='pci'/>
  </source>
  <vlan><tag id=\"42\"/></vlan>
</interface>
";

#[test]
fn a_vf_is_read_as_people_write_it_and_written_as_libvirt_does() {
    let passed = read_device(VF).unwrap();
    assert_eq!(passed.host_address(), Some(address("0b:10.0")));
    assert_eq!(
        passed.xml(),
        "<interface type='hostdev' managed='yes'>\n  \
           <mac address='52:54:00:6d:90:02'/>\n  \
           <source>\n    \
             <address type='pci' domain='0x0000' bus='0x0b' slot='0x10' function='0x0'/>\n  \
           </source>\n  \
           <vlan>\n    <tag id='42'/>\n  </vlan>\n\
         </interface>\n"
    );
}

/// As libvirt 9.0 prints them of a running domain.
const WRITTEN_BY_LIBVIRT: [&str; 4] = [
    "\
<hostdev mode='subsystem' type='pci' managed='yes'>
  <driver name='vfio'/>
  <source>
    <address domain='0x0000' bus='0x01' slot='0x00' function='0x1'/>
  </source>
  <alias name='hostdev0'/>
  <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/>
</hostdev>
",
    "\
<interface type='hostdev' managed='yes'>
  <mac address='52:54:00:6d:90:02'/>
  <driver name='vfio'/>
  <source>
    <address type='pci' domain='0x0000' bus='0x0b' slot='0x10' function='0x0'/>
  </source>
  <virtualport type='802.1Qbh'>
    <parameters profileid='finance'/>
  </virtualport>
  <teaming type='transient' persistent='ua-backup0'/>
  <boot order='1'/>
  <alias name='hostdev0'/>
  <rom bar='off' file='/etc/fake/boot.bin'/>
  <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0' multifunction='on'/>
</interface>
",
    "\
<hostdev mode='subsystem' type='pci' managed='no'>
  <driver name='vfio' model='mlx5_vfio_pci'/>
  <source>
    <address domain='0x0000' bus='0x06' slot='0x12' function='0x5'/>
  </source>
  <rom enabled='no'/>
  <address type='unassigned'/>
</hostdev>
",
    "\
<interface type='network'>
  <mac address='52:54:00:6d:90:02'/>
  <source network='vfs &amp; more'/>
  <vlan>
    <tag id='42'/>
  </vlan>
</interface>
",
];

#[test]
fn what_libvirt_wrote_is_read_and_written_back_to_the_byte() {
    for text in WRITTEN_BY_LIBVIRT {
        assert_eq!(read_device(text).unwrap().xml(), text);
    }
}

#[test]
fn older_and_shorter_forms_are_read() {
    for text in [
        "<hostdev type='pci'><address domain='0' bus='11' slot='16' function='0'/></hostdev>",
        "<hostdev mode='subsystem' type='pci'><source><address bus='0xb' slot='0x10'/></source></hostdev>",
        "<hostdev type='pci'><source><address type='pci' bus='013' slot='020' function='0'/></source></hostdev>",
    ] {
        let passed = read_device(text).unwrap();
        assert_eq!(passed.way, Way::Hostdev(address("0b:10.0")), "{text}");
        assert!(!passed.managed && passed.guest.is_none());
    }
}

/// A file of somebody's, with an element that means nothing here, says what it said.
#[test]
fn what_means_nothing_here_is_kept() {
    let text = VF.replace("</interface>", "  <acpi index='7'/>\n<x>a &amp; b</x></interface>");
    let passed = read_device(&text).unwrap();
    assert_eq!(passed.others, ["<acpi index='7'/>", "<x>a &amp; b</x>"]);
    let again = read_device(&passed.xml()).unwrap();
    assert_eq!(again, passed);
}

/// An interface with something in it, or its source replaced.
fn with(inside: &str) -> String {
    VF.replace("</interface>", &format!("  {inside}\n</interface>"))
}

#[test]
fn what_cannot_be_is_told_at_its_line_with_what_to_write() {
    let source = "<source><address bus='0x0b' slot='0x10' function='0'/></source>";
    for (text, line, why, write) in [
        (
            VF.replace("<tag id=\"42\"/>", "<tag id='42'/>\n<tag id='43'/>"),
            9,
            "vlan trunking is not supported by SR-IOV network devices",
            "one tag",
        ),
        (VF.replace("<vlan>", "<vlan trunk='yes'>"), 8, "vlan trunking", "one tag"),
        (VF.replace("\"42\"", "\"4095\""), 8, "`4095` is not a VLAN number", ""),
        (VF.replace("<tag id=\"42\"/>", ""), 8, "a vlan without its tag", "<tag id='42'/>"),
        (
            VF.replace("52:54:00:6D:90:02", "01:00:5e:00:00:01"),
            4,
            "01:00:5e:00:00:01 is a group's",
            "",
        ),
        (VF.replace("52:54:00:6D:90:02", "52:54:00"), 4, "`52:54:00` is not a MAC", ""),
        (
            VF.replace("address='52:54:00:6D:90:02'", ""),
            4,
            "a mac without `address`",
            "<mac address=",
        ),
        (VF.replace("'16'", "'10.0'"), 6, "`10.0` is no number", ""),
        (VF.replace("'16'", "'32'"), 6, "`slot` is 32, and goes up to 31 (0x1f)", ""),
        (VF.replace("'11'", "'0b'"), 6, "`0b` is no number", ""),
        (VF.replace("slot='16'", ""), 6, "an address without `slot`", "slot='0x10'"),
        (with("<virtualport type='802.1Qbg'/>"), 9, "virtualport type 802.1Qbg is not", "802.1Qbh"),
        (with("<virtualport type='802.1Qbh'/>"), 9, "802.1Qbh without a profile", "profileid"),
        (with("<virtualport type='openvswitch'/>"), 9, "a virtualport of type='openvswitch'", ""),
        (with("<bandwidth/>"), 9, "<bandwidth> is not supported", "--max-rate"),
        (with("<filterref filter='x'/>"), 9, "<filterref> is not supported", "--spoofchk"),
        (with("<driver name='kvm'/>"), 9, "KVM's own device assignment is gone", "vfio"),
        (with("<driver name='xen'/>"), 9, "`xen` is no driver", "vfio"),
        (with("<teaming type='transient'/>"), 9, "which interface stays", "persistent='ALIAS'"),
        (with("<teaming type='persistent'/>"), 9, "a function of the host cannot", ""),
        (with("<boot order='first'/>"), 9, "invalid digit", ""),
        (with("<rom enabled='no' bar='on'/>"), 9, "a ROM that is disabled", ""),
        (with("<address type='usb' bus='0' port='1'/>"), 9, "the guest's address of it", ""),
        (with("<a:b xmlns:a='c'/>"), 9, "what is in a namespace", ""),
        (VF.replace("'yes'", "'true'"), 3, "`true` is neither yes nor no", ""),
        (
            VF.replace("type='hostdev'", "type='direct'"),
            3,
            "type='direct' is macvtap",
            "type='hostdev'",
        ),
        (VF.replace("type='hostdev'", "type='bridge'"), 3, "type='bridge' gives the guest", ""),
        (VF.replace("type='hostdev'", "type='vf'"), 3, "no interface has type='vf'", ""),
        (VF.replace("type='hostdev'", ""), 3, "an interface without a type", ""),
        (
            "<interface type='hostdev'>\n<source dev='eth0'/>\n</interface>".into(),
            2,
            "`dev` says nothing here",
            "virtfn xml interface eth0/N",
        ),
        ("<interface type='hostdev'/>".into(), 1, "which function of the host", "<source>"),
        (
            "<interface type='hostdev'><address bus='11' slot='16'/></interface>".into(),
            1,
            "which function of the host",
            "<source>",
        ),
        ("<interface type='network'/>".into(), 1, "which network it is", "network='NAME'"),
        ("<interface type='network'><source/></interface>".into(), 1, "a source without", "NAME"),
        (
            "<hostdev type='usb'><source/></hostdev>".into(),
            1,
            "type='usb' is no PCI function",
            "type='pci'",
        ),
        ("<hostdev/>".into(), 1, "a hostdev without a type", "type='pci'"),
        (
            "<hostdev mode='capabilities' type='pci'/>".into(),
            1,
            "a hostdev of this mode",
            "mode='subsystem'",
        ),
        (
            format!("<hostdev type='pci'>\n{source}\n<mac address='52:54:00:6d:90:02'/></hostdev>"),
            3,
            "a <hostdev> has no <mac>",
            "<interface type='hostdev'",
        ),
        (
            "<hostdev type='pci'><source><address type='usb'/></source></hostdev>".into(),
            1,
            "an address of type='usb'",
            "type='pci'",
        ),
        (VF.replace("<source>", "<source portgroup='x'>"), 5, "`portgroup` of <source>", "virsh"),
        (
            VF.replace("managed='yes'", "trustGuestRxFilters='yes'"),
            3,
            "`trustGuestRxFilters` of",
            "",
        ),
        (VF.replace("<tag id", "<tag nativeMode='tagged' id"), 8, "`nativeMode` of <tag>", ""),
        (with("<alias name='ua-x'><y/></alias>"), 9, "<y> in <alias>", ""),
        ("<domain/>".into(), 1, "a whole domain", ""),
        ("<device/>".into(), 1, "libvirt's view", "virtfn xml interface"),
        ("<disk/>".into(), 1, "<disk> is no device", "hostdev"),
    ] {
        let fault = read_device(&text).unwrap_err();
        assert!(fault.why().starts_with(why), "{text}: {}", fault.why());
        assert_eq!(fault.line(), line, "{text}: {}", fault.why());
        assert!(fault.meant().unwrap_or_default().contains(write), "{text}: {:?}", fault.meant());
        assert!(fault.show("vf.xml", &text).contains('^'), "{text}");
    }
}

/// `bus='10'` copied from lspci is ten to libvirt; where that cannot be, what was meant is said.
#[test]
fn a_slot_that_can_only_be_hexadecimal_is_told_so() {
    let fault = read_device(&VF.replace("'16'", "'1f'")).unwrap_err();
    assert!(fault.why().contains("hexadecimal with 0x in front"), "{}", fault.why());
    let fault = read_device(&VF.replace("'11'", "'301'")).unwrap_err();
    assert!(fault.why().starts_with("`bus` is 301, and goes up to 255 (0xff)"), "{}", fault.why());
    // Sixteen written in digits that can be read both ways: libvirt's reading counts.
    let passed = read_device(&VF.replace("'16'", "'10'")).unwrap();
    assert_eq!(passed.host_address(), Some(address("0b:0a.0")));
}

/// Real files, kept beside the project: read, or their fault named.
#[test]
fn files_of_others_are_read_or_their_fault_named() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/real/snippets/nodedev");
    let Ok(files) = std::fs::read_dir(folder) else { return };
    let mut seen = 0;
    for file in files.map(|file| file.unwrap().path()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let read = read_device(&text);
        match file.file_name().unwrap().to_str().unwrap() {
            "hostdev-connectx4.xml" => {
                let passed = read.unwrap();
                assert_eq!(passed.host_address(), Some(address("01:00.1")));
                assert_eq!(passed.guest_address(), Some(address("00:05.0")));
            }
            "x520-da-pf.xml" => {
                let fault = read.unwrap_err();
                assert_eq!(fault.line(), 2);
                assert!(fault.why().starts_with("libvirt's view of a device"), "{}", fault.why());
            }
            _ => drop(read),
        }
        seen += 1;
    }
    println!("{seen} files of others");
}

use crate::vm::read_device;

/// What a person sees of a file, to the letter.
#[track_caller]
fn shows(text: &str, shown: &str) {
    let fault = read_device(text).unwrap_err();
    assert_eq!(fault.report("vf.xml", text), shown);
}

const MAC_NEVER_CLOSED: &str = "\
<interface type='hostdev' managed='yes'>
  <source>
    <address type='pci' domain='0x0000' bus='0x0b' slot='0x10' function='0x0'/>
  </source>
  <mac address='52:54:00:6d:90:02'>
  <vlan>
    <tag id='42'/>
  </vlan>
</interface>
";

#[test]
fn a_mac_that_is_never_closed_is_shown_with_what_to_write() {
    shows(
        MAC_NEVER_CLOSED,
        "vf.xml:5:3: <mac> is never closed\n \
         5 |   <mac address='52:54:00:6d:90:02'>\n   \
         |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n   \
         = write <mac address='52:54:00:6d:90:02'/>",
    );
}

#[test]
fn a_value_without_quotes_is_shown_with_what_to_write() {
    shows(
        "<interface type='hostdev'>\n  <vlan><tag id=42/></vlan>\n</interface>\n",
        "vf.xml:2:17: `42` is not in quotes\n \
         2 |   <vlan><tag id=42/></vlan>\n   \
         |                 ^^\n   \
         = write id='42'",
    );
}

#[test]
fn an_end_that_is_missing_at_the_end_of_the_file_is_shown() {
    shows(
        "<interface type='hostdev'>\n  <mac address='52:54:00:6d:90:02'/>\n",
        "vf.xml:1:1: <interface> is never closed\n \
         1 | <interface type='hostdev'>\n   \
         | ^^^^^^^^^^^^^^^^^^^^^^^^^^\n   \
         = write </interface> where it ends",
    );
}

#[test]
fn a_bare_ampersand_is_shown_with_what_to_write() {
    shows(
        "<interface type='network'>\n  <source network='a & b'/>\n</interface>",
        "vf.xml:2:22: a bare `&`\n \
         2 |   <source network='a & b'/>\n   \
         |                      ^\n   \
         = write &amp;",
    );
}

#[test]
fn every_slip_has_its_place_and_its_word() {
    for (text, place, why, write) in [
        ("<hostdev managed></hostdev>", (1, 10), "`managed` has no value", "write managed='…'"),
        (
            "<hostdev>\n<boot order='1>\n</hostdev>",
            (2, 13),
            "the quote that opens `order` is never closed",
            "write order='1'",
        ),
        ("<hostdev>\n</hostdv>", (2, 1), "</hostdv> ends nothing: <hostdev> is open", "</hostdev>"),
        ("<hostdev/>\n</hostdev>", (2, 1), "</hostdev> ends nothing: all before", "leave it out"),
        ("<hostdev>\n<alias name='a < b'/></hostdev>", (2, 13), "the quote that opens", "name='a'"),
        ("<hostdev>1 < 2</hostdev>", (1, 12), "a bare `<`", "&lt;"),
        ("<hostdev>fish & chips</hostdev>", (1, 15), "a bare `&`", "&amp;"),
        ("<hostdev type='pci'", (1, 1), "<hostdev> does not end", "<hostdev …>"),
        (
            "<interface><source><address bus='1'></source></interface>",
            (1, 20),
            "<address> is never closed",
            "write <address bus='1'/>",
        ),
        (
            "<interface>\n<mac\n address='52:54:00:6d:90:02'>",
            (2, 1),
            "<mac> is never closed",
            "write <mac address='52:54:00:6d:90:02'/>",
        ),
    ] {
        let fault = read_device(text).unwrap_err();
        assert_eq!((fault.line(), fault.column()), place, "{text}: {}", fault.why());
        assert!(fault.why().starts_with(why), "{text}: {}", fault.why());
        assert!(fault.meant().unwrap_or_default().contains(write), "{text}: {:?}", fault.meant());
    }
}

/// What the parser refuses and people do not do is told in its words, at its place.
#[test]
fn what_is_no_common_slip_is_the_parsers_to_tell() {
    for (text, place, why) in [
        ("", (1, 1), "nothing in it"),
        ("<hostdev a='1' a='2'/>", (1, 16), "no XML: "),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]>\n<hostdev/>", (1, 1), "a document type"),
        ("<hostdev/>\n<hostdev/>", (2, 1), "no XML: "),
        ("<x:hostdev/>", (1, 2), "no XML: "),
        ("<hostdev a='&what;'/>", (1, 13), "no XML: "),
    ] {
        let fault = read_device(text).unwrap_err();
        assert!(fault.why().starts_with(why), "{text}: {}", fault.why());
        assert!(!fault.why().contains(" at "), "{text}: {}", fault.why());
        assert_eq!((fault.line(), fault.column()), place, "{text}: {}", fault.why());
    }
}

#[test]
fn a_text_that_is_too_large_or_too_deep_ends() {
    let large = " ".repeat(crate::MAX_FILE_BYTES + 1);
    assert!(read_device(&large).unwrap_err().why().starts_with("too large"));
    let deep = "<a>".repeat(100_000);
    assert!(read_device(&deep).is_err());
    let deep = format!("{}{}", "<a>".repeat(30_000), "</a>".repeat(30_000));
    assert!(read_device(&deep).is_err());
}

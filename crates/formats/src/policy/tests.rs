use super::*;
use proptest::prelude::*;
use virtfn_host::{GroupChoice, Mbps};

const EXAMPLE: &str = r#"# the seed machine
version: 1
pfs:
  - match: { pci: "0000:0b:00.0" }
    vfs: 7
    autoprobe: off
    eswitch: switchdev
    rate_groups:
      gold: { min_rate: 100, max_rate: 10000 }
      "silver.2": {}
      old: none
    defaults: { driver: vfio-pci, spoofchk: on, trust: off, mac: auto }
    vf:
      0:   { mac: "52:54:00:6d:90:02", vlan: 42, owner: "tenant \"ä\", floor 2" }
      1-3: { driver: default, proto: 802.1ad, max_rate: 100, mtu: 9000, msix: 4 }
      5:   { rate_group: gold, roce: off, migratable: on, ipsec_crypto: on, ipsec_packet: off, max_io_eqs: 8 }
      6:   { rate_group: none }
      4:   { netdev: vf4, node_guid: "00:11:22:33:44:55:66:77", port_guid: "00:11:22:33:44:55:66:78" }
devices:
  - match: { pci: 41:00.0 }
    driver: vfio
host:
  hugepages: { 2M: 1024, 1G: 4 }
  modules: [vfio-pci]
"#;

fn faults(text: &str) -> Vec<String> {
    let show = |fault: &Fault| {
        let hint = fault.meant().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}:{} {}{hint}", fault.line(), fault.column(), fault.why())
    };
    read("p", text).unwrap_err().iter().map(show).collect()
}

#[test]
fn the_example_is_read() {
    let declared = read("p", EXAMPLE).unwrap();
    let [pf] = &declared.pfs[..] else { panic!() };
    assert_eq!(pf.place, Place { path: "p".into(), line: 4, column: 5 });
    assert_eq!((pf.vfs, pf.autoprobe), (7, Some(false)));
    assert_eq!(pf.matching.to_string(), "pci 0000:0b:00.0");
    let zero = pf.wish(VfIndex(0));
    assert_eq!(zero.mac, Some(MacWish::Given("52:54:00:6d:90:02".parse().unwrap())));
    assert_eq!(zero.driver, Some(DriverWish::Named("vfio-pci".into())));
    assert_eq!(zero.admin.trust, Some(Switch::Off));
    let two = pf.wish(VfIndex(2));
    assert_eq!((two.mac, two.driver), (Some(MacWish::Auto), Some(DriverWish::Default)));
    let six = pf.wish(VfIndex(6));
    assert_eq!((six.port.group, six.mac), (Some(GroupChoice::None), Some(MacWish::Auto)));
    assert_eq!(declared.devices[0].driver, DriverWish::Vfio);
}

#[test]
fn what_is_written_reads_the_same() {
    let declared = read("p", EXAMPLE).unwrap();
    let again = read("p", &write(&declared)).unwrap();
    assert_eq!(again.without_places(), declared.without_places());
}

#[test]
fn each_fault_is_told_with_its_place_and_what_was_meant() {
    let pf = |rest: &str| format!("version: 1\npfs:\n  - match: {{ pci: 0b:00.0 }}\n{rest}");
    for (text, told) in [
        ("", "1:1 nothing in it (the least policy: version: 1)"),
        ("pfs: []", "1:1 says no version (its first line: version: 1)"),
        ("version: 2", "1:10 `version`: this virtfn reads version 1, and it says 2"),
        ("version: 1\npf: []", "2:1 a policy has no `pf` (`pfs` is meant?)"),
        (
            "version: 1\npfs: 3",
            "2:6 `pfs` is a word, and a list is meant (each entry begins with a dash: - match: { pci: \"0000:0b:00.0\" })",
        ),
        (&pf("    numvfs: 3"), "3:5 `vfs` is missing (how many VFs it shall have: vfs: 7)"),
        (&pf("    vfs: 65536"), "4:10 `vfs`: `65536` is not a number from 0 to 65535"),
        (&pf("    vfs: 7\n    vfs: 8"), "5:5 `vfs` is there twice"),
        (&pf("    vfs: 7\n    vf: { 7: {} }"), "5:11 there is no VF 7: 7 are declared, 0 to 6"),
        (
            &pf("    vfs: 7\n    vf: { 1-3: {}, 3: {} }"),
            "5:20 overlaps `1-3`: what holds for a VF is said once",
        ),
        (&pf("    vfs: 7\n    vf: { 3-1: {} }"), "5:11 `vf`: ends before it begins: 1-3 is meant?"),
        (
            &pf("    vfs: 7\n    vf: { 0: { spoof-chk: on } }"),
            "5:16 a VF has no `spoof-chk` (`spoofchk` is meant?)",
        ),
        (
            &pf("    vfs: 7\n    vf: { 0: { vlan: 4095 } }"),
            "5:22 `vlan`: `4095` is not a VLAN number (0 for none, else 1 to 4094)",
        ),
        (
            &pf("    vfs: 7\n    vf: { 0: { trust: maybe } }"),
            "5:23 `trust`: `maybe` is not `on` or `off`",
        ),
        (
            &pf("    vfs: 7\n    defaults: { mac: \"52:54:00:00:00:01\" }"),
            "5:22 `mac`: VFs cannot share an address: `auto`, or one VF by one",
        ),
        (&pf("    vfs: 7\n    defaults: { driver: ../x }"), "5:25 `driver`: `../x` is no name"),
        (
            "version: 1\npfs:\n  - vfs: 1",
            "3:5 `match` is missing (which device is meant: match: { pci: \"0000:0b:00.0\" })",
        ),
        (
            "version: 1\npfs:\n  - { vfs: 1, match: {} }",
            "3:22 `match` is empty, and fits any device",
        ),
        (
            "version: 1\ndevices:\n  - match: { pci: 0b:00.0 }",
            "3:5 `driver` is missing (who drives it: driver: vfio-pci)",
        ),
        ("version: 1\n---\nversion: 1", "2:1 a second document, where one is meant"),
        ("version: !x 1", "1:13 the tag !x means nothing here"),
        ("version: [1", "1:10 no YAML"),
    ] {
        let all = faults(text);
        assert!(all.iter().any(|fault| fault.starts_with(told)), "{text}\n{all:#?}\n{told}");
    }
}

#[test]
fn all_faults_are_told_at_once_in_order() {
    let text = "version: 1\npfs:\n  - match: { pci: zz }\n    vfs: x\n    vf: { 0: { vlan: 9999, qos: 9 } }";
    assert_eq!(faults(text).len(), 4, "{:#?}", faults(text));
}

#[test]
fn a_fault_is_shown_with_a_caret_under_it() {
    let text = "version: 1\npfs:\n  - match: { pci: 0b:00.0 }\n    vfs: 7\n    vf: { 0: { vlan: 5000 } }\n";
    let faults = read("etc/policy.yaml", text).unwrap_err();
    assert_eq!(
        faults[0].show("etc/policy.yaml", text),
        "etc/policy.yaml:5:22: `vlan`: `5000` is not a VLAN number (0 for none, else 1 to 4094)\n \
         5 |     vf: { 0: { vlan: 5000 } }\n   |                      ^^^^"
    );
}

#[test]
fn anchors_serve_and_cannot_grow_without_bound() {
    let text = "version: 1\npfs:\n  - match: { pci: 0b:00.0 }\n    vfs: 2\n    vf: { 0: &a { vlan: 7 }, 1: *a }";
    let declared = read("p", text).unwrap();
    assert_eq!(declared.pfs[0].wish(VfIndex(1)), declared.pfs[0].wish(VfIndex(0)));
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![below; 8].join(", "));
    }
    assert!(faults(&bomb)[0].contains("too much"), "{:?}", faults(&bomb));
    let deep = format!("version: {}1{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(faults(&deep).len(), 1);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,300}") {
        if let Err(faults) = read("p", &text) {
            for fault in faults {
                prop_assert!(!fault.show("p", &text).is_empty());
            }
        }
    }

    #[test]
    fn no_damage_makes_the_reader_panic(at in 0..EXAMPLE.len(), with in "[ -~\n]{0,3}") {
        let mut text = EXAMPLE.as_bytes().to_vec();
        text.splice(at..text.len().min(at + with.len()), with.into_bytes());
        let text = String::from_utf8_lossy(&text);
        if let Err(faults) = read("p", &text) {
            for fault in faults {
                prop_assert!(!fault.show("p", &text).is_empty());
            }
        }
    }
}

#[test]
fn the_documented_policies_are_read() {
    for text in [
        include_str!("../../../../docs/policy/seed.yaml"),
        include_str!("../../../../docs/policy/vms.yaml"),
    ] {
        let declared = read("p", text).unwrap();
        assert!(!declared.pfs.is_empty());
    }
}

#[test]
fn what_the_firmware_offers_is_read_and_written() {
    let text = |vfs| {
        format!(
            "version: 1\npfs:\n  - match: {{ pci: 0b:00.0 }}\n    vfs: 2\n    firmware_vfs: {vfs}\n"
        )
    };
    let declared = read("p", &text("64")).unwrap();
    assert_eq!(declared.pfs[0].firmware_vfs, Some(64));
    assert_eq!(read("p", &write(&declared)).unwrap().pfs[0].firmware_vfs, Some(64));
    for (vfs, told) in [("0", "no PF any more"), ("70000", "65535"), ("many", "firmware_vfs")] {
        assert!(faults(&text(vfs))[0].contains(told), "{:?}", faults(&text(vfs)));
    }
}

#[test]
fn groups_and_ports_are_read_and_their_faults_told() {
    let pf = &read("p", EXAMPLE).unwrap().pfs[0];
    let mbps = |rate| Mbps::new(rate).unwrap();
    let groups: Vec<_> = pf.groups.iter().map(|(name, limits)| (name.as_str(), *limits)).collect();
    let gold = Limits { min: mbps(100), max: mbps(10_000) };
    let wanted = [("gold", Some(gold)), ("old", None), ("silver.2", Some(Limits::default()))];
    assert_eq!(groups, wanted);
    let port = pf.wish(VfIndex(5)).port;
    assert_eq!(
        port.said(),
        ["roce", "migratable", "ipsec_crypto", "ipsec_packet", "max_io_eqs", "rate_group"]
    );
    assert_eq!(port.capabilities[&Capability::Migratable], Switch::On);
    assert_eq!((port.max_io_eqs, port.group), (Some(8), Some(GroupChoice::Named("gold".into()))));
    let text = |groups: &str| {
        format!(
            "version: 1\npfs:\n  - match: {{ pci: 0b:00.0 }}\n    vfs: 2\n    rate_groups: {groups}\n"
        )
    };
    for (groups, told) in [
        (
            "[gold]",
            "5:18 `rate_groups` is a list, and a mapping from names is meant (rate_groups: { gold: { max_rate: 10000 } })",
        ),
        (
            "{ 7: {} }",
            "5:20 `rate_groups`: `7` is not a group's name: up to 63 letters, digits, `_`, `-`, `.`, not digits alone",
        ),
        ("{ gold: {}, gold: {} }", "5:30 `gold` is there twice"),
        ("{ gold: { max: 1 } }", "5:28 a group has no `max` (its keys: min_rate, max_rate)"),
        (
            "{ gold: { min_rate: 20, max_rate: 10 } }",
            "5:26 its `min_rate` of 20 is above its `max_rate` of 10",
        ),
        (
            "{ gold: some }",
            "5:26 a group is a word, and a mapping is meant (its keys: min_rate, max_rate)",
        ),
    ] {
        assert_eq!(faults(&text(groups)), [told]);
    }
}

#[test]
fn the_mode_of_a_switch_is_one_of_two_words() {
    let text = |mode| {
        format!(
            "version: 1\npfs:\n  - match: {{ pci: 0b:00.0 }}\n    vfs: 2\n    eswitch: {mode}\n"
        )
    };
    let declared = read("p", &text("switchdev")).unwrap();
    assert_eq!(declared.pfs[0].eswitch, Some(virtfn_host::EswitchMode::Switchdev));
    assert!(write(&declared).contains("    eswitch: switchdev\n"));
    let again = read("p", &write(&declared)).unwrap();
    assert_eq!(again.pfs[0].eswitch, declared.pfs[0].eswitch);
    assert!(faults(&text("switch"))[0].contains("legacy"), "{:?}", faults(&text("switch")));
}

#[path = "../../../cli/tests/support/schema.rs"]
#[allow(unreachable_pub, reason = "shared with the tests of the command line")]
mod check;

/// A document as a reader of JSON sees it.
fn json(node: &yaml::Node) -> serde_json::Value {
    use serde_json::Value as Json;
    match &node.value {
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(pairs) => {
            let pair = |(key, value): &(Node, Node)| (key.word().unwrap().to_owned(), json(value));
            Json::Object(pairs.iter().map(pair).collect())
        }
        Value::Scalar { .. } if node.is_null() => Json::Null,
        Value::Scalar { text, quoted: false } => match text.as_str() {
            "true" | "false" => Json::Bool(text == "true"),
            _ => text.parse::<u64>().map_or_else(|_| text.clone().into(), Json::from),
        },
        Value::Scalar { text, .. } => text.clone().into(),
    }
}

fn misfits(text: &str) -> Vec<String> {
    let root = yaml::parse(text).unwrap().unwrap();
    check::misfits(&super::schema(), &json(&root))
}

#[test]
fn policies_fit_the_schema_and_their_faults_do_not() {
    let mut texts = vec![EXAMPLE.to_owned(), write(&read("p", EXAMPLE).unwrap())];
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policy");
    for entry in docs.read_dir().unwrap() {
        texts.push(std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    for text in &texts {
        assert_eq!(misfits(text), Vec::<String>::new(), "{text}");
        assert!(read("p", text).is_ok(), "{text}");
    }
    for (sound, broken) in [
        ("vfs: 7", "vsf: 7"),
        ("vfs: 7", "vfs: 70000"),
        ("spoofchk: on", "spoofchk: perhaps"),
        ("vlan: 42", "vlan: 4095"),
        ("2M: 1024", "2M: many"),
        ("version: 1", "version: 2"),
    ] {
        let broken = EXAMPLE.replace(sound, broken);
        assert!(!misfits(&broken).is_empty() && read("p", &broken).is_err(), "{broken}");
    }
}

#[test]
fn what_the_host_has_ready_is_read() {
    let text = |host: &str| format!("version: 1\nhost: {host}");
    let declared = read("p", &text("{ hugepages: { 2M: 512, 1G: 2 }, modules: [vfio-pci, igb] }"));
    let policy = declared.unwrap().host.remove(0).policy;
    let pages: Vec<_> = policy.hugepages.iter().map(|(size, n)| format!("{size}={n}")).collect();
    assert_eq!(pages, ["2M=512", "1G=2"]);
    assert_eq!(policy.modules, ["vfio-pci", "igb"]);
    for (host, told) in [
        ("{ hugepages: { 2M: 1, 2048K: 2 } }", "2:29 2M is there twice"),
        ("{ hugepages: { 2: 1 } }", "2:22 `hugepages`: `2` is not a size of huge pages (2M, 1G)"),
        (
            "{ hugepages: 1024 }",
            "2:20 `hugepages` is a word, and a mapping from sizes is meant (hugepages: { 2M: 1024 })",
        ),
        ("{ modules: [-r] }", "2:19 `modules`: `-r` is no name of a module"),
        ("{ hugepage: { 2M: 1 } }", "2:9 `host` has no `hugepage` (`hugepages` is meant?)"),
    ] {
        assert_eq!(faults(&text(host)), [told], "{host}");
    }
}

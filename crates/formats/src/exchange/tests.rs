use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::prelude::*;
use virtfn_host::{
    Capability, DeclaredDevice, DeclaredHost, DeclaredPf, DeclaredVfs, EswitchMode, GroupChoice,
    Guid, HostPolicy, Limits, LinkState, MacAddress, MacWish, Matching, Mbps, Mtu, NetdevPolicy,
    PageSize, PortPolicy, Qos, VfAdmin, VfIndex, VfWish, VlanId,
};
use virtfn_pci::Address;

use super::*;

const MAC: MacAddress = MacAddress::new([0x52, 0x54, 0, 0, 0, 1]);

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// Two igb PFs with seven VFs each, as a 82576 has them.
fn machine() -> Machine {
    let pf = |number: u8| {
        let own = Address::new(0, 0x0b, 0, number).unwrap();
        let vf = |index: u16| {
            let id = own.routing_id() + 0x80 + 2 * index;
            (VfIndex(index), Address::from_routing_id(0, id))
        };
        KnownPf {
            names: Matching {
                pci: Some(own),
                netdev: Some(format!("eth{number}")),
                mac: Some(MacAddress::new([0x52, 0x54, 0, 0, 0, number + 1])),
                driver: Some("igb".into()),
                vendor: Some(0x8086),
                device: Some(0x10c9),
                serial: None,
            },
            vfs: (0..7).map(vf).collect(),
            now: 7,
            vf_device: Some(0x10ca),
            vf_variant: None,
        }
    };
    Machine { node: Some("pve1".into()), pfs: vec![pf(0), pf(1)], ..Machine::default() }
}

fn files(exported: &Exported) -> Vec<File<'_>> {
    exported.files.iter().map(|(path, text)| File { path, text }).collect()
}

fn read(name: &str, path: &str, text: &str) -> Imported {
    let machine = machine();
    let terms = Terms { machine: Some(&machine), version: None };
    import(format(name).unwrap(), &[File { path, text }], &terms)
}

fn plain(declared: Declared) -> Declared {
    let mut declared = declared.without_places();
    declared.pfs.sort_by_key(|pf| pf.matching.to_string());
    declared.devices.sort_by_key(|device| device.matching.to_string());
    declared
}

/// A policy of which every format holds something.
fn example() -> Declared {
    let admin = VfAdmin {
        vlan: VlanId::new(42),
        qos: Qos::new(3),
        proto: Some(VlanProto::Dot1Ad),
        spoofchk: Some(Switch::On),
        trust: Some(Switch::Off),
        link: Some(LinkState::Enable),
        min_rate: Mbps::new(10),
        max_rate: Mbps::new(100),
        query_rss: Some(Switch::Off),
        node_guid: Some(Guid::new(1)),
        port_guid: Some(Guid::new(2)),
        mac: None,
    };
    let first = VfWish {
        admin,
        mac: Some(MacWish::Given("02:00:00:00:00:07".parse().unwrap())),
        driver: Some(DriverWish::Named("vfio-pci".into())),
        msix: Some(5),
        netdev: NetdevPolicy { name: Some("storage0".into()), mtu: Mtu::new(9000) },
        port: PortPolicy {
            capabilities: Capability::ALL.into_iter().map(|one| (one, Switch::On)).collect(),
            max_io_eqs: Some(8),
            group: Some(GroupChoice::Named("gold".into())),
        },
        owner: Some("Tenant Ä, \"db\"".into()),
    };
    let others = VfWish { driver: Some(DriverWish::None), ..VfWish::default() };
    let range = |first, last, wish| DeclaredVfs {
        place: Place::default(),
        first: VfIndex(first),
        last: VfIndex(last),
        wish,
    };
    Declared {
        pfs: vec![DeclaredPf {
            place: Place { path: "policy.yaml".into(), line: 3, column: 5 },
            matching: Matching { pci: Some(address("0b:00.0")), ..Matching::default() },
            vfs: 7,
            autoprobe: Some(false),
            eswitch: Some(EswitchMode::Switchdev),
            firmware_vfs: Some(16),
            groups: [("gold".to_owned(), Some(Limits::default()))].into(),
            defaults: VfWish::default(),
            defaults_place: Place::default(),
            vf: vec![range(0, 0, first), range(1, 3, others)],
        }],
        devices: vec![DeclaredDevice {
            place: Place { path: "policy.yaml".into(), line: 9, column: 5 },
            matching: Matching { pci: Some(address("41:00.0")), ..Matching::default() },
            driver: DriverWish::Named("vfio-pci".into()),
        }],
        host: vec![DeclaredHost {
            place: Place { path: "policy.yaml".into(), line: 12, column: 3 },
            policy: HostPolicy {
                hugepages: [(PageSize::of_kib(2048), 16)].into(),
                modules: vec!["vfio-pci".into()],
            },
        }],
    }
}

#[test]
fn each_format_says_what_it_has_no_word_for() {
    let machine = machine();
    let terms = Terms { machine: Some(&machine), version: None };
    for format in FORMATS {
        let exported = export(format, &example(), &terms);
        assert!(!exported.files.is_empty(), "{}: {:?}", format.name, exported.lost);
        for part in Part::ALL {
            let told =
                exported.lost.iter().any(|lost| lost.what.contains(&format!("`{}`", part.key())));
            let held = format.holds.contains(&part);
            // nova takes trust for all VFs of a PF or none, and not every driver fits everywhere.
            let partly = matches!(part, Part::Driver | Part::Trust);
            assert!(told != held || partly, "{}: {part:?}: {:?}", format.name, exported.lost);
        }
    }
}

/// Without a machine, a format either needs none, or says what it would need it for.
#[test]
fn nothing_is_written_as_if_it_were_known() {
    for format in FORMATS {
        let exported = export(format, &example(), &Terms::default());
        let written: String = exported.files.iter().map(|(_, text)| text.as_str()).collect();
        let by_address = format.keys.contains(&Key::Pci) && written.contains("0000:0b:00.0");
        let told = exported.lost.iter().any(|lost| {
            lost.what.contains("on the machine alone") || lost.what.contains("not written")
        });
        assert!(by_address || told, "{}: {written} {:?}", format.name, exported.lost);
    }
}

#[test]
fn exports_are_as_their_programs_write_them() {
    let machine = machine();
    let terms = Terms { machine: Some(&machine), version: None };
    for (name, path, says) in [
        (
            "netplan",
            "etc/netplan/90-virtfn-sriov.yaml",
            &[
                "    \"eth0\":",
                "virtual-function-count: 7",
                "{ link: \"eth0\" }",
                "renderer: sriov",
            ][..],
        ),
        (
            "networkd",
            "etc/systemd/network/10-virtfn-eth0.link",
            &[
                "PermanentMACAddress=52:54:00:00:00:01\nPath=pci-0000:0b:00.0\n",
                "SR-IOVVirtualFunctions=7\n",
                "\n[SR-IOV]\nVirtualFunction=0\nMACAddress=02:00:00:00:00:07\nVLANId=42\nQualityOfService=3\nVLANProtocol=802.1ad\nMACSpoofCheck=yes\nQueryReceiveSideScaling=no\nTrust=no\nLinkState=yes\n",
            ],
        ),
        (
            "networkmanager",
            "etc/NetworkManager/system-connections/virtfn-eth0.nmconnection",
            &[
                "total-vfs=7\npreserve-on-down=1\n",
                "vf.0=mac=02:00:00:00:00:07 spoof-check=true trust=false min-tx-rate=10 max-tx-rate=100 vlans=42.3.ad\n",
            ],
        ),
        (
            "nmstate",
            "etc/nmstate/virtfn-sriov.yml",
            &[
                "---\ninterfaces:\n- name: \"eth0\"\n",
                "      - { id: 0, mac-address: \"02:00:00:00:00:07\", spoof-check: true",
            ],
        ),
        ("modprobe", "etc/modprobe.d/virtfn-sriov.conf", &["options igb max_vfs=7\n"]),
        (
            "sysfs.conf",
            "etc/sysfs.d/virtfn-sriov.conf",
            &[
                "bus/pci/devices/0000:0b:00.0/sriov_drivers_autoprobe = 0\nbus/pci/devices/0000:0b:00.0/sriov_numvfs = 7\n",
            ],
        ),
        ("driverctl", "etc/driverctl.d/pci-0000:0b:10.0", &["vfio-pci\n"]),
        (
            "devbind",
            "usr/local/sbin/virtfn-devbind",
            &[
                "--bind=vfio-pci 0000:41:00.0 0000:0b:10.0\n",
                "--unbind 0000:0b:10.2 0000:0b:10.4 0000:0b:10.6\n",
            ],
        ),
        (
            "shell",
            "usr/local/sbin/virtfn-sriov",
            &["pf=/sys/bus/pci/devices/0000:0b:00.0\n", "vf 0 vlan 42 qos 3 proto 802.1ad\n"],
        ),
        ("libvirt", "etc/libvirt/qemu/networks/virtfn-eth0.xml", &["<pf dev='eth0'/>"]),
        (
            "proxmox",
            "etc/pve/mapping/pci.cfg",
            &["virtfn-eth0\n\tmap id=8086:10ca,node=pve1,path=0000:0b:10.0\n"],
        ),
        (
            "openstack",
            "etc/nova/nova.conf.d/virtfn-sriov.conf",
            &["\"devname\":\"eth0\"", "\"managed\":\"no\""],
        ),
    ] {
        let exported = export(format(name).unwrap(), &example(), &terms);
        let text = exported.files.iter().find(|(at, _)| at == path).map(|(_, text)| text);
        let text = text.unwrap_or_else(|| panic!("{name}: {:?}", exported.files));
        for word in says {
            assert!(text.contains(word), "{name}: {word:?} is not in:\n{text}");
        }
    }
}

#[test]
fn older_programs_hold_less_and_that_is_told() {
    let machine = machine();
    let told = |name: &str, version: &str| {
        let terms = Terms { machine: Some(&machine), version: version.parse().ok() };
        let exported = export(format(name).unwrap(), &example(), &terms);
        let all: String = exported.lost.iter().map(|lost| format!("{lost}\n")).collect();
        (exported.files.into_iter().map(|(_, text)| text).collect::<String>(), all)
    };
    let (text, lost) = told("networkmanager", "1.42");
    assert!(!text.contains("preserve-on-down") && lost.contains("preserve-on-down"), "{lost}");
    assert!(told("networkmanager", "1.54").0.contains("preserve-on-down"));
    let (text, lost) = told("openstack", "26");
    assert!(!text.contains("managed") && lost.contains("nova before 31 binds"), "{lost}");
    for (name, version, first) in [
        ("netplan", "0.98", "0.99"),
        ("networkd", "249", "251"),
        ("networkmanager", "1.12", "1.14"),
    ] {
        let none = format!("before {first} makes no VFs at all");
        assert!(told(name, version).1.contains(&none), "{name}");
        assert!(!told(name, first).1.contains(&none), "{name}");
    }
    assert!("x".parse::<Version>().is_err() && Version(1, 46) > Version(1, 9));
}

#[test]
fn faults_of_foreign_files_are_named_with_their_line() {
    for (name, path, text, line, says) in [
        (
            "nmstate",
            "a.yml",
            "--- interfaces:\n- name: eth0\n  ethernet:\n    sr-iov:\n      total-vfs: 2\n",
            1,
            "`---`",
        ),
        (
            "nmstate",
            "a.yml",
            "interfaces:\n- name: eth0\n  ethernet:\n    sr-iov:\n      total-vf: 2\n",
            5,
            "`total-vf`",
        ),
        (
            "networkd",
            "10-a.network",
            "[Match]\nName=eth0\n[SR-IOV]\nVirtualFunction=0\nTrust=yes\n",
            3,
            "makes none",
        ),
        (
            "networkd",
            "sr-iov.link",
            "[Match]\nMACAddress=52:54:00:00:00:01\n[SR-IOV]\nVirtualFunction=2\nTrust=yes\n",
            0,
            "99-default.link",
        ),
        (
            "networkd",
            "10-a.link",
            "[Match]\nMACAddress=a0:36:9f:xx:xx:xx\n[SR-IOV]\nVirtualFunction=2\n",
            2,
            "no address",
        ),
        (
            "networkd",
            "10-a.link",
            "[Match]\nDriver=igb\n[SR-IOV]\nVirtualFunction=2\n",
            3,
            "sets nothing",
        ),
        (
            "netplan",
            "a.yaml",
            "network:\n  ethernets:\n    eth0: {virtual-function-count: many}\n",
            3,
            "no number",
        ),
        (
            "networkmanager",
            "a",
            "[connection]\ninterface-name=eth0\n[sriov]\ntotal-vfs=2\nvf.0=mac=zz\n",
            5,
            "vf.0",
        ),
        (
            "networkmanager",
            "a",
            "[connection]\ninterface-name=eth0\n[sriov]\ntotal-vfs=2\nvf.0=vlans=1;2\n",
            5,
            "more than one VLAN",
        ),
        ("modprobe", "a", "options igb max_vfs=x\n", 1, "no number"),
        ("driverctl", "etc/driverctl.d/pci-0000:0b:10.0", "a b\n", 1, "driver"),
        ("sysfs.conf", "a", "bus/pci/devices/0000:0b:00.0/sriov_numvfs = x\n", 1, "no number"),
        (
            "libvirt",
            "a",
            "<network>\n<forward mode='hostdev'>\n<pf/>\n</forward></network>",
            3,
            "<pf>",
        ),
        ("proxmox", "a", "pool\n\tmap id=1:2,path=zz\n", 2, "no path"),
        ("openstack", "a", "[pci]\ndevice_spec = {\n", 2, "JSON"),
        ("sysfs.conf", "a", "class/net/eth0/device/sriov_numvfs = 70000\n", 1, "no number"),
    ] {
        let read = read(name, path, text);
        let found = read.faults.iter().find(|fault| fault.what.contains(says));
        let found = found.unwrap_or_else(|| panic!("{name}: {:?}", read.faults));
        assert_eq!((found.place.path.as_str(), found.place.line), (path, line), "{name}");
    }
}

#[test]
fn files_of_people_are_read() {
    let script = "#!/bin/bash\nPF=eth0\nN=4\necho 0 > /sys/class/net/$PF/device/sriov_numvfs\necho $N | sudo tee /sys/class/net/${PF}/device/sriov_numvfs\nip link set dev $PF vf 0 mac 02:00:00:00:00:01 vlan 5 qos 2\nfor i in 1 2; do ip link set $PF vf $i trust on; done\ncat /sys/class/net/$PF/device/sriov_numvfs\n";
    let imported = read("shell", "vfs.sh", script);
    let pf = &imported.declared.pfs[0];
    assert_eq!((pf.vfs, pf.matching.netdev.as_deref()), (4, Some("eth0")));
    assert_eq!(pf.vf[0].wish.admin.vlan, VlanId::new(5));
    let lines: Vec<u32> = imported.lost.iter().map(|lost| lost.place.line).collect();
    assert_eq!(lines, [7], "{:?}", imported.lost);

    let netplan = "network:\n  ethernets:\n    lan:\n      match: {macaddress: '52:54:00:00:00:01'}\n      set-name: lan\n      embedded-switch-mode: switchdev\n      virtual-function-count: 4\n    lanv2: {link: lan}\n    odd: {link: lan}\n  vlans:\n    a: {id: 7, link: lanv2, renderer: sriov}\n    b: {id: 8, link: odd, renderer: sriov}\n";
    let imported = read("netplan", "a.yaml", netplan);
    let pf = &imported.declared.pfs[0];
    assert_eq!((pf.vfs, pf.matching.mac, pf.vf[0].first), (4, Some(MAC), VfIndex(2)));
    let lines: Vec<u32> = imported.lost.iter().map(|lost| lost.place.line).collect();
    assert_eq!(lines, [12]);
    assert_eq!(pf.eswitch, Some(EswitchMode::Switchdev));

    let bound = read("devbind", "x", "sudo dpdk-devbind.py -b vfio-pci 0b:10.2 41:00.0 # two\n");
    assert_eq!(bound.declared.pfs[0].vf[0].first, VfIndex(1));
    assert_eq!(bound.declared.devices[0].matching.pci, Some(address("41:00.0")));

    let pool = read(
        "libvirt",
        "x",
        "<network><forward mode='hostdev'><address type='pci' domain='0x0000' bus='0x0b' slot='0x10' function='0x0'/></forward></network>",
    );
    assert_eq!((pool.declared.pfs[0].vfs, pool.declared.pfs[0].matching.mac), (7, Some(MAC)));
}

/// What people posted, where it is at hand: read, or its fault is named.
#[test]
fn posted_files_are_read_or_their_fault_is_named() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/real");
    let mut seen = 0;
    for (name, folder_name) in
        [("netplan", "netplan"), ("networkd", "networkd"), ("nmstate", "nmstate")]
    {
        let Ok(names) = std::fs::read_dir(folder.join("snippets").join(folder_name)) else {
            continue;
        };
        for entry in names {
            let path = entry.unwrap().path();
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let shown = path.file_name().unwrap().to_string_lossy().into_owned();
            let imported = read(name, &shown, &text);
            let says_something = !imported.declared.pfs.is_empty()
                || !imported.lost.is_empty()
                || !imported.faults.is_empty();
            assert!(says_something, "{shown}");
            println!("{shown}: {} PFs", imported.declared.pfs.len());
            imported.lost.iter().for_each(|lost| println!("  lost {lost}"));
            imported.faults.iter().for_each(|fault| println!("  fault {fault}"));
            seen += 1;
        }
    }
    println!("{seen} posted files");
}

fn wish() -> impl Strategy<Value = VfWish> {
    let option = prop::option::of::<BoxedStrategy<bool>>;
    let flag = || any::<bool>().boxed();
    let link = prop::sample::select(vec![LinkState::Auto, LinkState::Enable, LinkState::Disable]);
    let driver = prop::sample::select(vec![
        DriverWish::Default,
        DriverWish::None,
        DriverWish::Named("vfio-pci".into()),
        DriverWish::Named("igbvf".into()),
    ]);
    let tags = (prop::option::of(0u16..=4094), prop::option::of(0u8..8), option(flag()));
    let flags = (option(flag()), option(flag()), option(flag()));
    let rates = (prop::option::of(0u32..1000), prop::option::of(0u32..1000));
    let rest = (prop::option::of(link), prop::option::of(driver), prop::option::of(any::<u32>()));
    (tags, flags, rates, rest).prop_map(
        |((vlan, qos, ad), (check, trust, rss), (min, max), rest)| {
            let (link, driver, mac) = rest;
            let mac = mac.map(|low| {
                let [a, b, c, d] = low.to_be_bytes();
                MacWish::Given(MacAddress::new([2, 0, a, b, c, d]))
            });
            let admin = VfAdmin {
                mac: None,
                vlan: vlan.and_then(VlanId::new),
                // NetworkManager says the kind of tag behind a priority, never without.
                qos: qos.or(ad.map(|_| 0)).and_then(Qos::new),
                proto: ad.map(|ad| if ad { VlanProto::Dot1Ad } else { VlanProto::Dot1Q }),
                spoofchk: check.map(Switch::from),
                trust: trust.map(Switch::from),
                link,
                min_rate: min.and_then(Mbps::new),
                max_rate: max.and_then(Mbps::new),
                query_rss: rss.map(Switch::from),
                ..VfAdmin::default()
            };
            VfWish { admin, mac, driver, ..VfWish::default() }
        },
    )
}

prop_compose! {
    fn policy()(
        number in 0u8..2,
        vfs in 0u16..=7,
        autoprobe in prop::option::of(any::<bool>()),
        mode in prop::option::of(prop::sample::select(vec![EswitchMode::Legacy, EswitchMode::Switchdev])),
        wishes in prop::collection::btree_map(0u16..7, wish(), 0..7),
    ) -> Declared {
        let own = Address::new(0, 0x0b, 0, number).unwrap();
        let wishes = wishes.into_iter().filter(|(index, _)| *index < vfs);
        let vf = wishes.map(|(index, wish)| DeclaredVfs { place: Place::default(), first: VfIndex(index), last: VfIndex(index), wish });
        let pf = DeclaredPf {
            place: Place::default(),
            matching: Matching { pci: Some(own), ..Matching::default() },
            vfs,
            autoprobe,
            eswitch: mode,
            firmware_vfs: None,
            groups: BTreeMap::new(),
            defaults: VfWish::default(),
            defaults_place: Place::default(),
            vf: vf.collect(),
        };
        Declared { pfs: vec![pf], ..Declared::default() }
    }
}

proptest! {
    /// What came out of a format once goes through it again as it is; and what the format holds is
    /// what came out.
    #[test]
    fn formats_give_back_what_they_hold(declared in policy()) {
        let machine = machine();
        let terms = Terms { machine: Some(&machine), version: None };
        for format in FORMATS {
            let exported = export(format, &declared, &terms);
            let first = import(format, &files(&exported), &terms);
            prop_assert_eq!(&first.faults, &vec![], "{}", format.name);
            let again = export(format, &first.declared, &terms);
            let second = import(format, &files(&again), &terms);
            prop_assert_eq!(plain(first.declared.clone()), plain(second.declared), "{}", format.name);
            // Who holds the number of VFs holds the rest of what it holds too.
            if format.holds.contains(&Part::Vfs) {
                let held = resolve::resolve(&part::held(&declared, format, &mut Vec::new()), format, &terms, &mut Vec::new());
                let settings = |declared: &Declared| {
                    declared.pfs.iter().cloned().map(DeclaredPf::without_places).map(|pf| (pf.vfs, pf.autoprobe, pf.eswitch, pf.vf)).collect::<Vec<_>>()
                };
                prop_assert_eq!(settings(&first.declared), settings(&held), "{}", format.name);
            }
        }
    }

    /// Whatever the text, every reader ends.
    #[test]
    fn no_text_makes_a_reader_panic(text in "(?s).{0,300}", words in prop::collection::vec(word(), 0..40)) {
        for format in FORMATS {
            for text in [&text, &words.concat()] {
                let read = import(format, &[File { path: "etc/x.link", text }], &Terms::default());
                let again = crate::policy::read("x", &crate::policy::write(&read.declared));
                prop_assert!(again.is_ok(), "{}: {text:?}: {again:?}", format.name);
            }
        }
    }
}

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "network:\n",
        "  ethernets:\n",
        "    eth0: {virtual-function-count: 4}\n",
        "4",
        "\n",
        "[SR-IOV]\n",
        "[Match]\n",
        "Name=eth0\n",
        "VirtualFunction=0\n",
        "[Link]\n",
        "SR-IOVVirtualFunctions=3\n",
        "[sriov]\n",
        "vf.0=mac=02:00:00:00:00:01\n",
        "total-vfs=",
        "[connection]\ninterface-name=",
        "eth0",
        "echo 4 > ",
        "/sys/class/net/",
        "/device/sriov_numvfs",
        "A=",
        "$A",
        "${A}",
        "\"",
        "=",
        ",",
        "options igb max_vfs=4\n",
        "<network>",
        "<forward mode='hostdev'>",
        "<pf dev='a'/>",
        "<",
        ">",
        "interfaces:\n",
        "- name: a\n  ethernet: {sr-iov: {total-vfs: 2}}\n",
        "[pci]\n",
        "device_spec={}\n",
        "map path=0000:0b:10.0\n",
        "dpdk-devbind.py -b x 0b:10.0\n",
        "ip link set a vf 0 vlan 5\n",
        "\u{e9}",
    ])
}

#[test]
fn network_managers_modes_of_a_switch_are_numbers_and_words() {
    let text = |mode| {
        format!(
            "[connection]\ninterface-name=eth0\n[sriov]\neswitch-mode={mode}\ntotal-vfs=2\npreserve-on-down=1\n"
        )
    };
    for (mode, meant) in [
        ("-1", None),
        ("0", Some(EswitchMode::Legacy)),
        ("1", Some(EswitchMode::Switchdev)),
        ("switchdev", Some(EswitchMode::Switchdev)),
    ] {
        let imported = read("networkmanager", "a.nmconnection", &text(mode));
        assert_eq!(imported.declared.pfs[0].eswitch, meant, "{mode}");
        assert!(imported.faults.is_empty() && imported.lost.is_empty(), "{:?}", imported.lost);
    }
    assert!(!read("networkmanager", "a.nmconnection", &text("2")).faults.is_empty());
    let format = FORMATS.iter().find(|format| format.name == "networkmanager").unwrap();
    let machine = machine();
    let old = Terms { machine: Some(&machine), version: Some(Version(1, 42)) };
    let exported = export(format, &example(), &old);
    assert!(!exported.files[0].1.contains("eswitch-mode"));
    assert!(
        exported.lost.iter().any(|lost| lost.what.contains("`eswitch`")),
        "{:?}",
        exported.lost
    );
}

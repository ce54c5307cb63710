//! The ways to a device, compared on recorded hosts and on hosts made of them by hand.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::Value;
use support::made_host::{CARD, Iommu, MadeHost};
use support::{Ran, all_hosts, finish, on, recorded, run, virtfn, xml};
use tempfile::TempDir;

/// What a recorded host's own recording does not have: its routes, what the PF's driver tells, which
/// modules there are, the mode of the card's switch.
struct Whole {
    folder: TempDir,
}

const NET: &str = "sys/bus/pci/devices/0000:01:00.0/net/enp1s0";
const KERNEL: &str = "lib/modules/6.12";

impl Whole {
    fn of(host: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let packed = std::fs::File::open(recorded(host)).unwrap();
        let plain = ruzstd::decoding::StreamingDecoder::new(packed).unwrap();
        tar::Archive::new(plain).unpack(folder.path()).unwrap();
        let whole = Self { folder };
        let settings = |mac: &str, vlan: u16, rate: u32| {
            format!(
                "{{\"mac\":\"{mac}\",\"vlan\":{vlan},\"qos\":0,\"proto\":\"802.1Q\",\"spoofchk\":\"on\",\
                 \"trust\":\"off\",\"link\":\"auto\",\"min_rate\":0,\"max_rate\":{rate}}}"
            )
        };
        let vfs = [
            settings("52:54:00:6d:90:02", 42, 0),
            settings("00:00:00:00:00:00", 0, 100),
            settings("00:00:00:00:00:00", 0, 0),
        ];
        let [a, b, c] = vfs;
        let route = "Iface\tDestination\tGateway\tFlags\nens9\t00000000\t0202000A\t0003\n";
        whole
            .with("virtfn/sharing-modules.json", "[\"bridge\",\"macvtap\",\"tun\",\"vhost_net\"]")
            .with(
                "virtfn/vfs-0000:01:00.0.json",
                &format!("{{\"vfs\":{{\"0\":{a},\"1\":{b},\"2\":{c}}},\"count\":3}}"),
            )
            .with("virtfn/eswitch-0000:01:00.0.json", "null")
            .with("virtfn/firmware-vfs-0000:01:00.0.json", "null")
            .with("proc/net/route", route)
            .with("proc/sys/kernel/osrelease", "6.12\n")
            .with(
                &format!("{KERNEL}/modules.alias"),
                "alias pci:v00008086d000010CAsv*sd*bc*sc*i* igbvf\n",
            )
            .with(&format!("{KERNEL}/modules.dep"), "kernel/drivers/vfio/pci/vfio-pci.ko:\n")
    }

    /// The same with a file.
    fn with(self, path: &str, text: &str) -> Self {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn compare(&self, words: &[&str]) -> Ran {
        let root = self.folder.path().to_str().unwrap();
        run(&[&["compare"], words, &["--root", root]].concat())
    }

    fn json(&self, device: &str) -> Value {
        serde_json::from_str(&self.compare(&[device, "--json"]).out).unwrap()
    }
}

fn told(ran: Ran) -> String {
    assert_eq!(ran.err, "");
    format!("{}exit {}\n", ran.out, ran.code.unwrap())
}

/// The mark and the words of one way's answer.
fn cell(document: &Value, question: &str, way: &str) -> (Option<String>, String) {
    let rows = document["questions"].as_array().unwrap();
    let row = rows.iter().find(|row| row["question"] == question).unwrap();
    let cells = row["cells"].as_array().unwrap();
    let cell = cells.iter().find(|cell| cell["way"] == way).unwrap();
    let mark = cell["mark"].as_str().map(str::to_owned);
    (mark, cell["text"].as_str().unwrap().to_owned())
}

fn today(document: &Value) -> Vec<&str> {
    document["ways"].as_array().unwrap().iter().map(|way| way["today"].as_str().unwrap()).collect()
}

/// The rules that stand in a way.
fn rules(document: &Value, way: usize) -> Vec<&str> {
    let reasons = document["ways"][way]["reasons"].as_array().unwrap();
    reasons.iter().filter_map(|reason| reason["rule"].as_str()).collect()
}

#[test]
fn a_card_on_a_healthy_host() {
    let host = Whole::of("intel-default");
    insta::assert_snapshot!("compare-healthy", told(host.compare(&["01:00.0"])));
    insta::assert_snapshot!("compare-verbose", told(host.compare(&["enp1s0/1", "-v"])));
}

#[test]
fn hosts_on_which_something_stands_in_the_way() {
    for (name, device) in [
        ("noiommu", "01:00.0"),
        ("intel-switch", "03:00.0/1"),
        ("intel-pci-bridge", "03:02.0"),
        ("intel-default", "02:00.0"),
    ] {
        let ran = on(name, &["compare", device]);
        insta::assert_snapshot!(format!("compare-{name}"), told(ran));
    }
}

/// One cause is told with doctor's rule, and of both ways that it bars.
#[test]
fn doctors_rules_say_what_stands_in_the_way() {
    for (name, device, whole, vf) in [
        ("noiommu", "01:00.0", "iommu-absent-in-firmware", "iommu-absent-in-firmware"),
        ("intel-off", "01:00.0", "iommu-off-in-kernel", "iommu-off-in-kernel"),
        ("intel-noremap", "01:00.0", "interrupt-remapping-off", "interrupt-remapping-off"),
        ("intel-rp-noacs", "01:00.0", "acs-missing-on-path", "acs-missing-on-path"),
        ("intel-pci-bridge", "03:02.0", "no-flr", ""),
    ] {
        let document = Whole::of(name).json(device);
        assert!(rules(&document, 0).contains(&whole), "{name}: {document:#}");
        if vf.is_empty() {
            assert_eq!(today(&document)[1], "does-not-apply", "{name}");
        } else {
            assert!(rules(&document, 1).contains(&vf), "{name}: {document:#}");
        }
        assert_eq!(today(&document)[0], "no", "{name}");
    }
}

/// An address, a route, a bridge: what each of them does to each way.
#[test]
fn what_the_host_has_on_its_interface_counts() {
    let route = "Iface\tDestination\nenp1s0\t00000000\n";
    let host = Whole::of("intel-default").with("proc/net/route", route);
    let document = host.json("01:00.0");
    assert_eq!(today(&document), ["partly", "yes", "yes", "partly"], "{document:#}");
    let text = host.compare(&["01:00.0"]).out;
    assert!(text.contains("its default route goes through enp1s0"), "{text}");

    // A port of a bridge has no packets left for macvtap.
    let host = Whole::of("intel-default");
    let net = host.folder.path().join(NET);
    std::os::unix::fs::symlink("../../../../../virtual/net/br0", net.join("master")).unwrap();
    let host = host.with("sys/devices/virtual/net/br0/uevent", "DEVTYPE=bridge\n");
    let document = host.json("01:00.0");
    assert_eq!(today(&document)[2], "no", "{document:#}");
    assert_eq!(cell(&document, "today", "virtio").0.unwrap(), "yes", "{document:#}");
    assert_eq!(cell(&document, "switched", "virtio").1, "in the kernel: bridge br0");
    assert!(rules(&document, 1).contains(&"pf-on-bridge"), "{document:#}");
}

#[test]
fn modules_that_are_missing_are_no_and_those_not_seen_unknown() {
    let modules = "virtfn/sharing-modules.json";
    for (list, macvtap, virtio) in [
        ("[\"bridge\",\"macvtap\",\"tun\",\"vhost_net\"]", "yes", "yes"),
        ("[\"bridge\",\"tun\",\"vhost_net\"]", "no", "yes"),
        ("[\"openvswitch\",\"tun\",\"macvtap\"]", "partly", "partly"),
        ("[\"macvtap\",\"tun\",\"vhost_net\"]", "yes", "no"),
        ("[]", "no", "no"),
    ] {
        let document = Whole::of("intel-default").with(modules, list).json("01:00.0");
        assert_eq!(today(&document)[2..], [macvtap, virtio], "{list}");
    }
    let host = Whole::of("intel-default");
    std::fs::remove_file(host.folder.path().join(modules)).unwrap();
    assert_eq!(today(&host.json("01:00.0"))[2..], ["unknown", "unknown"]);
    assert_eq!(host.compare(&["01:00.0"]).code, Some(5));
}

/// What of a VF the host decides on is what this PF's driver tells.
#[test]
fn a_vfs_settings_are_those_that_its_driver_has() {
    let host = Whole::of("intel-default");
    let document = host.json("01:00.0");
    let vf = |question| cell(&document, question, "vf");
    let yes = |text: &str| (Some("yes".to_owned()), text.to_owned());
    assert_eq!(vf("mac"), yes("PF sets it: 1 of 3 VFs"));
    assert_eq!(vf("vlan"), yes("PF tags it: 1 of 3 VFs"));
    assert_eq!(vf("spoof-check"), yes("PF checks: 3 of 3 VFs"));
    assert_eq!(vf("rate"), yes("PF caps it: 1 of 3 VFs"));
    // The kernel tells a link of every VF; igb cannot set it.
    assert_eq!(vf("link").0.unwrap(), "no");
    let one = host.json("01:00.0/0");
    assert_eq!(cell(&one, "vlan", "vf"), yes("PF tags it: 42"));
    assert_eq!(one["device"]["vf"]["asked"], true);
    // A driver that has no spoof check is not taken for one that has it off.
    let told = "{\"vfs\":{\"0\":{\"mac\":\"52:54:00:6d:90:02\"}},\"count\":1}";
    let host = host.with("virtfn/vfs-0000:01:00.0.json", told);
    let document = host.json("01:00.0");
    assert_eq!(cell(&document, "spoof-check", "vf").0.unwrap(), "no");
    // Nor is a list that was cut short taken for the whole.
    assert_eq!(cell(&document, "mac", "vf").1, "PF sets it: 1 of 1 VF told");
    assert_eq!(document["unseen"].as_array().unwrap().len(), 2, "{document:#}");
}

/// A VFIO driver made for the device is what lets a guest move with it.
#[test]
fn what_migrates_depends_on_the_drivers_that_fit() {
    let host = Whole::of("intel-default");
    assert_eq!(cell(&host.json("01:00.0"), "migrates", "vf").0.unwrap(), "no");
    let variant = "alias vfio_pci:v00008086d000010CAsv*sd*bc*sc*i* igb_vfio_pci\n";
    let host = host.with(&format!("{KERNEL}/modules.alias"), variant);
    let document = host.json("01:00.0");
    assert_eq!(cell(&document, "migrates", "vf").0.unwrap(), "partly");
    assert!(cell(&document, "migrates", "vf").1.contains("igb_vfio_pci"));
    assert_eq!(cell(&document, "migrates", "whole").0.unwrap(), "no");
}

#[test]
fn a_card_in_switchdev_mode_is_switched_by_the_hosts_rules() {
    let host = MadeHost::arm(Iommu::Translating);
    host.write(&format!("virtfn/eswitch-{CARD}.json"), "\"switchdev\"");
    let ran = run(&["compare", CARD, "--json", "--root", host.path()]);
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    let (_, place) = cell(&document, "switched", "vf");
    assert!(place.contains("by the host's rules at 0 representors"), "{place}");
    assert_eq!(cell(&document, "vlan", "vf").1, "a bridge's, at its representor");
    // Its rates are devlink's, of which this recording has none.
    assert_eq!(cell(&document, "rate", "vf").0.unwrap(), "unknown");
}

/// Neither a drive nor a display has an interface to share; a drive has its blocks.
#[test]
fn a_device_that_is_no_network_card_has_the_ways_that_it_has() {
    let class = "sys/bus/pci/devices/0000:02:00.0/class";
    let drive = Whole::of("intel-default").with(class, "0x010802\n");
    let document = drive.json("02:00.0");
    assert_eq!(today(&document), ["partly", "does-not-apply", "does-not-apply", "yes"]);
    assert_eq!(cell(&document, "mac", "virtio").0.unwrap(), "does-not-apply");
    insta::assert_snapshot!("compare-drive", told(drive.compare(&["02:00.0"])));
    let display = Whole::of("intel-default").with(class, "0x030000\n").json("02:00.0");
    assert_eq!(today(&display)[1..], ["does-not-apply"; 3]);
    let port = Whole::of("intel-default").json("00:01.0");
    assert_eq!(today(&port), ["no", "does-not-apply", "does-not-apply", "does-not-apply"]);
}

/// Without root 64 bytes of config space are to be seen: that proves nothing, and is said.
#[test]
fn what_only_root_sees_is_unknown_without() {
    let host = Whole::of("intel-default");
    for entry in std::fs::read_dir(host.folder.path().join("sys/bus/pci/devices")).unwrap() {
        let config = entry.unwrap().path().join("config");
        let bytes = std::fs::read(&config).unwrap();
        std::fs::write(&config, &bytes[..64]).unwrap();
    }
    let ran = host.compare(&["01:00.0"]);
    assert_eq!(ran.code, Some(5), "{}", ran.out);
    let document = host.json("01:00.0");
    for (question, way) in [("interrupts", "whole"), ("interrupts", "vf"), ("peers", "vf")] {
        assert_eq!(cell(&document, question, way).0.unwrap(), "unknown", "{question} {way}");
    }
    assert_eq!(today(&document)[..2], ["unknown", "unknown"]);
    insta::assert_snapshot!("compare-without-root", ran.out);
}

/// Every recorded card, and a VF of each, in text of a page's width, and drawn.
#[test]
fn every_recorded_function_can_be_compared() {
    let folder = TempDir::new().unwrap();
    let page = folder.path().join("page.html");
    for host in all_hosts() {
        let list: Value = serde_json::from_str(&on(&host, &["list", "--json"]).out).unwrap();
        let all = list["functions"].as_array().unwrap().iter();
        for function in all.filter(|one| one["vf_index"].as_u64().is_none_or(|n| n == 0)) {
            let device = function["address"].as_str().unwrap();
            let ran = on(&host, &["compare", device]);
            assert_eq!((ran.err.as_str(), ran.code), ("", Some(5)), "{host} {device}");
            let widest = ran.out.lines().max_by_key(|line| line.chars().count()).unwrap();
            assert!(widest.chars().count() <= 100, "{host} {device}: {widest}");
            assert!(!ran.out.contains('…') && ran.out.starts_with("Today "), "{}", ran.out);
        }
        let ran = on(&host, &["compare", "enp1s0", "--html", page.to_str().unwrap()]);
        if ran.code == Some(5) {
            well_formed(&std::fs::read_to_string(&page).unwrap());
        }
    }
}

/// A page is well-formed and needs nothing from elsewhere.
fn well_formed(page: &str) {
    let body = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    let own = body.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for foreign in ["http:", "https:", "url(", "@import", "src=", "href=", "<script", "onload"] {
        assert!(!own.contains(foreign), "{foreign}");
    }
    let names = xml::elements(body).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(names.iter().filter(|name| *name == "g").count() >= 12, "boxes of four ways");
}

#[test]
fn a_reader_without_unicode_gets_words() {
    let mut command = virtfn();
    command.env("LC_ALL", "C").args(["compare", "01:00.0", "--root"]);
    let ran = finish(command.arg(recorded("noiommu")).output().unwrap());
    assert!(ran.out.is_ascii(), "{}", ran.out);
    assert!(ran.out.contains("no iommu-absent-in-") && ran.out.contains("ok none"), "{}", ran.out);
    let widest = ran.out.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 100, "{widest}");
}

/// A terminal without room for four columns has them one below the other.
#[test]
fn a_narrow_terminal_gets_no_table() {
    let root = virtfn_kernel::SysRoot::open(&recorded("intel-default")).unwrap();
    let host = virtfn_observe::host(&root, &virtfn_observe::Look::everything()).unwrap();
    let function = host.function(CARD.parse().unwrap()).unwrap();
    let comparison = virtfn_render::compare::Comparison::of(&host, function, &[]);
    let page = virtfn_render::Page { symbols: virtfn_render::Symbols::Unicode, width: Some(60) };
    let text = comparison.text(page, virtfn_render::compare::Detail::Brief);
    let text = anstream::adapter::strip_str(&text).to_string();
    let table = text.split("What stands in the way").next().unwrap();
    let blocks = table.lines().skip_while(|line| !line.contains("today"));
    let widest = blocks.map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 60 && !table.contains("WHOLE DEVICE"), "{table}");
}

#[test]
fn a_device_that_is_not_here_is_an_error() {
    let ran = on("intel-default", &["compare", "01:00.1"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("error: 01:00.1: there is no such PCI function"), "{}", ran.err);
}

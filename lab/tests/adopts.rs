//! `virtfn adopt` takes a PF over from the others that lay it down: what they had is the policy's,
//! their files say it no more, and all else in these stays.

use virtfn_lab::{self as lab, Guest};

const PF: &str = "0b:00.0";
const POLICY: &str = "/etc/virtfn/policy.yaml";

/// The others' files: what is said of the PF, and what it has to be afterwards; nothing: gone.
const OTHERS: [(&str, &str, Option<&str>); 4] = [
    (
        "/etc/systemd/network/10-pf.link",
        "[Match]\nPath=pci-0000:0b:00.0\n\n[Link]\nMTUBytes=9000\nSR-IOVVirtualFunctions=3\n\n\
         [SR-IOV]\nVirtualFunction=0\nMACAddress=52:54:00:6d:90:02\nVLANId=42\n",
        Some(
            "[Match]\nPath=pci-0000:0b:00.0\n\n[Link]\nMTUBytes=9000\n#SR-IOVVirtualFunctions=3\n\n\
             #[SR-IOV]\n#VirtualFunction=0\n#MACAddress=52:54:00:6d:90:02\n#VLANId=42\n",
        ),
    ),
    (
        "/etc/netplan/50-vfs.yaml",
        "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n      virtual-function-count: 3\n",
        Some(
            "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n#      virtual-function-count: 3\n",
        ),
    ),
    (
        "/etc/modprobe.d/igb.conf",
        "# two\noptions igb max_vfs=3 debug=1\n",
        Some("# two\noptions igb debug=1\n"),
    ),
    ("/etc/driverctl.d/pci-0000:0b:10.0", "vfio-pci\n", None),
];

fn lay_down(guest: &Guest) {
    for (path, text, _) in OTHERS {
        let (folder, _) = path.rsplit_once('/').unwrap();
        guest.ok(&format!("mkdir -p {folder} && printf '{text}' > {path}"));
    }
}

fn assert_untouched(guest: &Guest) {
    for (path, text, _) in OTHERS {
        assert_eq!(guest.ok(&format!("cat {path}")), text, "{path}");
    }
    guest.run(&format!("ls {POLICY}")).exits(1);
}

#[test]
fn a_port_with_four_owners_is_taken_over_once() {
    let seed = lab::fresh("seed");
    // driverctl names a VF, so that there is one.
    seed.ok(&format!("virtfn create {PF} --vfs 3"));
    lay_down(&seed);
    let own = "version: 1\npfs:\n- match: { pci: \"0000:0b:00.0\" }\n  vfs: 3\n  defaults: { driver: vfio }\n";
    seed.ok(&format!("printf '{own}' > /run/policy.yaml"));
    let refused = seed.run("virtfn apply -f /run/policy.yaml");
    refused.exits(3).says("virtfn adopt");
    for place in ["10-pf.link:6", "50-vfs.yaml:6", "igb.conf:2", "pci-0000:0b:10.0"] {
        refused.says(place);
    }

    // One option of the driver is about both of its ports.
    seed.run(&format!("virtfn adopt {PF}")).exits(3).says("adopt both in one command");
    let both = format!("virtfn adopt {PF} 0b:00.1");
    let shown = seed.run(&format!("{both} --dry-run"));
    shown.exits(0).says("- SR-IOVVirtualFunctions=3").says("vlan: 42").says(".virtfn-saved~");
    assert_untouched(&seed);

    seed.run(&both).exits(0);
    for (path, text, after) in OTHERS {
        assert_eq!(seed.ok(&format!("cat {path}.virtfn-saved~")), text, "{path}");
        match after {
            Some(after) => assert_eq!(seed.ok(&format!("cat {path}")), after, "{path}"),
            None => drop(seed.run(&format!("ls {path}")).exits(1)),
        }
    }
    // The policy has what they had, and is alone.
    let policy = seed.ok(&format!("cat {POLICY}"));
    for part in ["vfs: 3", "52:54:00:6d:90:02", "vlan: 42", "vfio-pci"] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    seed.run("virtfn apply").exits(0);
    seed.run("virtfn status").exits(0);
    assert_eq!(seed.driver("0b:10.0").as_deref(), Some("vfio-pci"));
    let link = seed.json("ip -json link show dev eth0");
    assert_eq!(link[0]["vfinfo_list"][0]["vlan_list"][0]["vlan"], 42, "{link}");
    assert_eq!(seed.vfs("0b:00.1"), 3, "the option was about this one too");

    // A second time there is nobody to take it over from.
    let before = seed.ok("cd /etc && find . -type f | sort | xargs sha256sum");
    seed.run(&both).exits(0);
    assert_eq!(seed.ok("cd /etc && find . -type f | sort | xargs sha256sum"), before);
}

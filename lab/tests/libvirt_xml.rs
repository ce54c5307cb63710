//! libvirt is the oracle for XML: its schemas take what virtfn writes, and its own view of a device is
//! virtfn's to the byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use virtfn_lab::packages::PEERS;
use virtfn_lab::{self as lab, Guest, programs};

const HOSTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/hosts");

/// virtfn on a recorded host; what it could not see is no failure here.
fn virtfn(host: &Path, words: &[&str]) -> String {
    let program = std::env::var_os("VIRTFN_LAB_VIRTFN").unwrap();
    let output = Command::new(program).args(words).arg("--root").arg(host).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 5)), "{words:?} on {}: {told}", host.display());
    String::from_utf8(output.stdout).unwrap()
}

/// What a recorded host's PFs and VFs are written as: files for each schema.
struct Written {
    folder: tempfile::TempDir,
    count: usize,
}

impl Written {
    fn put(&mut self, schema: &str, text: &str) {
        let folder = self.folder.path().join(schema);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{}.xml", self.count)), text).unwrap();
        self.count += 1;
    }

    /// A device as a part of the least domain that there is.
    fn put_device(&mut self, device: &str) {
        let domain = format!(
            "<domain type='kvm'><name>a</name><memory>1</memory><os><type>hvm</type></os>\
             <devices>{device}</devices></domain>"
        );
        self.put("domain", &domain);
    }

    fn files(&self, schema: &str) -> Vec<PathBuf> {
        let files = fs::read_dir(self.folder.path().join(schema)).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    }
}

#[test]
fn libvirts_schemas_take_what_is_written() {
    let schemas = PEERS.root().unwrap().join("usr/share/libvirt/schemas");
    let xmllint = programs::need("xmllint").unwrap();
    let mut written = Written { folder: tempfile::tempdir().unwrap(), count: 0 };
    for host in fs::read_dir(HOSTS).unwrap() {
        write_all(&host.unwrap().path(), &mut written);
    }
    for schema in ["nodedev", "network", "domain"] {
        let files = written.files(schema);
        assert!(files.len() >= 10, "{schema}: {files:?}");
        println!("{schema}: {} documents", files.len());
        let mut command = Command::new(&xmllint);
        command.args(["--noout", "--relaxng"]).arg(schemas.join(format!("{schema}.rng")));
        let output = command.args(&files).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    // The schema does refuse.
    written.put_device("<hostdev mode='subsystem' type='pci'><source/></hostdev>");
    let mut command = Command::new(&xmllint);
    command.args(["--noout", "--relaxng"]).arg(schemas.join("domain.rng"));
    assert!(!command.args(written.files("domain")).output().unwrap().status.success());
}

fn write_all(host: &Path, written: &mut Written) {
    let list: Value = serde_json::from_str(&virtfn(host, &["list", "--json"])).unwrap();
    for function in list["functions"].as_array().unwrap() {
        let address = function["address"].as_str().unwrap();
        written.put("nodedev", &virtfn(host, &["xml", "nodedev", address]));
        written.put_device(&virtfn(host, &["xml", "hostdev", address]));
        if function["kind"] == "vf" {
            for settings in [
                &[][..],
                &["--mac", "52:54:00:6d:90:02", "--vlan", "42", "--teaming", "ua-net0"],
                &["--virtualport", "802.1Qbh", "--profile", "finance"],
            ] {
                let words = [&["xml", "interface", address][..], settings].concat();
                written.put_device(&virtfn(host, &words));
            }
        } else {
            written.put("network", &virtfn(host, &["xml", "network", address]));
        }
    }
    let bridge = virtfn(host, &["list", "--all", "--json"]);
    let all: Value = serde_json::from_str(&bridge).unwrap();
    let bridges = all["functions"].as_array().unwrap().iter();
    for bridge in bridges.filter(|function| function["class"] == 0x06_0400).take(2) {
        let address = bridge["address"].as_str().unwrap();
        written.put("nodedev", &virtfn(host, &["xml", "nodedev", address]));
    }
}

#[test]
fn a_nodedev_is_libvirts_own_to_the_byte() {
    if !lab::thoroughly() {
        return; // The sample holds a PF and a VF beside it where a guest gets one (vms).
    }
    let seed = lab::boot_system("seed");
    seed.ok("systemctl start libvirtd");
    seed.eventually("virsh nodedev-list --cap pci | grep -q pci_0000_0b_00_0");
    // A PF without VFs, another, a bridge, a function of a group of its own, one of several's.
    let all = seed.ok("cd /sys/bus/pci/devices && ls");
    for address in all.lines() {
        assert_is_libvirts(&seed, address);
    }
    seed.ok("virtfn create 0b:00.0 --vfs 7");
    for address in ["0000:0b:00.0", "0000:0b:10.0", "0000:0b:11.4"] {
        seed.eventually(&format!("virsh nodedev-dumpxml {}", libvirt_name(address)));
        assert_is_libvirts(&seed, address);
    }
    seed.ok("virtfn bind 0b:10.0 vfio-pci");
    assert_is_libvirts(&seed, "0000:0b:10.0");
}

fn libvirt_name(address: &str) -> String {
    format!("pci_{}", address.replace([':', '.'], "_"))
}

#[track_caller]
pub(crate) fn assert_is_libvirts(guest: &Guest, address: &str) {
    let own = guest.ok(&format!("virtfn xml nodedev {address}"));
    let libvirts = guest.ok(&format!("virsh nodedev-dumpxml {}", libvirt_name(address)));
    // virsh adds an empty line.
    assert_eq!(own.trim_end(), members_in_order(libvirts.trim_end()));
}

/// libvirt prints a group's members as the kernel's folder has them, which is in no order.
fn members_in_order(xml: &str) -> String {
    let lines: Vec<&str> = xml.lines().collect();
    let at = |tag: &str| lines.iter().position(|line| line.trim_start().starts_with(tag));
    let (Some(start), Some(end)) = (at("<iommuGroup"), at("</iommuGroup")) else {
        return xml.to_owned();
    };
    let mut lines = lines;
    lines[start + 1..end].sort_unstable();
    lines.join("\n")
}

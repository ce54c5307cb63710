//! A large host, made up: PFs with 256 VFs each, as a recording in a folder.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

const VFS: u16 = 256;
/// A PF and its VFs.
pub const FUNCTIONS_PER_PF: usize = 1 + VFS as usize;
/// As an 82599 has it, so that 256 VFs take a bus and a half.
const FIRST_VF_OFFSET: u16 = 0x80;

/// Writes a host of `pfs` PFs and their VFs below `root`: every second VF has an interface, the
/// others are VFIO's.
pub fn write(root: &Path, pfs: u16) -> io::Result<()> {
    let mut host = BigHost { root, links: Vec::new(), group: 0 };
    fs::create_dir_all(root.join("sys/bus/pci/devices"))?;
    fs::create_dir_all(root.join("sys/class/iommu"))?;
    for driver in ["ixgbe", "ixgbevf", "vfio-pci"] {
        fs::create_dir_all(root.join("sys/bus/pci/drivers").join(driver))?;
    }
    for pf in 0..pfs {
        host.write_pf(pf)?;
    }
    host.write("proc/cmdline", "BOOT_IMAGE=/vmlinuz intel_iommu=on\n")?;
    host.write("virtfn/open-nodes.json", &json!({ "nodes": [], "complete": true }).to_string())?;
    let links = Value::Array(std::mem::take(&mut host.links)).to_string();
    host.write("virtfn/links.json", &links)
}

struct BigHost<'a> {
    root: &'a Path,
    links: Vec<Value>,
    group: u32,
}

impl BigHost<'_> {
    fn write_pf(&mut self, number: u16) -> io::Result<()> {
        // Four buses each: a domain holds 64 PFs.
        let (domain, bus) = (number / 64, number % 64 * 4);
        let pf = place(domain, bus << 8);
        let folder = format!("sys/devices/pci{domain:04x}:{bus:02x}/{pf}");
        self.write_function(&folder, &pf, "0x10fb", "ixgbe")?;
        self.write_netdev(&folder, &pf, &format!("eth{number}"))?;
        self.write(&format!("{folder}/sriov_totalvfs"), "256\n")?;
        self.write(&format!("{folder}/sriov_numvfs"), "256\n")?;
        self.write(&format!("{folder}/sriov_drivers_autoprobe"), "1\n")?;
        self.write(&format!("{folder}/sriov_vf_device"), "10ed\n")?;
        let mut admin = serde_json::Map::new();
        for index in 0..VFS {
            let vf = place(domain, (bus << 8) + FIRST_VF_OFFSET + index);
            self.write_vf(&folder, &pf, index, &vf)?;
            admin.insert(index.to_string(), json!({ "mac": mac(number, index + 1), "vlan": 0 }));
        }
        let list = json!({ "vfs": admin, "count": VFS }).to_string();
        self.write(&format!("virtfn/vfs-{pf}.json"), &list)
    }

    fn write_vf(&mut self, pf_folder: &str, pf: &str, index: u16, vf: &str) -> io::Result<()> {
        let bus = pf_folder.rsplit_once('/').map_or(pf_folder, |(bus, _)| bus);
        let folder = format!("{bus}/{vf}");
        let with_netdev = index.is_multiple_of(2);
        let driver = if with_netdev { "ixgbevf" } else { "vfio-pci" };
        self.write_function(&folder, vf, "0x10ed", driver)?;
        self.link(&format!("{folder}/physfn"), &format!("../{pf}"))?;
        self.link(&format!("{pf_folder}/virtfn{index}"), &format!("../{vf}"))?;
        if with_netdev {
            self.write_netdev(&folder, vf, &format!("v{}", self.links.len()))?;
        }
        Ok(())
    }

    fn write_function(
        &mut self,
        folder: &str,
        address: &str,
        device: &str,
        driver: &str,
    ) -> io::Result<()> {
        for (name, value) in [
            ("vendor", "0x8086\n"),
            ("device", device),
            ("class", "0x020000\n"),
            ("numa_node", "0\n"),
            ("driver_override", "(null)\n"),
            ("reset_method", "flr\n"),
        ] {
            self.write(&format!("{folder}/{name}"), value)?;
        }
        let bytes = config(device);
        fs::write(self.root.join(folder).join("config"), bytes)?;
        let resource = "0x0000000000000000 0x0000000000000000 0x0000000000000000\n".repeat(13);
        self.write(&format!("{folder}/resource"), &resource)?;
        self.link(&format!("{folder}/driver"), &format!("../../../bus/pci/drivers/{driver}"))?;
        let group = self.group;
        self.group += 1;
        self.link(
            &format!("{folder}/iommu_group"),
            &format!("../../../kernel/iommu_groups/{group}"),
        )?;
        self.link(&format!("{folder}/iommu"), "../../virtual/iommu/dmar0")?;
        self.write(&format!("sys/kernel/iommu_groups/{group}/type"), "DMA\n")?;
        self.link(&format!("sys/bus/pci/devices/{address}"), &format!("../../../../{folder}"))
    }

    fn write_netdev(&mut self, folder: &str, address: &str, name: &str) -> io::Result<()> {
        let ifindex = self.links.len() + 1;
        self.write(&format!("{folder}/net/{name}/addr_assign_type"), "0\n")?;
        self.write(&format!("{folder}/net/{name}/speed"), "10000\n")?;
        self.links.push(json!({
            "name": name, "ifindex": ifindex, "function": address,
            "mac": mac(0xffff, u16::try_from(ifindex).unwrap_or(0)),
            "permanent_mac": null, "random_mac": null, "up": true, "carrier": true,
            "speed_mbps": null, "mtu": 1500, "master": null, "addresses": [],
        }));
        Ok(())
    }

    fn write(&self, path: &str, value: &str) -> io::Result<()> {
        let path = self.root.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, value)
    }

    fn link(&self, path: &str, target: &str) -> io::Result<()> {
        symlink(target, self.root.join(path))
    }
}

fn place(domain: u16, routing_id: u16) -> String {
    let [bus, devfn] = routing_id.to_be_bytes();
    format!("{domain:04x}:{bus:02x}:{:02x}.{}", devfn >> 3, devfn & 7)
}

fn mac(pf: u16, index: u16) -> String {
    let ([a, b], [c, d]) = (pf.to_be_bytes(), index.to_be_bytes());
    format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// A header without capabilities: the ids, the class, nothing else.
fn config(device: &str) -> Vec<u8> {
    let mut bytes = vec![0; 256];
    let id = u16::from_str_radix(device.trim_start_matches("0x").trim(), 16).unwrap_or(0);
    bytes[0..2].copy_from_slice(&0x8086_u16.to_le_bytes());
    bytes[2..4].copy_from_slice(&id.to_le_bytes());
    bytes[0x0b] = 2;
    bytes
}

//! Recordings that somebody else made, with records of guests in them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use virtfn_host::{Holder, HolderKind};

use super::*;
use crate::{Facet, Look};

/// A PF with three VFs, which a VFIO driver has.
fn write_card(root: &Path) {
    let devices = root.join("sys/bus/pci/devices");
    fs::create_dir_all(&devices).unwrap();
    let bus = "sys/devices/pci0000:00/0000:00:01.0";
    let pf = format!("{bus}/0000:0b:00.0");
    for (index, vf) in ["0000:0b:10.0", "0000:0b:10.2", "0000:0b:10.4"].iter().enumerate() {
        let folder = root.join(bus).join(vf);
        write_function(root, &folder, "vfio-pci");
        symlink("../0000:0b:00.0", folder.join("physfn")).unwrap();
        fs::create_dir_all(root.join(&pf)).unwrap();
        symlink(format!("../{vf}"), root.join(&pf).join(format!("virtfn{index}"))).unwrap();
        symlink(format!("../../../../{bus}/{vf}"), devices.join(vf)).unwrap();
    }
    write_function(root, &root.join(&pf), "igb");
    fs::write(root.join(&pf).join("sriov_totalvfs"), "7\n").unwrap();
    fs::create_dir_all(root.join(&pf).join("net/eth0")).unwrap();
    symlink(format!("../../../../{pf}"), devices.join("0000:0b:00.0")).unwrap();
}

fn write_function(root: &Path, folder: &Path, driver: &str) {
    fs::create_dir_all(folder).unwrap();
    for (name, value) in [("vendor", "0x8086"), ("device", "0x10c9"), ("class", "0x020000")] {
        fs::write(folder.join(name), format!("{value}\n")).unwrap();
    }
    fs::create_dir_all(root.join("sys/bus/pci/drivers").join(driver)).unwrap();
    symlink(format!("../../../../bus/pci/drivers/{driver}"), folder.join("driver")).unwrap();
}

/// The card, with these files beside it, as a recording that somebody else made.
fn host(files: &[(&str, &str)]) -> Host {
    let folder = tempfile::tempdir().unwrap();
    write_card(folder.path());
    for (path, text) in files.iter().chain(&[("etc/hostname", "pve1\n")]) {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let root = SysRoot::open(folder.path()).unwrap();
    crate::host(&root, &Look::at(&[Facet::Holders, Facet::Guests])).unwrap()
}

fn guests(host: &Host) -> &Guests {
    host.guests.known().unwrap()
}

/// `NAME STATE: ADDRESSES; POOLS`.
fn told(host: &Host) -> Vec<String> {
    let line = |guest: &Guest| {
        let devices: Vec<String> = guest.devices.iter().map(|one| one.short()).collect();
        let pools: Vec<&str> = guest.pools.iter().map(String::as_str).collect();
        let (name, state) = (&guest.name, guest.state.word());
        format!("{name} {state}: {}; {}", devices.join(" "), pools.join(" "))
    };
    guests(host).found.iter().map(line).collect()
}

fn holders(host: &Host, address: &str) -> Vec<Holder> {
    let function = &host.functions[&address.parse::<Address>().unwrap()];
    function.holders.known().cloned().unwrap_or_default()
}

fn status(name: &str, pid: u32, devices: &str) -> String {
    format!(
        "<domstatus state='running' reason='booted' pid='{pid}'><domain type='kvm' id='1'>\
         <name>{name}</name><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>\
         {devices}</devices></domain></domstatus>"
    )
}

const FIRST: &str = "<interface type='hostdev' managed='yes'><source><address type='pci' \
    domain='0x0000' bus='0x0b' slot='0x10' function='0x0'/></source></interface>";
const OUT_OF_POOL: &str = "<interface type='network'><source network='vfpool'/>\
    <actual type='hostdev' managed='yes'><source><address type='pci' domain='0x0000' \
    bus='0x0b' slot='0x10' function='0x2'/></source></actual></interface>";
const POOLED: &str = "<domain><name>db</name><devices><interface type='network'>\
    <source network='vfpool'/></interface></devices></domain>";
const POOL: &str = "<network><name>vfpool</name><forward mode='hostdev' managed='yes'>\
    <pf dev='eth0'/></forward></network>";

#[test]
fn libvirts_guests_are_told_by_what_runs_and_by_what_is_defined() {
    let web = status("web", 812, FIRST);
    let mine = status("mine", 900, OUT_OF_POOL);
    let host = host(&[
        ("run/libvirt/qemu/web.xml", &web),
        ("run/libvirt/qemu/web.pid", "812"),
        ("run/user/1000/libvirt/qemu/run/mine.xml", &mine),
        ("etc/libvirt/qemu/db.xml", POOLED),
        ("etc/libvirt/qemu/plain.xml", "<domain><name>plain</name></domain>"),
        ("etc/libvirt/qemu/networks/vfpool.xml", POOL),
        (
            "etc/libvirt/qemu/networks/default.xml",
            "<network><name>default</name><forward mode='nat'/></network>",
        ),
    ]);
    assert_eq!(
        told(&host),
        ["web running: 0b:10.0; ", "mine running: 0b:10.2; vfpool", "db defined: ; vfpool"]
    );
    let pf = "0000:0b:00.0".parse().unwrap();
    let owed = guests(&host).by_pool();
    assert_eq!(owed[&pf].iter().map(|(guest, _)| &guest.name).collect::<Vec<_>>(), ["db"]);
    assert_eq!(guests(&host).unseen, []);
    // Nobody could look into processes: the record is what there is to go by.
    let [holder] = &holders(&host, "0000:0b:10.0")[..] else { panic!("not one holder") };
    assert_eq!((holder.kind, holder.pid), (HolderKind::Unseen, Some(812)));
    assert_eq!(holder.to_string(), "a process (pid 812), VM web, through libvirt's record");
    assert_eq!(holders(&host, "0000:0b:10.4"), []);
}

#[test]
fn a_record_without_its_process_is_no_guest() {
    let (web, db) = (status("web", 812, FIRST), status("db", 813, FIRST));
    let files = [
        ("run/libvirt/qemu/web.xml", web.as_str()),
        ("run/libvirt/qemu/db.xml", &db),
        ("proc/1/comm", "systemd\n"),
        ("proc/813/comm", "qemu-system-x86\n"),
    ];
    let host = host(&files);
    assert_eq!(told(&host), ["db running: 0b:10.0; "]);
    let [stale] = &guests(&host).stale[..] else { panic!("not one") };
    assert_eq!((stale.name.as_str(), stale.pid, &stale.now), ("web", 812, &None));
    assert_eq!(stale.path, "run/libvirt/qemu/web.xml");
}

#[test]
fn proxmoxs_guests_are_told_by_their_lines_and_reservations() {
    let host = host(&[
        (
            "run/qemu-server/pci-id-reservations",
            "0000:0b:10.0 100 pid:812\n0000:0b:10.2 101 time:1767225600\n",
        ),
        ("etc/pve/qemu-server/100.conf", "name: web\nhostpci0: 0000:0b:10.0,pcie=1\n"),
        ("etc/pve/qemu-server/101.conf", "hostpci0: mapping=vfs\n"),
        ("etc/pve/qemu-server/102.conf", "hostpci0: 0b:10.2;0b:10.4\nhostpci1: 0b:10\n"),
        ("etc/pve/qemu-server/103.conf", "net0: virtio\n"),
        (
            "etc/pve/mapping/pci.cfg",
            "vfs\n\tmap node=pve1,path=0000:0b:10.4\n\tmap node=pve2,path=0000:0b:10.0\n",
        ),
        ("proc/sys/kernel/hostname", "pve1\n"),
    ]);
    assert_eq!(
        told(&host),
        [
            "100 running: 0b:10.0; ",
            "101 starting: 0b:10.2; ",
            "100 defined: 0b:10.0; ",
            "101 defined: ; vfs",
            "102 defined: 0b:10.0 0b:10.2 0b:10.4; hostpci0 of VM 102",
        ]
    );
    let pools: Vec<_> = guests(&host).pools.iter().map(|pool| pool.name.as_str()).collect();
    assert_eq!(pools, ["hostpci0 of VM 102", "vfs"]);
    let [holder] = &holders(&host, "0000:0b:10.2")[..] else { panic!("not one holder") };
    let said = "a process to come, VM 101, through Proxmox VE's record";
    assert_eq!(holder.to_string(), said);
}

#[test]
fn what_is_no_record_is_said_to_be_unseen() {
    let host = host(&[("run/libvirt/qemu/web.xml", "<domst")]);
    assert_eq!(told(&host), Vec::<String>::new());
    assert_eq!(guests(&host).unseen[0].path, "run/libvirt/qemu/web.xml");
}

#[test]
fn a_host_without_guests_has_none() {
    let host = host(&[]);
    assert_eq!(host.guests, Seen::Known(Guests::default()));
}

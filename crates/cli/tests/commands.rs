//! Whole commands on recorded hosts, as a person sees them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Stdio;

use support::{all_hosts, errs, finish, hosts, on, recorded, run, virtfn, with_files};
use tempfile::TempDir;
use virtfn_host::Seen;

const HOSTS: [&str; 5] =
    ["amd-default", "intel-default", "intel-switch", "noiommu", "virtio-iommu"];

#[test]
fn what_the_commands_say_of_recorded_hosts() {
    for host in HOSTS {
        let mut told = String::new();
        for words in
            [&["list"][..], &["list", "--tree"], &["list", "--all"], &["groups"], &["doctor"]]
        {
            let ran = on(host, words);
            assert_eq!(ran.err, "", "{host}: {words:?}");
            told.push_str(&format!(
                "$ virtfn {}\n{}exit {}\n\n",
                words.join(" "),
                ran.out,
                ran.code.unwrap()
            ));
        }
        insta::assert_snapshot!(host, told);
    }
}

#[test]
fn a_pf_and_a_vf_in_full() {
    let told = ["01:00.0", "enp1s0/2"].map(|device| on("intel-default", &["show", device]).out);
    insta::assert_snapshot!("show", told.join("\n---\n\n"));
}

#[test]
fn the_answer_about_groups_comes_first() {
    for (host, words, first) in [
        (
            "intel-default",
            &["01:00.0", "02:00.0"][..],
            "Yes: 01:00.0 and 02:00.0 can go to different VMs: no two share a group.",
        ),
        ("intel-default", &["01:00.0"], "Yes: 01:00.0 is alone in IOMMU group "),
        (
            "intel-switch",
            &["03:00.0", "03:10.0"],
            "No: 03:00.0 and 03:10.0 can only go to the same VM. They share IOMMU group ",
        ),
        (
            "noiommu",
            &["01:00.0"],
            "No: 01:00.0 is not translated by an IOMMU, so there is no group.",
        ),
        (
            "intel-switch",
            &["03:00.0", "04:00.0"],
            "No: 03:00.0 and 04:00.0 can only go to the same VM. They are in different groups, and",
        ),
        (
            "intel-rp-noacs",
            &["01:00.0"],
            "No: 01:00.0 and its VFs can only go together: they share IOMMU group ",
        ),
        ("intel-off", &["--predict", "01:00.0"], "Yes: 01:00.0 is alone in a group."),
    ] {
        let ran = on(host, &[&["groups"], words].concat());
        assert!(ran.out.starts_with(first), "{host} {words:?}: {}", ran.out);
    }
}

#[test]
fn groups_are_explained_and_predicted() {
    let told = [
        on("intel-switch", &["groups", "03:00.0", "04:00.0"]),
        on("intel-off", &["groups", "--predict", "--vfs", "7", "01:00.0"]),
        on("noiommu", &["groups", "--predict"]),
    ];
    insta::assert_snapshot!("groups", told.map(|ran| ran.out).join("\n---\n\n"));
}

#[test]
fn vfs_that_cannot_be_are_not_supposed() {
    let too_many = on("intel-off", &["groups", "--predict", "--vfs", "9", "01:00.0"]);
    errs(&too_many, 1, &["01:00.0", "cannot have 9 VFs", "TotalVFs"]);
    let no_pf = on("intel-off", &["groups", "--predict", "--vfs", "2", "02:00.0"]);
    errs(&no_pf, 1, &["02:00.0", "is no PF"]);
    errs(&on("intel-off", &["groups", "--vfs", "2"]), 2, &["--predict"]);
}

#[test]
fn a_device_that_is_not_here_is_named_with_the_nearest() {
    for (device, says) in [
        (
            "01:00.1",
            &["error: 01:00.1: there is no such PCI function", "hint: nearest: ", "01:00.0"][..],
        ),
        ("enp1s1", &["error: enp1s1: no PCI address", "enp1s0"]),
        ("enp1s0/9", &["error: enp1s0/9: 01:00.0 has 3 VFs, and no VF 9", "01:00.0/0"]),
        (
            "01:10.0/0",
            &["error: 01:10.0: is VF 0 of 01:00.0, and a PF is meant", "nearest: 01:00.0"],
        ),
        ("00:01.0/0", &["error: 00:01.0: is no PF", "01:00.0"]),
        ("enp1s0/-1", &["`-1` is not a VF's index"]),
        ("enp1s0/99999999999999999999", &["is not a VF's index"]),
        ("\x1b[2J", &["error: "]),
    ] {
        errs(&on("intel-default", &["show", device]), 1, says);
    }
}

#[test]
fn a_command_line_that_makes_no_sense_is_usage() {
    for words in [&["lst"][..], &["show"], &["list", "--no-such"], &["completions", "tcl"], &[]] {
        let ran = run(words);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{words:?}");
        assert!(!ran.err.is_empty());
    }
    errs(&run(&["man", "no-such"]), 1, &["no-such: no man page", "hint: commands: "]);
}

#[test]
fn every_command_teaches_by_example() {
    let help = run(&["--help"]);
    assert_eq!(help.code, Some(0));
    let commands = help.out.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.contains(&"list") && commands.contains(&"man"), "{commands:?}");
    for command in commands {
        let help = run(&[command, "--help"]);
        assert_eq!(help.code, Some(0), "{command}");
        assert!(help.out.contains("Examples:\n  virtfn "), "{command}: {}", help.out);
        let page = run(&["man", command]);
        assert_eq!(page.code, Some(0), "{command}");
        assert!(
            page.out.contains(&format!(".TH VIRTFN-{}", command.to_uppercase())),
            "{}",
            page.out
        );
    }
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = run(&["completions", shell]);
        assert_eq!(ran.code, Some(0), "{shell}");
        assert!(ran.out.contains("virtfn") && ran.out.contains("groups"), "{shell}");
    }
}

#[test]
fn nothing_is_wider_than_a_page_and_nothing_is_cut() {
    for host in all_hosts() {
        for words in [&["list"][..], &["list", "--tree"], &["list", "--all"], &["groups"]] {
            let ran = on(&host, words);
            let widest = ran.out.lines().max_by_key(|line| line.chars().count()).unwrap();
            assert!(widest.chars().count() <= 100, "{host} {words:?}: {widest}");
            assert!(!ran.out.contains('…'), "{host} {words:?}");
        }
    }
}

#[test]
fn colour_and_symbols_are_the_readers_choice() {
    let host = recorded("intel-default");
    let list = |variables: &[(&str, &str)], words: &[&str]| {
        let mut command = virtfn();
        command.args(["list", "--tree", "--root"]).arg(&host).args(words);
        finish(command.envs(variables.iter().copied()).output().unwrap()).out
    };
    let is_coloured = |out: String| out.contains('\x1b');
    assert!(!is_coloured(list(&[], &[])));
    assert!(is_coloured(list(&[], &["--color", "always"])));
    assert!(is_coloured(list(&[("CLICOLOR_FORCE", "1")], &[])));
    assert!(!is_coloured(list(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &[])));
    assert!(!is_coloured(list(&[("CLICOLOR_FORCE", "1")], &["--color", "never"])));
    assert!(list(&[("LC_ALL", "en_GB.utf8")], &[]).contains('├'));
    for locale in ["C", "POSIX", "de_DE.ISO-8859-1"] {
        assert!(list(&[("LC_ALL", locale)], &[]).is_ascii(), "{locale}");
    }
}

#[test]
fn doctor_ends_as_it_judges() {
    for (host, code) in [("intel-default", 0), ("noiommu", 1), ("intel-switch", 1)] {
        assert_eq!(on(host, &["doctor"]).code, Some(code), "{host}");
    }
    let ascii = finish(
        virtfn()
            .env("LC_ALL", "C")
            .args(["doctor", "--root"])
            .arg(recorded("noiommu"))
            .output()
            .unwrap(),
    );
    assert!(
        ascii.out.contains("  FAIL    firmware") && ascii.out.contains("  ok      vfio"),
        "{}",
        ascii.out
    );
    errs(&on("noiommu", &["doctor", "--for", "gaming"]), 2, &["gaming", "vm, dpdk, container"]);
    errs(
        &run(&["explain", "acs"]),
        1,
        &["error: acs: there is no such rule", "acs-missing-on-path"],
    );
}

/// Whoever closes the pipe early gets no complaint, and the exit code stays true.
#[test]
fn a_reader_who_leaves_is_no_failure() {
    for (words, code) in
        [(&["list", "--all", "--json"][..], 5), (&["groups"], 0), (&["completions", "zsh"], 0)]
    {
        let mut command = virtfn();
        command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
        if words[0] != "completions" {
            command.arg("--root").arg(recorded("intel-default"));
        }
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let ran = finish(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (Some(code), ""), "{words:?}");
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = finish(virtfn().args(["completions", "bash"]).stdout(full).output().unwrap());
    errs(&ran, 1, &["error: standard output: cannot be written: No space left"]);
}

/// A recording of a recorded host says the same as the host, whatever is asked.
#[test]
fn a_recording_replays_every_command() {
    let folder = TempDir::new().unwrap();
    for host in HOSTS {
        let copy = folder.path().join(format!("{host}.tar.zst"));
        let copy = copy.to_str().unwrap();
        let made = on(host, &["record", copy]);
        assert!(matches!(made.code, Some(0 | 5)), "{host}: {}{}", made.out, made.err);
        let mut lines: Vec<Vec<String>> = [
            "list",
            "list --tree",
            "list --all",
            "list --json",
            "list --all --json",
            "groups",
            "groups --json",
            "topology",
            "topology --json",
            "doctor",
            "doctor -v",
            "doctor --json",
        ]
        .iter()
        .map(|line| line.split(' ').map(str::to_owned).collect())
        .collect();
        let list: serde_json::Value =
            serde_json::from_str(&on(host, &["list", "--json"]).out).unwrap();
        for function in list["functions"].as_array().unwrap() {
            let address = function["address"].as_str().unwrap();
            lines.push(vec!["show".into(), address.into(), "--json".into()]);
        }
        for line in lines {
            let words: Vec<&str> = line.iter().map(String::as_str).collect();
            let (there, here) = (on(host, &words), run(&[&words[..], &["--root", copy]].concat()));
            assert_eq!((there.code, there.out), (here.code, here.out), "{host}: {words:?}");
        }
    }
}

/// A recording of this very machine, whatever it is, has an answer to what no file of the kernel's
/// tells: who claims what, who looks after interfaces, what this process may do.
#[test]
fn a_recording_of_a_live_machine_carries_the_platform_and_the_claims() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("live.tar.zst");
    let made = run(&["record", file.to_str().unwrap()]);
    assert!(matches!(made.code, Some(0 | 5)), "{}{}", made.out, made.err);
    let root = virtfn_kernel::SysRoot::open(&file).unwrap();
    let host = virtfn_observe::host(&root, &virtfn_observe::Look::everything()).unwrap();
    assert_ne!(host.claims, Seen::Absent);
    let platform = &host.platform;
    assert!(platform.memlock.known().is_some(), "{:?}", platform.memlock);
    assert!(platform.memory_kib.known().is_some(), "{:?}", platform.memory_kib);
    let upkeep = &platform.upkeep;
    assert_ne!(upkeep.link_files, Seen::Absent);
    assert_ne!(upkeep.managers, Seen::Absent);
    assert_ne!(upkeep.vlans, Seen::Absent);
    assert_ne!(upkeep.hostdevs, Seen::Absent);
    assert_ne!(upkeep.vfio_nodes, Seen::Absent);
}

#[test]
fn a_masked_recording_gives_no_address_away() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("masked.tar.zst");
    let file = file.to_str().unwrap();
    let made = on("intel-default", &["record", file, "--mask"]);
    assert!(made.out.contains("Masked: ") && !made.out.contains("Masked: 0 MAC"), "{}", made.out);
    let macs = |out: &str| -> Vec<String> {
        let list: serde_json::Value = serde_json::from_str(out).unwrap();
        let functions = list["functions"].as_array().unwrap().iter();
        functions.filter_map(|function| function["mac"].as_str().map(str::to_owned)).collect()
    };
    let own = macs(&on("intel-default", &["list", "--json"]).out);
    let masked = macs(&run(&["list", "--json", "--root", file]).out);
    assert_eq!(own.len(), masked.len());
    assert!(own.len() >= 4 && masked.iter().all(|mac| mac.starts_with("02:00:")), "{masked:?}");
    let unpacked = unpack(file);
    for mac in own {
        assert!(!unpacked.contains(&mac), "{mac} is still in it");
    }
}

fn unpack(file: &str) -> String {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(file).unwrap();
    ruzstd::decoding::StreamingDecoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_recording_is_its_owners_and_replaces_nothing_unasked() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("host.tar.zst");
    let file = path.to_str().unwrap();
    assert!(matches!(on("noiommu", &["record", file]).code, Some(0 | 5)));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = std::fs::read(&path).unwrap();
    errs(
        &on("intel-default", &["record", file]),
        1,
        &["not written: it is there already", "--force"],
    );
    assert_eq!(std::fs::read(&path).unwrap(), kept);
    on("intel-default", &["record", file, "--force"]);
    assert_ne!(std::fs::read(&path).unwrap(), kept);
    let lost = folder.path().join("no/such/folder.tar.zst");
    errs(&on("noiommu", &["record", lost.to_str().unwrap()]), 1, &["cannot write"]);
    assert!(hosts().is_dir());
}

/// What needed a privilege and did not have it is unknown, never a no.
#[test]
fn what_was_not_seen_is_exit_5() {
    let ran = on("intel-default", &["list"]);
    assert_eq!(ran.code, Some(5));
    assert!(ran.out.contains("? Not seen: the VF settings of "), "{}", ran.out);
}

fn policy(text: &str) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("policy.yaml");
    std::fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn a_policy_is_planned_on_a_recorded_host() {
    let (_folder, file) = policy(
        "version: 1\npfs:\n- match: { pci: 01:00.0 }\n  vfs: 3\n  vf: { 1: { vlan: 42, driver: vfio } }\n",
    );
    let plan = on("intel-default", &["plan", "-f", &file]);
    assert_eq!((plan.code, plan.err.as_str()), (Some(4), ""));
    insta::assert_snapshot!("plan", plan.out);
    let status = on("intel-default", &["status", "-f", &file]);
    assert_eq!(status.code, Some(4));
    assert!(status.out.starts_with("01:00.0  differs; "), "{}", status.out);

    let (_folder, as_it_is) = policy("version: 1\npfs:\n- match: { pci: 01:00.0 }\n  vfs: 3\n");
    assert_eq!(on("intel-default", &["plan", "-f", &as_it_is]).code, Some(0));
    let status = on("intel-default", &["status", "-f", &as_it_is]);
    assert_eq!((status.code, status.out.as_str()), (Some(0), "01:00.0  as declared\n"));
}

#[test]
fn what_a_policy_cannot_have_is_told_with_its_place() {
    let (_folder, file) = policy("version: 1\npfs:\n- match: { pci: 0b:00.0 }\n  vfs: 3\n");
    let told = on("intel-default", &["plan", "-f", &file]);
    assert_eq!(told.code, Some(1));
    assert!(
        told.out.contains("policy.yaml:3:3: no device here is pci 0000:0b:00.0"),
        "{}",
        told.out
    );

    let (_folder, file) = policy("version: 1\npfs:\n- match: { pci: 01:00.0 }\n  numvfs: 3\n");
    let told = on("intel-default", &["status", "-f", &file]);
    assert_eq!(told.code, Some(1));
    assert!(
        told.err
            .contains("policy.yaml:4:3: a PF has no `numvfs`\n 4 |   numvfs: 3\n   |   ^^^^^^\n"),
        "{}",
        told.err
    );

    let told = on("intel-default", &["plan"]);
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("/etc/virtfn/policy.yaml: there is no policy"), "{}", told.err);
    assert_eq!(on("intel-default", &["plan", "-f", "/nonexistent"]).code, Some(1));
}

#[test]
fn configuration_is_imported_and_exported() {
    let netplan = "network:\n  version: 2\n  ethernets:\n    enp1s0:\n      virtual-function-count: 4\n      embedded-switch-mode: switchdev\n";
    let host = with_files(&[("etc/netplan/50.yaml", netplan)]);
    let root = host.path().to_str().unwrap();
    let mut told = String::new();
    for words in [
        &["import", "live"][..],
        &["import", "netplan"],
        &["import", "modprobe"],
        &["export", "networkd", "--live"],
        &["export", "netplan"],
        &["export", "driverctl", "--live"],
        &["export", "openstack", "--live", "--for-version", "26"],
    ] {
        let ran = run(&[words, &["--root", root]].concat());
        let exit = ran.code.unwrap();
        told += &format!("$ virtfn {}\n{}{}exit {exit}\n\n", words.join(" "), ran.out, ran.err);
    }
    insta::assert_snapshot!("exchange", told);
}

#[test]
fn files_of_an_export_go_to_their_places() {
    let folder = TempDir::new().unwrap();
    let output = folder.path().to_str().unwrap();
    let ran = on("intel-default", &["export", "networkmanager", "--live", "--output", output]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let file =
        folder.path().join("etc/NetworkManager/system-connections/virtfn-enp1s0.nmconnection");
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

/// Nothing on the machine says whose a VF is: the installed policy does.
#[test]
fn a_list_says_for_whom_the_policy_has_a_vf() {
    if !std::path::Path::new(&recorded("intel-default")).exists() {
        return;
    }
    let policy = "version: 1\npfs:\n  - match: { netdev: enp1s0 }\n    vfs: 1\n    defaults: { owner: tenant 7 }\n";
    let host = with_files(&[("etc/virtfn/policy.yaml", policy)]);
    let root = host.path().to_str().unwrap();
    let shown = run(&["list", "--root", root]).out;
    let tree = run(&["list", "--tree", "--root", root]).out;
    let json = run(&["list", "--json", "--root", root]).out;
    assert!(
        json.contains("\"owner\":\"tenant 7\"") || json.contains("\"owner\": \"tenant 7\""),
        "{json}"
    );
    assert!(shown.contains("tenant 7") && tree.contains("tenant 7"), "{shown}\n{tree}");
}

/// A VF whose PF's driver has told of an address and a VLAN.
#[test]
fn what_is_pasted_elsewhere_is_printed() {
    let links = r#"[{"name":"enp1s0","ifindex":2,"function":"0000:01:00.0","mac":null,"permanent_mac":"52:54:00:00:00:01","random_mac":false,"up":true,"carrier":true,"speed_mbps":null,"mtu":1500,"master":null,"addresses":[]}]"#;
    let vfs = r#"{"vfs":{"0":{"mac":"52:54:00:6d:90:02","vlan":42},"1":{"mac":"00:00:00:00:00:00","vlan":0}},"count":3}"#;
    let host = with_files(&[("virtfn/links.json", links), ("virtfn/vfs-0000:01:00.0.json", vfs)]);
    let root = host.path().to_str().unwrap();
    let mut told = String::new();
    for line in [
        "xml nodedev 01:00.0",
        "xml nodedev 01:10.0",
        "xml nodedev 00:01.0",
        "xml interface enp1s0/0",
        "xml interface enp1s0/1",
        "xml interface enp1s0/2",
        "xml interface enp1s0/2 --mac auto --vlan 0 --teaming ua-net0",
        "xml interface enp1s0/0 --virtualport 802.1Qbh --profile finance",
        "xml interface enp1s0",
        "xml interface 00:01.0 --json",
        "xml hostdev enp1s0/0 --json",
        "xml network enp1s0 --name vfs",
        "xml network enp1s0/0",
        "xml cloud-hypervisor enp1s0/0 enp1s0/1",
        "xml proxmox enp1s0/0",
        "xml proxmox enp1s0/0 --vmid 100 --number 1",
        "xml proxmox-mapping vfs enp1s0/0",
        "xml proxmox-mapping vfs enp1s0/0 enp1s0/1 --node pve1",
        "xml proxmox-mapping vfs enp1s0/0 --node pve1 --command",
        "qemu-args enp1s0/0 enp1s0",
        "qemu-args enp1s0/0 --json",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let ran = run(&[&words[..], &["--root", root]].concat());
        let exit = ran.code.unwrap();
        told += &format!("$ virtfn {line}\n{}{}exit {exit}\n\n", ran.out, ran.err);
    }
    insta::assert_snapshot!("pasted", told);
    for line in [
        "xml interface enp1s0/0 --profile x",
        "xml interface enp1s0/0 --virtualport 802.1Qbg --profile x",
        "xml interface enp1s0/0 --vlan 42 --virtualport 802.1Qbh --profile x",
        "xml interface enp1s0/0 --mac nonsense",
        "xml proxmox enp1s0/0 --vmid 1",
        "xml proxmox-mapping a/b enp1s0/0",
        "xml network enp1s0 --name a/b",
        "xml",
        "qemu-args",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(run(&[&words[..], &["--root", root]].concat()).code, Some(2), "{line}");
    }
}

/// The VMs' VFs of a recorded host cannot be taken over, but what would change is shown.
#[test]
fn an_adoption_is_shown_with_every_line_that_changes() {
    if !std::path::Path::new(&recorded("intel-default")).exists() {
        return;
    }
    let link = "[Match]\nOriginalName=enp1s0\n\n[Link]\nMTUBytes=9000\nSR-IOVVirtualFunctions=3\n\n[SR-IOV]\nVirtualFunction=0\nVLANId=42\n";
    let script =
        "#!/bin/sh\nfor i in 1; do echo 4 > /sys/class/net/enp1s0/device/sriov_numvfs; done\n";
    let policy =
        "version: 1\npfs:\n  # the other card\n  - match: { pci: \"0000:99:00.0\" }\n    vfs: 1\n";
    let host =
        with_files(&[("etc/systemd/network/10-pf.link", link), ("etc/virtfn/policy.yaml", policy)]);
    let root = host.path().to_str().unwrap();
    let shown = run(&["adopt", "enp1s0", "--dry-run", "--root", root]);
    let refused = with_files(&[("etc/rc.local", script)]);
    let refused =
        run(&["adopt", "enp1s0", "--dry-run", "--root", refused.path().to_str().unwrap()]);
    // Two that disagree: what the machine has counts, and each adds what the other does not say.
    let netplan = "network:\n  ethernets:\n    enp1s0:\n      virtual-function-count: 5\n";
    let two = with_files(&[
        ("etc/systemd/network/10-pf.link", link),
        ("etc/netplan/vfs.yaml", netplan),
        ("etc/driverctl.d/pci-0000:01:10.0", "vfio-pci\n"),
    ]);
    let two = run(&["adopt", "enp1s0", "--dry-run", "--root", two.path().to_str().unwrap()]);
    let all = [shown, refused, two];
    let all = all.map(|ran| format!("{}{}exit {}\n", ran.out, ran.err, ran.code.unwrap()));
    insta::assert_snapshot!("adopt", all.join("\n---\n\n"));
}
